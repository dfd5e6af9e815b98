"""Consents are remembered for a minute at most, dropped at once when they change, and never stood in for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from resolvers import consents
from resolvers.consents import LONGEST_S, MOST, KeptConsents, NoConsents
from sources.errors import SourceMisread, SourceUnavailable
from sources.memory import MemoryRecords
from sources.model import CodeableConcept, Coding, Consent, PatientId, Provision, Reference
from sources.ports import Found, Listed, Narrowing

ANA, BEN, CY = PatientId("ana"), PatientId("ben"), PatientId("cy")
PRIVACY = CodeableConcept(
    coding=(Coding(system="http://terminology.hl7.org/CodeSystem/consentscope", code="patient-privacy"),)
)

pytestmark = pytest.mark.anyio


def consent(patient: PatientId, id_: str = "c", status: str = "active") -> Consent:
    return Consent(
        id=id_,
        status=status,
        scope=PRIVACY,
        patient=Reference(reference=f"Patient/{patient}"),
        provision=Provision(type="deny"),
    )


class Ehr(MemoryRecords):
    """Consents in memory, with a count of the patients asked for, and a gate that answers wait at."""

    def __init__(self, *consents: Consent) -> None:
        super().__init__(consents)
        self.asked: list[list[PatientId]] = []
        self.how: list[tuple[Any, ...]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.was_asked = asyncio.Event()
        self.answer: Any = None

    async def of_patients(self, kind: Any, patients: Sequence[PatientId], *how: Any) -> Found[PatientId, Any]:
        self.asked.append(list(patients))
        self.how.append((kind, *how))
        self.was_asked.set()
        found = await super().of_patients(kind, patients, *how)
        await self.open.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return found if self.answer is None else self.answer


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_all_patients_are_asked_for_in_one_call_and_none_again_within_the_minute() -> None:
    clock, ehr = Clock(), Ehr(consent(ANA))
    kept = KeptConsents(ehr, 60, clock)

    found = await kept.of([ANA, BEN])
    clock.now = 59.9
    again = await kept.of([BEN, ANA])

    assert found == again == {ANA: (consent(ANA),), BEN: ()}
    assert ehr.asked == [[ANA, BEN]]


async def test_all_that_a_consent_is_evaluated_by_is_asked_for() -> None:
    ehr = Ehr()

    await KeptConsents(ehr, 60).of([ANA])

    wanted = frozenset({"status", "scope", "policy_rule", "provision"})
    assert ehr.how == [(Consent, Narrowing(), wanted)]


@pytest.mark.parametrize(("age", "later", "asked"), [(60, 60, 2), (60, 59.9, 1), (1, 0.9, 1), (1, 1, 2)])
async def test_a_consent_lives_as_long_as_the_settings_say_from_when_it_was_asked_for(
    age: float, later: float, asked: int
) -> None:
    clock, ehr = Clock(), Ehr(consent(ANA))
    kept = KeptConsents(ehr, age, clock)

    clock.now = 1_000.0
    await kept.of([ANA])
    clock.now += later
    await kept.of([ANA])

    assert len(ehr.asked) == asked


async def test_who_was_fetched_the_longest_ago_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consents, "MOST", 2)
    clock, ehr = Clock(), Ehr()
    kept = KeptConsents(ehr, 60, clock)
    await kept.of([ANA])
    clock.now = 1.0
    await kept.of([BEN])
    assert len(ehr.asked) == 2
    await kept.of([ANA, BEN])
    assert len(ehr.asked) == 2

    clock.now = 60.0
    await kept.of([ANA])
    await kept.of([CY])

    ehr.asked.clear()
    await kept.of([ANA, CY])
    assert ehr.asked == []
    await kept.of([BEN])
    assert ehr.asked == [[BEN]]
    assert MOST == 50_000


async def test_past_its_age_a_consent_is_read_again_and_no_setting_makes_it_live_longer() -> None:
    clock, ehr = Clock(), Ehr(consent(ANA))
    kept = KeptConsents(ehr, 3_600, clock)
    await kept.of([ANA])

    ehr.put(consent(ANA, status="inactive"))
    clock.now = LONGEST_S
    assert await kept.of([ANA]) == {ANA: ()}
    assert LONGEST_S == 60


async def test_an_age_of_nothing_remembers_nothing() -> None:
    ehr = Ehr(consent(ANA))
    kept = KeptConsents(ehr, 0, Clock())

    await kept.of([ANA])
    await kept.of([ANA])

    assert ehr.asked == [[ANA], [ANA]]
    assert not kept._known


@pytest.mark.parametrize("everybody", [False, True])
async def test_a_changed_consent_is_dropped_at_once(everybody: bool) -> None:
    """Adversarial items 8 and 9: a write of a consent leaves nothing remembered that it contradicts."""
    ehr = Ehr()
    kept = KeptConsents(ehr, 60, Clock())
    await kept.of([ANA, BEN])

    ehr.put(consent(ANA))
    if everybody:
        kept.forget_all()
    else:
        kept.forget(ANA)

    assert await kept.of([ANA, BEN]) == {ANA: (consent(ANA),), BEN: ()}
    assert ehr.asked[1] == ([ANA, BEN] if everybody else [ANA])


@pytest.mark.parametrize("everybody", [False, True])
async def test_what_was_read_before_a_change_is_not_remembered_after_it(everybody: bool) -> None:
    ehr = Ehr()
    kept = KeptConsents(ehr, 60, Clock())
    ehr.open.clear()
    reading = asyncio.create_task(kept.of([ANA]))
    await ehr.was_asked.wait()

    ehr.put(consent(ANA))
    if everybody:
        kept.forget_all()
    else:
        kept.forget(ANA)
    ehr.open.set()
    await reading

    assert await kept.of([ANA]) == {ANA: (consent(ANA),)}


async def test_a_reading_that_is_done_keeps_no_other_from_hearing_of_a_change() -> None:
    class Slow(Ehr):
        async def of_patients(self, kind: Any, patients: Sequence[PatientId], *how: Any) -> Any:
            found = await super().of_patients(kind, patients, *how)
            await gates[patients[0]].wait()
            return found

    gates = {ANA: asyncio.Event(), BEN: asyncio.Event()}
    ehr = Slow()
    kept = KeptConsents(ehr, 60, Clock())
    hers, his = (asyncio.create_task(kept.of([patient])) for patient in (ANA, BEN))
    await ehr.was_asked.wait()
    gates[BEN].set()
    await his

    ehr.put(consent(ANA))
    kept.forget(ANA)
    gates[ANA].set()
    assert await hers == {ANA: ()}

    assert await kept.of([ANA]) == {ANA: (consent(ANA),)}
    assert kept._fetching == []


async def test_what_could_not_be_read_is_an_error_and_asked_for_again() -> None:
    ehr = Ehr(consent(ANA))
    kept = KeptConsents(ehr, 60, Clock())
    ehr.answer = SourceUnavailable("ehr", "down")
    with pytest.raises(SourceUnavailable):
        await kept.of([ANA])
    error = SourceMisread("ehr", "one is malformed")
    ehr.answer = {ANA: error, BEN: Listed((), complete=False)}
    found = await kept.of([ANA, BEN])

    assert found[ANA] is error
    unread = found[BEN]
    assert isinstance(unread, SourceMisread)
    assert unread.why == "more consents of one patient than are read"
    ehr.answer = None
    assert await kept.of([ANA, BEN]) == {ANA: (consent(ANA),), BEN: ()}


async def test_consents_not_in_force_are_not_kept() -> None:
    ehr = Ehr(consent(ANA, "1", "entered-in-error"), consent(ANA, "2", "draft"), consent(ANA, "3"))

    assert await KeptConsents(ehr, 60).of([ANA]) == {ANA: (consent(ANA, "3"),)}


async def test_an_operator_may_say_that_there_are_none() -> None:
    none = NoConsents()
    none.forget(ANA)
    none.forget_all()

    assert not none.are_kept
    assert await none.of([ANA, BEN]) == {ANA: (), BEN: ()}
