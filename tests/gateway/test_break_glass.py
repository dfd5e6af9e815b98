"""Break-glass: what a request may declare, how long it holds, and that each use is recorded and alarmed."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from graphql import build_schema
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit import Audit, AuditUnavailable, MemorySink, Record
from gateway.audit.chain import Head
from gateway.audit.pseudonyms import Pseudonyms
from gateway.audit.sink import Sink
from gateway.breaking import LAPSED, NEEDS_REASON, SHAPE, UNRECORDED, BreakGlass
from gateway.emergencies import SESSIONS, OwnEmergencies
from gateway.errors import Code, RequestError
from gateway.operations import Operation, Operations
from gateway.settings import Limits
from gateway.telemetry import Metrics
from policies import Actor, Audience, Emergency
from policies.break_glass import Bar
from sources.model import PatientId
from tests.gateway.audit.made import SEALS, SECRET, actor

OPERATION: Operation = Operations(build_schema("type Query { a: Int }"), Limits()).find("query Look { a }")
REASON = "Unconscious, brought in by ambulance"
ANA, BEN = PatientId("ana"), PatientId("ben")
BEGAN = 1_000_000.0
LASTS_S = 900.0
A_CLINICIAN = actor()


class Clock:
    def __init__(self) -> None:
        self.now = BEGAN

    def __call__(self) -> float:
        return self.now


class Dead:
    """A sink that takes nothing."""

    def append(self, items: object) -> Head:
        raise AuditUnavailable("full")

    def close(self) -> None:
        """Nothing is held open."""


class Glass:
    """Break-glass over a trail in memory, at a time of the test's choosing."""

    def __init__(self, sink: Sink | None = None) -> None:
        self.clock = Clock()
        self.metrics = Metrics()
        self.kept = MemorySink(SEALS)
        self.audit = Audit(sink or self.kept, SECRET, "policy-1")
        self.glass = BreakGlass(self.audit, self.metrics, clock=self.clock)

    async def declare(self, said: object, caller: Actor = A_CLINICIAN, trace: str = "t1") -> Actor:
        return await self.glass.declared(caller, said, OPERATION, trace)

    async def refused(self, said: object, caller: Actor = A_CLINICIAN) -> RequestError:
        with pytest.raises(RequestError) as refused:
            await self.declare(said, caller)
        return refused.value

    def counted(self, outcome: str) -> float | None:
        return self.metrics.registry.get_sample_value("caregraph_break_glass_total", {"outcome": outcome})

    @property
    def records(self) -> list[Record]:
        return self.kept.records


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def running(sink: Sink | None = None) -> AsyncIterator[Glass]:
    made = Glass(sink)
    async with made.audit.running():
        yield made


@pytest.fixture
async def glass() -> AsyncIterator[Glass]:
    async with running() as made:
        yield made


def saying(patient: str = "Patient/ana", **more: Any) -> dict[str, Any]:
    return {"patient": patient, **more}


@pytest.mark.anyio
async def test_a_request_that_declares_nothing_is_as_it_was_and_leaves_no_trace(glass: Glass) -> None:
    assert await glass.declare(None) is A_CLINICIAN
    assert glass.records == []
    assert [glass.counted(outcome) for outcome in ("declared", "used", "refused")] == [None] * 3


@pytest.mark.anyio
@pytest.mark.parametrize("patient", ["Patient/ana", "ana"])
@pytest.mark.parametrize("part2", [False, True])
async def test_a_declaration_breaks_the_glass_for_one_patient_and_fifteen_minutes(
    glass: Glass, patient: str, part2: bool
) -> None:
    broken = await glass.declare(saying(patient, reason=REASON, part2Emergency=part2))

    assert broken == replace(A_CLINICIAN, emergency=Emergency(ANA, BEGAN + LASTS_S, part2, "t1"))


