"""The intake: whose a change is, its order, and what becomes of those that are nobody's."""

from __future__ import annotations

import asyncio
import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.changes import (
    DeadLetter,
    Intake,
    LogUnavailable,
    MemoryLog,
    Outcome,
    PatientsUnanswered,
    Unresolved,
)
from sources.errors import SourceRejected, SourceUnavailable
from sources.model import Change, ChangeType, Mrn, PatientId, Told
from sources.ports import Noticed
from tests.gateway.changes.made import Chart, Opened, Remembering, change, noticed, said, whole

DOWN = SourceUnavailable("ehr", "connection refused")


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.anyio
async def test_a_change_is_appended_under_the_ehrs_id_of_its_patient(opened: Opened) -> None:
    log, observer = await opened(), Remembering()
    intake = Intake(log, Chart(M1="p1", M2="p2"), observer=observer)

    await intake.take([noticed("5001", 1, "M1"), noticed("5002", 1, "M2"), noticed("5001", 2, "M1")])

    told = [whole(item) for item in (await log.read(None)).items if isinstance(item, Told)]
    assert told == [change("5001", 1, "p1"), change("5002", 1, "p2"), change("5001", 2, "p1")]
    assert observer.changes == {("pms", Outcome.APPENDED): 3}


@pytest.mark.anyio
async def test_a_change_that_names_our_patient_needs_nobody_to_ask() -> None:
    log, chart = MemoryLog(), Chart()

    await Intake(log, chart).take([Noticed(change("e1", patient="p7", source="ehr"), None)])

    assert [item.patient_id for item in (await log.read(None)).items if isinstance(item, Told)] == ["p7"]
    assert chart.asked == []


@pytest.mark.anyio
async def test_a_patient_whom_a_practice_knows_by_an_mrn_alone_is_told_under_the_ehrs_id(
    opened: Opened,
) -> None:
    log, observer = await opened(), Remembering()
    amended = change("", "j.7", patient="", type=ChangeType.PATIENT)
    intake = Intake(log, Chart(M1="p1", M2="p2"), observer=observer)

    await intake.take([Noticed(amended, Mrn("M1")), Noticed(replace(amended, version="j.8"), Mrn("M2"))])
    await intake.take([Noticed(amended, Mrn("M1"))])

    items = (await log.read(None)).items
    assert [(it.record_id, it.patient_id, it.version) for it in items if isinstance(it, Told)] == [
        ("Patient/p1", "p1", "j.7"),
        ("Patient/p2", "p2", "j.8"),
    ]


@pytest.mark.anyio
async def test_each_patient_is_asked_for_once_and_a_hundred_at_a_time() -> None:
    log = MemoryLog()
    chart = Chart(**{f"M{number}": f"p{number}" for number in range(150)})
    batch = [noticed(str(number), version, f"M{number}") for version in (1, 2) for number in range(150)]

    await Intake(log, chart).take(batch)

    assert [len(asked) for asked in chart.asked] == [100, 50]
    assert len((await log.read(None)).items) == 300


@pytest.mark.anyio
async def test_a_change_that_comes_again_is_counted_and_not_told_again(opened: Opened) -> None:
    log, observer = await opened(), Remembering()
    intake = Intake(log, Chart(M1="p1"), observer=observer)

    for _ in range(3):
        await intake.take([noticed("5001", 1), noticed("5001", 1)])

    assert said((await log.read(None)).items) == ["5001.1"]
    assert observer.changes == {("pms", Outcome.APPENDED): 1, ("pms", Outcome.DUPLICATE): 5}


@pytest.mark.anyio
async def test_a_change_of_nobody_is_a_dead_letter_and_holds_up_nothing(opened: Opened) -> None:
    log, observer = await opened(), Remembering()
    intake = Intake(log, Chart(M1="p1", M9=""), observer=observer)
    batch = [noticed("1", mrn="M404"), noticed("2", mrn=None), noticed("3", mrn="M9"), noticed("4", mrn="M1")]

    await intake.take(batch)
    await intake.take(batch)

    assert said((await log.read(None)).items) == ["4.1"]
    assert list(await log.letters()) == [
        DeadLetter(change("1", patient=""), Unresolved.UNKNOWN),
        DeadLetter(change("2", patient=""), Unresolved.UNNAMED),
        DeadLetter(change("3", patient=""), Unresolved.UNKNOWN),
    ]
    assert observer.changes["pms", Outcome.DEAD] == 3


@pytest.mark.anyio
async def test_nothing_that_is_kept_holds_an_mrn() -> None:
    log = MemoryLog()
    intake = Intake(log, Chart(**{"MRN-CANARY-1": "p1"}))

    await intake.take([noticed("1", mrn="MRN-CANARY-1"), noticed("2", mrn="MRN-CANARY-2")])

    kept = msgspec.json.encode([(await log.read(None)).items, await log.letters()])
    assert b'"2"' in kept
    assert b"CANARY" not in kept


@pytest.mark.anyio
async def test_a_change_whose_patient_cannot_be_told_now_waits_while_the_others_go_on() -> None:
    log, chart, observer = MemoryLog(), Chart(M1="p1", M2="p2"), Remembering()
    chart.patients[Mrn("M2")] = DOWN
    intake = Intake(log, chart, observer=observer)
    batch = [noticed("1", 1, "M2"), noticed("2", 1, "M1"), noticed("1", 2, "M2")]

    with pytest.raises(PatientsUnanswered) as raised:
        await intake.take(batch)

    assert raised.value.count == 2
    assert said((await log.read(None)).items) == ["2.1"]
    assert observer.changes["pms", Outcome.WAITING] == 2

    chart.patients[Mrn("M2")] = PatientId("p2")
    await intake.take(batch)

    assert said((await log.read(None)).items) == ["2.1", "1.1", "1.2"]
    assert await log.letters() == ()


