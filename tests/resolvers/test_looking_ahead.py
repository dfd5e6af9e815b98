"""For whom, and in which searches, more is promised only where there is more (decision 0024)."""

from __future__ import annotations

import pytest

from policies import Actor, Audience
from sources.ports import AppointmentQuery, Page, PatientQuery
from tests.policies.people import ANA, BEN, a_clinician, an_assistant, ana, someone, the_front_desk
from tests.resolvers.office import Office, booking, concept, denial, patient

pytestmark = pytest.mark.anyio

OF_SOMEONE = [
    PatientQuery(name="Vega"),
    PatientQuery(family="Vega"),
    PatientQuery(given="Luz"),
    PatientQuery(birth_date="1980-02-03"),
    PatientQuery(identifier="urn:family|7"),
    PatientQuery(id=ANA),
    PatientQuery(id=ANA, gender="female"),
]
OF_MANY = [PatientQuery(), PatientQuery(gender="female")]
WHO = {"a clinician": a_clinician, "the front desk": the_front_desk, "an assistant": an_assistant}
a_patients_app = someone(Audience.CLINICIAN, "patient/*.rs", patient=ANA, fhir_user="Practitioner/prac-1")


async def promises_more_patients(who: Actor, query: PatientQuery) -> bool:
    """Whether more than Ana is promised where the EHR finds Ben, too, who denies everybody everything."""
    office = Office(consents=(denial(BEN),))
    office.ehr.instead["search_patients"] = Page((patient(ANA), patient(BEN)), None)
    found = await office.loaders(who).records.search_patients(query, 1, None)
    assert [row.id for row in found.nodes] == [ANA]
    return found.has_next_page


async def promises_more_bookings(who: Actor, *, of: str | None) -> tuple[bool, int]:
    """Whether more than Ana's first booking is promised, where she denies the second; and the calls."""
    about = concept("F11.20")
    kept_back = booking("2", ANA, 2, reason_code=(about,))
    office = Office(bookings=(booking("1", ANA, 1), kept_back), consents=(denial(ANA, code=(about,)),))
    found = await office.loaders(who).bookings.search_appointments(AppointmentQuery(), 1, None, patient=of)
    assert [row.id for row in found.nodes] == ["1"]
    return found.has_next_page, office.pms.names().count("search_appointments")


@pytest.mark.parametrize("query", OF_SOMEONE, ids=str)
@pytest.mark.parametrize("who", WHO.values(), ids=WHO)
async def test_a_search_for_somebody_promises_nobody_who_is_withheld(who: Actor, query: PatientQuery) -> None:
    assert not await promises_more_patients(who, query)


@pytest.mark.parametrize("query", OF_MANY, ids=str)
@pytest.mark.parametrize("who", WHO.values(), ids=WHO)
async def test_a_list_of_everybody_may_promise_in_vain(who: Actor, query: PatientQuery) -> None:
    assert await promises_more_patients(who, query)


async def test_to_whom_every_booking_is_classified_none_is_promised_that_is_withheld() -> None:
    assert await promises_more_bookings(an_assistant, of=None) == (False, 2)


@pytest.mark.parametrize("who", [a_clinician, the_front_desk])
async def test_the_bookings_of_one_patient_promise_none_that_is_withheld(who: Actor) -> None:
    assert await promises_more_bookings(who, of=ANA) == (False, 2)
    assert await promises_more_bookings(who, of=None) == (True, 1)


async def test_the_bookings_of_the_one_patient_a_token_is_for_promise_none_that_is_withheld() -> None:
    assert await promises_more_bookings(a_patients_app, of=None) == (False, 2)


@pytest.mark.parametrize("of", [ANA, None])
async def test_patients_are_not_made_to_wait_for_a_look_at_the_next_page_of_their_own(of: str | None) -> None:
    assert await promises_more_bookings(ana, of=of) == (True, 1)