@pytest.mark.anyio
async def test_a_declaration_is_recorded_with_its_reason_and_alarmed_without(
    glass: Glass, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        await glass.declare(saying(reason=REASON))

    (record,) = glass.records
    ana = Pseudonyms(SECRET).patient(ANA)
    assert (record.kind, record.purpose, record.operation) == ("break-glass", "BTG", "Look")
    assert (record.document, record.trace_id, record.patients) == (OPERATION.hash, "t1", [ana])
    assert record.emergency is not None
    assert (record.emergency.patient, record.emergency.reason) == (ana, REASON)
    assert record.emergency.until.timestamp() == BEGAN + LASTS_S
    assert (record.emergency.declared, record.emergency.part2) == ("t1", False)
    assert glass.counted("declared") == 1
    (alarm,) = caplog.records
    assert (alarm.levelname, alarm.getMessage()) == ("WARNING", "break-glass")
    assert (vars(alarm)["outcome"], vars(alarm)["trace_id"]) == ("declared", "t1")
    assert REASON not in str(vars(alarm))
    assert "ana" not in str(alarm.args)


@pytest.mark.anyio
async def test_an_open_session_is_used_without_a_reason_and_each_use_is_recorded_and_alarmed(
    glass: Glass,
) -> None:
    declared = await glass.declare(saying(reason=REASON, part2Emergency=True))
    glass.clock.now += LASTS_S - 1

    used = await glass.declare(saying(), trace="t2")

    assert used == declared
    use = glass.records[1]
    assert use.emergency is not None
    assert (use.trace_id, use.emergency.declared, use.emergency.reason) == ("t2", "t1", None)
    assert (glass.counted("declared"), glass.counted("used")) == (1, 1)


@pytest.mark.anyio
async def test_a_session_lapses_after_fifteen_minutes_and_its_use_does_not_prolong_it(glass: Glass) -> None:
    broken = await glass.declare(saying(reason=REASON))
    glass.clock.now += LASTS_S - 1
    await glass.declare(saying())
    assert glass.glass.now(broken) is broken
    glass.clock.now += 1

    refused = await glass.refused(saying())

    assert (refused.code, refused.faults[0].message) == (Code.FORBIDDEN, LAPSED)
    assert glass.glass.now(broken) == A_CLINICIAN
    assert len(glass.records) == 2
    assert glass.counted("refused") == 1


@pytest.mark.anyio
async def test_a_new_declaration_renews_a_session(glass: Glass) -> None:
    await glass.declare(saying(reason=REASON, part2Emergency=True))
    glass.clock.now += 600

    renewed = await glass.declare(saying(reason="Still unconscious, in surgery"), trace="t2")

    assert renewed.emergency == Emergency(ANA, BEGAN + 600 + LASTS_S, part2=False, declared="t2")
    glass.clock.now += LASTS_S - 1
    assert (await glass.declare(saying())).emergency == renewed.emergency


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("caller", "patient"),
    [
        pytest.param(A_CLINICIAN, "Patient/ben", id="another patient"),
        pytest.param(actor(token_id="jti-2"), "Patient/ana", id="another token"),
        pytest.param(actor(issuer="https://other.example"), "Patient/ana", id="another issuer"),
    ],
)
async def test_a_session_is_of_one_token_and_one_patient(glass: Glass, caller: Actor, patient: str) -> None:
    await glass.declare(saying(reason=REASON))

    refused = await glass.refused(saying(patient), caller)

    assert (refused.code, refused.faults[0].message) == (Code.FORBIDDEN, LAPSED)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "said",
    [
        pytest.param("Patient/ana", id="a text"),
        pytest.param([], id="a list"),
        pytest.param({}, id="nothing"),
        pytest.param({"reason": REASON}, id="no patient"),
        pytest.param({"patient": 7, "reason": REASON}, id="a number for a patient"),
        pytest.param({"patient": "", "reason": REASON}, id="an empty patient"),
        pytest.param({"patient": "Encounter/e1", "reason": REASON}, id="an encounter"),
        pytest.param({"patient": ["Patient/ana", "Patient/ben"], "reason": REASON}, id="two patients"),
        pytest.param({"patient": "Patient/ana", "reason": ""}, id="an empty reason"),
        pytest.param({"patient": "Patient/ana", "reason": "emergency"}, id="nine characters"),
        pytest.param({"patient": "Patient/ana", "reason": "no" + " " * 20}, id="spaces for a reason"),
        pytest.param({"patient": "Patient/ana", "reason": "x" * 501}, id="too long a reason"),
        pytest.param({"patient": "Patient/ana", "reason": "Unconscious\nin bay 3"}, id="two lines"),
        pytest.param({"patient": "Patient/ana", "reason": REASON, "part2Emergency": "yes"}, id="a yes"),
        pytest.param({"patient": "Patient/ana", "reason": REASON, "minutes": 60}, id="a time of one's own"),
    ],
)
async def test_what_is_no_declaration_is_refused_in_words_that_say_what_is(
    glass: Glass, said: object
) -> None:
    refused = await glass.refused(said)

    assert (refused.code, refused.faults[0].message) == (Code.BAD_USER_INPUT, SHAPE)
    assert glass.records == []
    assert glass.counted("refused") == 1