@pytest.mark.anyio
@pytest.mark.parametrize("fault", [DOWN, SourceRejected("ehr", "401"), TimeoutError()])
async def test_an_ehr_that_does_not_answer_at_all_makes_all_wait(fault: Exception) -> None:
    log, chart = MemoryLog(), Chart(M1="p1")
    chart.fault = fault
    intake = Intake(log, chart)

    with pytest.raises(PatientsUnanswered):
        await intake.take([noticed()])
    chart.fault = None
    await intake.take([noticed()])

    assert said((await log.read(None)).items) == ["5001.1"]


@pytest.mark.anyio
async def test_an_ehr_that_hangs_makes_all_wait() -> None:
    async def hangs(_: object) -> dict[Mrn, PatientId]:
        await asyncio.sleep(3600)
        return {}

    intake = Intake(MemoryLog(), hangs, resolve_within_s=0.05)

    with pytest.raises(PatientsUnanswered):
        await asyncio.wait_for(intake.take([noticed()]), 5)


@pytest.mark.anyio
async def test_who_has_waited_too_long_becomes_a_dead_letter() -> None:
    log, chart, clock = MemoryLog(), Chart(M1="p1"), Clock()
    chart.patients[Mrn("M2")] = DOWN
    intake = Intake(log, chart, patience_s=60, clock=clock)
    batch = [noticed("1", mrn="M2"), noticed("2", mrn="M1")]

    for clock.now in (0.0, 30.0, 59.9):
        with pytest.raises(PatientsUnanswered):
            await intake.take(batch)
    clock.now = 60.0
    await intake.take(batch)

    assert list(await log.letters()) == [DeadLetter(change("1", patient=""), Unresolved.UNANSWERED)]
    assert said((await log.read(None)).items) == ["2.1"]


@pytest.mark.anyio
async def test_patience_begins_anew_for_a_change_that_was_taken_in() -> None:
    log, chart, clock = MemoryLog(), Chart(), Clock()
    chart.patients[Mrn("M1")] = DOWN
    intake = Intake(log, chart, patience_s=60, clock=clock)
    with pytest.raises(PatientsUnanswered):
        await intake.take([noticed()])
    chart.patients[Mrn("M1")] = PatientId("p1")
    await intake.take([noticed()])

    chart.patients[Mrn("M1")] = DOWN
    clock.now = 100.0

    with pytest.raises(PatientsUnanswered):
        await intake.take([noticed()])
    assert await log.letters() == ()


@pytest.mark.anyio
async def test_batches_keep_the_order_in_which_they_came_though_the_first_is_slow_to_resolve() -> None:
    log = MemoryLog()
    first_may_go = asyncio.Event()

    async def resolve(mrns: object) -> dict[Mrn, PatientId | Exception]:
        await first_may_go.wait()
        return {Mrn("M1"): PatientId("p1")}

    intake = Intake(log, resolve)  # type: ignore[arg-type] # of one patient alone
    slow = asyncio.create_task(intake.take([noticed("5001", 1, "M1")]))
    await asyncio.sleep(0)
    quick = asyncio.create_task(intake.take([Noticed(change("5001", 2, "p1", "ehr"), None)]))
    for _ in range(5):
        await asyncio.sleep(0)
    first_may_go.set()
    await asyncio.gather(slow, quick)

    assert said((await log.read(None)).items) == ["5001.1", "5001.2"]


class Refusing(MemoryLog):
    """A log whose store is away at some of the calls."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = random.Random(seed)  # noqa: S311 - it only has to vary

    async def append(self, change: Change) -> str | None:
        if self._random.random() < 0.3:
            raise LogUnavailable("ConnectionError")
        cursor = await super().append(change)
        if self._random.random() < 0.3:
            raise LogUnavailable("TimeoutError")  # it has appended, and could not say so
        return cursor


MRNS = st.sampled_from(["M1", "M2", "M3"])


@settings(max_examples=100, deadline=None)
@given(
    batch=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20), MRNS), max_size=15),
    seed=st.integers(0, 2**16),
)
def test_handed_in_until_it_is_taken_each_is_told_once_and_in_order_by_patient(
    batch: list[tuple[int, int, str]], seed: int
) -> None:
    async def story() -> None:
        log, chart = Refusing(seed), Chart(M1="p1", M2="p2")  # M3 is nobody
        faults = random.Random(seed)  # noqa: S311 - the same
        intake = Intake(log, chart)
        handed_in = [noticed(f"{mrn}-{id}", version, mrn) for id, version, mrn in batch]
        is_taken = False
        while not is_taken:
            chart.patients[Mrn("M2")] = DOWN if faults.random() < 0.4 else PatientId("p2")
            try:
                await intake.take(handed_in)
                is_taken = True
            except (PatientsUnanswered, LogUnavailable):
                pass

        told = [item for item in (await log.read(None)).items if isinstance(item, Told)]
        for patient, mrn in (("p1", "M1"), ("p2", "M2")):
            keys = list(dict.fromkeys(each.change.key for each in handed_in if each.mrn == mrn))
            assert [each.key for each in told if each.patient_id == patient] == keys
        nobodys = list(dict.fromkeys(each.change.key for each in handed_in if each.mrn == "M3"))
        assert [letter.change.key for letter in await log.letters()] == nobodys

    asyncio.run(story())
