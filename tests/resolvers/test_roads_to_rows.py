"""What each road to rows asks of a source, holds against the conditions, and leaves on record."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from policies import Audience
from resolvers.batching import NotFetched
from resolvers.connection import Rows
from resolvers.consents import NoConsents
from resolvers.faults import BadInput
from resolvers.loaders import Loaders
from sources.errors import SourceMisread
from sources.model import (
    Chart,
    Coding,
    Condition,
    Location,
    Mrn,
    Observation,
    Patient,
    PatientId,
    Practitioner,
    Visit,
)
from sources.ports import AppointmentQuery, Listed, Narrowing, PatientQuery
from tests.policies.people import ANA, BEN, a_clinician, ana, someone, the_front_desk
from tests.resolvers.office import (
    MRNS,
    RECORDS,
    Office,
    booking,
    condition,
    denial,
    observation,
    patient,
)

pytestmark = pytest.mark.anyio

EVERY = Narrowing()
CY = PatientId("pat-cy")
ANAS, BENS = (Chart(ANA, MRNS[ANA]),), (Chart(BEN, MRNS[BEN]),)
nobody = someone(Audience.CLINICIAN, "")
NORMAL = (Coding(system="http://terminology.hl7.org/CodeSystem/v3-Confidentiality", code="N"),)
"""What a row bears that is not labelled: a consent that names it looks at every row."""


# -- what is asked for -------------------------------------------------------------------------


async def test_of_whom_a_consent_closes_the_rows_nothing_is_read() -> None:
    office = Office(consents=(denial(BEN),))
    loaders = office.loaders(a_clinician)

    assert await loaders.records.read(Patient).load([BEN]) == [None]
    assert await loaders.records.of_patients(Condition, EVERY).load([BEN]) == [Listed()]
    assert [how[0].__name__ for name, how in office.ehr.asked] == ["Consent"]


async def test_an_mrn_that_no_record_bears_has_no_patient() -> None:
    loaders = Office().loaders(a_clinician)

    found = await loaders.records.patients_by_mrn().load([MRNS[ANA], Mrn("M7")])

    assert [getattr(row, "id", None) for row in found] == [ANA, None]


async def test_a_patient_who_names_nobody_searches_her_own_bookings() -> None:
    office = Office()

    found = await office.loaders(ana).bookings.search_appointments(AppointmentQuery(), 5, None)

    assert [row.id for row in found.nodes] == ["3", "1"]
    assert office.pms.asked[0][1][0] == AppointmentQuery(mrns=(MRNS[ANA],))


async def test_a_search_of_bookings_reads_a_patient_and_a_practitioner_only_where_they_are_named() -> None:
    office = Office()
    bookings = office.loaders(a_clinician).bookings

    await bookings.search_appointments(AppointmentQuery(), 5, None)
    assert "read" not in office.ehr.names()
    await bookings.search_appointments(AppointmentQuery(), 5, None, "prac-1", ANA)

    assert [how for name, how in office.ehr.asked if name == "read"] == [
        (Patient, [ANA], {"security", "mrns"}),
        (Practitioner, ["prac-1"], {"npi"}),
    ]


@pytest.mark.parametrize("criteria", [{}, {"security_label": NORMAL}])
async def test_bookings_of_one_whose_record_a_consent_closes_are_not_searched_for(
    criteria: dict[str, Any],
) -> None:
    office = Office(consents=(denial(BEN, **criteria),))

    found = await office.loaders(a_clinician).bookings.search_appointments(
        AppointmentQuery(), 5, None, patient=BEN
    )

    assert list(found.nodes) == []
    assert office.pms.asked == []


async def test_bookings_of_a_practitioner_without_an_npi_are_none() -> None:
    office = Office((*RECORDS, Practitioner(id="prac-2")))

    found = await office.loaders(a_clinician).bookings.search_appointments(
        AppointmentQuery(), 5, None, "prac-2"
    )

    assert list(found.nodes) == []
    assert office.pms.asked == []


async def test_whose_a_booking_is_is_not_asked_where_it_does_not_matter() -> None:
    office = Office()
    office.consents = NoConsents()

    found = await office.loaders(a_clinician).bookings.appointments().load(["1"])

    assert [getattr(row, "id", None) for row in found] == ["1"]
    assert office.ehr.asked == []


async def test_a_balance_is_asked_for_with_what_the_graph_reads_of_it() -> None:
    office = Office()

    await office.loaders(the_front_desk, {"Balance": frozenset({"as_of"})}).accounts.balances().load([ANAS])

    (_, (mrns, wanted)) = office.pms.asked[0]
    assert (mrns, "as_of" in wanted) == ([MRNS[ANA]], True)


# -- what is held against the conditions -------------------------------------------------------


async def test_a_gate_of_one_type_lets_no_row_of_another_through() -> None:
    office = Office()
    loaders = office.loaders(someone(Audience.CLINICIAN, "user/Condition.rs"))

    assert await loaders.records.read(Condition).load(["c-ana"]) != [None]
    assert await loaders.records.read(Observation).load(["o-lab"]) == [None]
    assert [how[0] for name, how in office.ehr.asked if name == "read"] == [Condition]


async def test_who_may_read_by_id_does_not_thereby_search_nor_the_other_way_round() -> None:
    for letter, by_id, by_search in (("r", ["c-ana"], []), ("s", [], ["c-ana"])):
        loaders = Office().loaders(someone(Audience.CLINICIAN, f"user/Condition.{letter}"))
        (read,) = await loaders.records.read(Condition).load(["c-ana"])
        (found,) = await loaders.records.of_patients(Condition, EVERY).load([ANA])

        assert isinstance(found, Listed)
        assert [row.id for row in (read,) if isinstance(row, Condition)] == by_id
        assert [row.id for row in found.rows] == by_search


async def test_a_patients_own_record_is_held_against_its_labels() -> None:
    office = Office((patient(ANA, "HIPAAPsyNotes"), patient(BEN)))
    loaders = office.loaders(a_clinician)

    found = await loaders.records.read(Patient).load([ANA, BEN])

    assert [getattr(row, "id", None) for row in found] == [None, BEN]
    assert loaders.touched.withheld == {"label-handling": 1}


@pytest.mark.parametrize("system", ["accounts", "relationship"])
async def test_a_consent_that_looks_at_rows_is_asked_of_what_no_ehr_keeps(system: str) -> None:
    office = Office(consents=(denial(ANA, security_label=NORMAL),))
    reader = the_front_desk if system == "accounts" else a_clinician
    loaders = office.loaders(reader)

    found: list[Any]
    if system == "accounts":
        found = await loaders.accounts.balances().load([ANAS, BENS])
    else:
        found = await loaders.engagements().load([ANA, BEN])

    assert [row is None for row in found] == [True, False]
    assert loaders.touched.withheld == {"consent-denies": 1}


async def test_of_a_balance_that_nobody_keeps_nothing_is_withheld() -> None:
    office = Office(consents=(denial(ANA, security_label=NORMAL),))
    office.pms.instead["balances"] = {}
    loaders = office.loaders(the_front_desk)

    assert await loaders.accounts.balances().load([ANAS]) == [None]
    assert loaders.touched.withheld == {}


async def test_a_granular_scope_is_held_against_each_location() -> None:
    office = Office()
    office.pms.instead["locations"] = {
        "1": Location(id="1", status="active"),
        "2": Location(id="2", status="suspended"),
    }
    loaders = office.loaders(someone(Audience.CLINICIAN, "user/Location.rs?status=active"))

    assert [getattr(row, "id", None) for row in await loaders.bookings.locations().load(["1", "2"])] == [
        "1",
        None,
    ]


async def test_a_booking_that_could_not_be_read_is_an_error_in_its_place() -> None:
    office, cut = Office(), SourceMisread("pms", "malformed")
    office.pms.instead["appointments"] = {"1": cut, "2": booking("2", BEN)}

    found = await office.loaders(a_clinician).bookings.appointments().load(["1", "2"])

    assert found == [cut, booking("2", BEN)]


async def test_practitioners_who_were_found_do_not_tell_whose_bookings_are() -> None:
    office = Office()
    loaders = office.loaders(ana)

    await loaders.records.practitioners_by_npi().load(["N1"])

    assert await loaders.bookings.appointments().load(["2"]) == [None]


# -- cursors -----------------------------------------------------------------------------------


async def _patients(loaders: Loaders, query: PatientQuery, after: str | None) -> Rows[Any]:
    return await loaders.records.search_patients(query, 1, after)


async def _bookings(loaders: Loaders, query: AppointmentQuery, after: str | None) -> Rows[Any]:
    return await loaders.bookings.search_appointments(query, 1, after)


@pytest.mark.parametrize(
    ("search", "query", "other"),
    [
        pytest.param(_patients, PatientQuery(), PatientQuery(gender="female"), id="patients"),
        pytest.param(_bookings, AppointmentQuery(), AppointmentQuery(statuses=("booked",)), id="bookings"),
    ],
)
async def test_a_cursor_opens_no_search_of_anothers_and_no_other_search(
    search: Any, query: Any, other: Any
) -> None:
    office = Office()
    cursor = (await search(office.loaders(a_clinician), query, None)).end_cursor

    assert cursor is not None
    assert len((await search(office.loaders(a_clinician), query, cursor)).nodes) == 1
    anothers = someone(Audience.CLINICIAN, "user/Patient.rs user/Appointment.rs")
    asked = len(office.ehr.asked), len(office.pms.asked)
    for actor, asks in ((a_clinician, other), (anothers, query)):
        with pytest.raises(BadInput, match="another search"):
            await search(office.loaders(actor), asks, cursor)
    assert (len(office.ehr.asked), len(office.pms.asked)) == asked


# -- what is on record -------------------------------------------------------------------------


async def test_who_tries_patients_out_of_reach_is_on_record_and_nobody_is_asked_about_them() -> None:
    office = Office()
    loaders = office.loaders(ana)

    found = await loaders.records.of_patients(Condition, EVERY).load([ANA, BEN, CY])

    assert [[row.id for row in it.rows] for it in found if isinstance(it, Listed)] == [["c-ana"], [], []]
    assert loaders.touched.patients == {ANA, BEN, CY}
    assert loaders.touched.withheld == {"row-out-of-reach": 2}
    assert [how[1] for name, how in office.ehr.asked if name == "of_patients"] == [[ANA]]


async def test_of_a_type_that_is_closed_altogether_no_row_is_counted_as_withheld() -> None:
    loaders = Office().loaders(nobody)

    await loaders.records.of_patients(Condition, EVERY).load([ANA])
    await loaders.records.of_encounters(Observation).load([Visit(ANA, "e-ana")])
    await loaders.bookings.appointments_of(AppointmentQuery()).load([ANAS])
    await loaders.accounts.balances().load([ANAS])
    await loaders.engagements().load([ANA])

    assert loaders.touched.withheld == {}
    assert loaders.touched.patients == set()


async def test_rows_of_the_ehr_that_a_request_was_given_name_their_owners() -> None:
    loaders = Office((patient(ANA), observation("o", ANA, "lab"), condition("c", BEN))).loaders(a_clinician)

    await loaders.records.read(Condition).load(["c"])

    assert loaders.touched.patients == {BEN}


# -- the end of a request ----------------------------------------------------------------------


async def test_what_is_still_fetched_when_a_request_ends_is_let_go_of() -> None:
    office = Office()
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def never(*_: Any) -> Any:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    loaders = office.loaders(a_clinician)
    loaders.house.sources.ehr.__dict__["read"] = never
    waiting = asyncio.create_task(loaders.records.read(Condition).load(["c-ana"]))
    await begun.wait()

    loaders.close()

    (found,) = await asyncio.wait_for(waiting, 30)
    assert isinstance(found, NotFetched)
    assert cancelled.is_set()


# -- what a subscription may tell of -----------------------------------------------------------


@pytest.mark.parametrize("letter", ["r", "s"])
async def test_who_may_read_or_search_bookings_may_be_told_of_them(letter: str) -> None:
    loaders = Office().loaders(someone(Audience.CLINICIAN, f"user/Appointment.{letter}"))

    assert await loaders.knows_of("Appointment", ANA) is True


async def test_who_may_know_of_no_row_is_told_of_none_whatever_its_labels() -> None:
    assert await Office().loaders(nobody).knows_of("Condition", ANA) is False