@pytest.mark.anyio
async def test_part_2_is_not_lifted_without_a_reason(glass: Glass) -> None:
    await glass.declare(saying(reason=REASON))

    refused = await glass.refused(saying(part2Emergency=True))

    assert (refused.code, refused.faults[0].message) == (Code.BAD_USER_INPUT, NEEDS_REASON)
    emergency = (await glass.declare(saying())).emergency
    assert emergency is not None
    assert emergency.part2 is False


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("caller", "bar"),
    [
        pytest.param(actor(audience=audience), Bar.AUDIENCE, id=audience.value)
        for audience in Audience
        if audience is not Audience.CLINICIAN
    ]
    + [pytest.param(actor(subject="worklist-app", fhir_user=None), Bar.USER, id="a backend")],
)
async def test_who_may_not_is_refused_and_opens_no_session(glass: Glass, caller: Actor, bar: Bar) -> None:
    refused = await glass.refused(saying(reason=REASON), caller)

    assert (refused.code, refused.faults[0].message) == (Code.FORBIDDEN, bar.value)
    assert glass.records == []
    assert (await glass.refused(saying(), A_CLINICIAN)).faults[0].message == LAPSED


@pytest.mark.anyio
async def test_what_can_not_be_recorded_breaks_no_glass() -> None:
    async with running(Dead()) as glass:
        refused = await glass.refused(saying(reason=REASON))
        after = await glass.refused(saying())

    assert (refused.code, refused.faults[0].message) == (Code.INTERNAL, UNRECORDED)
    assert refused.shown("t1")[0]["extensions"]["retryable"] is True
    assert after.faults[0].message == LAPSED
    assert glass.counted("declared") is None


@pytest.mark.anyio
async def test_sessions_are_bounded_and_the_oldest_makes_room(
    glass: Glass, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert SESSIONS == 10_000
    monkeypatch.setattr("gateway.emergencies.SESSIONS", 2)
    for patient in ("p1", "p2", "p3"):
        await glass.declare(saying(f"Patient/{patient}", reason=REASON))

    assert (await glass.refused(saying("Patient/p1"))).faults[0].message == LAPSED
    for patient in ("p2", "p3"):
        assert (await glass.declare(saying(f"Patient/{patient}"))).emergency is not None


@pytest.mark.anyio
async def test_sessions_that_have_lapsed_are_let_go_of(glass: Glass) -> None:
    await glass.declare(saying("Patient/p1", reason=REASON))
    glass.clock.now += LASTS_S
    await glass.declare(saying("Patient/p2", reason=REASON))

    assert isinstance(glass.glass._emergencies, OwnEmergencies)
    assert len(glass.glass._emergencies._open) == 1


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
declarations = values | st.fixed_dictionaries(
    {"patient": values | st.just("Patient/ana")},
    optional={"reason": values | st.text(min_size=8, max_size=14), "part2Emergency": values},
)


async def outcome(said: object) -> tuple[Actor | Code, list[Record]]:
    """What comes of a declaration: the actor in the emergency, or the refusal's code; and the records."""
    async with running() as glass:
        try:
            return await glass.declare(said), glass.records
        except RequestError as refused:
            return refused.code, glass.records


@pytest.mark.anyio
@given(said=declarations.filter(lambda said: said is not None))
async def test_whatever_is_said_either_breaks_the_glass_with_a_record_or_is_refused(said: object) -> None:
    made, records = await outcome(said)

    if isinstance(made, Code):
        assert made in (Code.BAD_USER_INPUT, Code.FORBIDDEN)
        assert records == []
    else:
        (record,) = records
        assert made.emergency is not None
        assert record.emergency is not None
        assert record.emergency.reason is not None
        assert len(record.emergency.reason.strip()) >= 10
