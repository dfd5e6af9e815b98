"""Every road to rows drops the rows of others before anybody sees them, and asks for no more than it may."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from policies import Actor, Audience
from resolvers.loaders import Loaders
from sources.errors import SourceMisread, SourceUnavailable
from sources.model import (
    Chart,
    Condition,
    DocumentReference,
    Encounter,
    Engagement,
    Mrn,
    Observation,
    Patient,
    PatientId,
    Practitioner,
    Visit,
)
from sources.ports import AppointmentQuery, Found, Listed, Narrowing, Page, PatientQuery
from tests.policies.people import ANA, BEN, a_clinician, ana, someone
from tests.resolvers.office import (
    BOOKINGS,
    MRNS,
    Office,
    balance,
    booking,
    concept,
    condition,
    denial,
    patient,
)

pytestmark = pytest.mark.anyio

EVERY = Narrowing()
nobody = someone(Audience.CLINICIAN, "")
ANAS, BENS = (Chart(ANA, MRNS[ANA]),), (Chart(BEN, MRNS[BEN]),)

Road = Callable[[Loaders], Awaitable[list[Any]]]


async def _search_patients(loaders: Loaders) -> list[Any]:
    return list((await loaders.records.search_patients(PatientQuery(), 10, None)).nodes)


async def _search_appointments(loaders: Loaders) -> list[Any]:
    return list((await loaders.bookings.search_appointments(AppointmentQuery(), 10, None)).nodes)


async def _rows(loader: Any, keys: list[Any]) -> list[Any]:
    """All rows that the keys lead to, one list."""
    found = await loader.load(keys)
    return [
        row for one in found if one is not None for row in (one.rows if isinstance(one, Listed) else (one,))
    ]


ROADS: dict[str, tuple[Road, list[str], list[str]]] = {
    "a patient by id": (lambda it: _rows(it.records.read(Patient), [ANA, BEN]), [ANA], [BEN]),
    "a row by id": (lambda it: _rows(it.records.read(Condition), ["c-ana", "c-ben"]), ["c-ana"], ["c-ben"]),
    "patients' rows": (
        lambda it: _rows(it.records.of_patients(Condition, EVERY), [ANA, BEN]),
        ["c-ana"],
        ["c-ben"],
    ),
    "encounters' rows": (
        lambda it: _rows(it.records.of_encounters(Observation), [Visit(ANA, "e-ana"), Visit(BEN, "e-ben")]),
        ["o-lab"],
        ["o-ben"],
    ),
    "by MRN": (lambda it: _rows(it.records.patients_by_mrn(), [MRNS[ANA], MRNS[BEN]]), [ANA], [BEN]),
    "a search for patients": (_search_patients, [ANA], [BEN]),
    "a booking by id": (lambda it: _rows(it.bookings.appointments(), ["1", "2"]), ["1"], ["2"]),
    "a booking by visit": (lambda it: _rows(it.bookings.appointments_by_visit(), ["V1", "V2"]), ["1"], ["2"]),
    "patients' bookings": (
        lambda it: _rows(it.bookings.appointments_of(AppointmentQuery()), [ANAS, BENS]),
        ["3", "1"],
        ["2"],
    ),
    "a search for bookings": (_search_appointments, ["3", "1"], ["2"]),
    "coverages": (lambda it: _rows(it.accounts.coverages(), [ANAS, BENS]), ["cov-M1"], ["cov-M2"]),
}


@pytest.mark.parametrize("road", ROADS)
async def test_a_patient_gets_her_rows_and_nobody_elses_on_every_road(road: str) -> None:
    take, hers, _ = ROADS[road]

    assert [row.id for row in await take(Office().loaders(ana))] == hers


@pytest.mark.parametrize("road", ROADS)
async def test_a_clinician_gets_the_rows_of_both(road: str) -> None:
    take, hers, his = ROADS[road]

    assert sorted(row.id for row in await take(Office().loaders(a_clinician))) == sorted([*hers, *his])


@pytest.mark.parametrize("road", ROADS)
async def test_who_may_know_of_no_row_has_none_asked_for(road: str) -> None:
    office = Office()

    assert await ROADS[road][0](office.loaders(nobody)) == []
    assert office.ehr.asked == office.pms.asked == []


@pytest.mark.parametrize("road", ROADS)
async def test_whose_consent_denies_them_is_withheld_on_every_road(road: str) -> None:
    take, hers, _ = ROADS[road]
    office = Office(consents=(denial(BEN),))
    loaders = office.loaders(a_clinician)

    assert [row.id for row in await take(loaders)] == hers
    assert set(loaders.touched.withheld) == {"consent-denies"}
    assert loaders.touched.patients | set(loaders.touched.charts) <= {ANA, MRNS[ANA]}


async def test_engagement_is_asked_for_by_key_and_given_to_whom_it_belongs() -> None:
    office = Office()

    found = await office.loaders(a_clinician).engagements().load([ANA, BEN])
    hers = await office.loaders(ana).engagements().load([ANA, BEN])

    assert [row.care_key for row in found if isinstance(row, Engagement)] == [f"key {ANA}", f"key {BEN}"]
    assert [row is None for row in hers] == [False, True]
    assert office.crm.asked[0][1][0] == [f"key {ANA}", f"key {BEN}"]


async def test_engagement_of_one_whose_consent_denies_it_is_not_asked_for() -> None:
    office = Office(consents=(denial(BEN), denial(ANA)))

    assert await office.loaders(a_clinician).engagements().load([ANA, BEN]) == [None, None]
    assert await office.loaders(nobody).engagements().load([ANA]) == [None]
    assert office.crm.asked == []


async def test_a_balance_is_the_patients_and_no_one_elses() -> None:
    office = Office(consents=())
    loaders = office.loaders(ana)

    assert await loaders.accounts.balances().load([ANAS, BENS]) == [balance(MRNS[ANA]), None]
    assert await office.loaders(nobody).accounts.balances().load([ANAS]) == [None]
    assert office.pms.names() == ["balances"]


async def test_a_balance_that_a_consent_denies_is_not_asked_for() -> None:
    office = Office(consents=(denial(ANA), denial(BEN)))
    desk = someone(Audience.PRACTICE, "user/Account.rs")

    assert await office.loaders(desk).accounts.balances().load([ANAS, BENS]) == [None, None]
    assert await office.loaders(desk).accounts.coverages().load([ANAS]) == [Listed()]
    assert office.pms.asked == []


async def test_a_location_is_anyones_who_has_a_scope_on_it() -> None:
    office = Office()

    assert [
        row.id for row in await _rows(office.loaders(a_clinician).bookings.locations(), ["loc-1", "loc-2"])
    ] == ["loc-1"]
    assert await office.loaders(nobody).bookings.locations().load(["loc-1"]) == [None]
    assert office.pms.names() == ["locations"]


async def test_a_practitioner_is_found_by_npi() -> None:
    loaders = Office().loaders(a_clinician)

    (found,) = await loaders.records.practitioners_by_npi().load(["N1"])
    assert isinstance(found, Practitioner)
    assert found.id == "prac-1"


# -- what is asked for ---------------------------------------------------------------------


async def test_a_source_is_asked_for_what_the_plan_and_the_conditions_read_and_no_more() -> None:
    office = Office()
    loaders = office.loaders(ana, {"Condition": frozenset({"severity"})})

    await loaders.records.of_patients(Condition, EVERY).load([ANA])
    await loaders.records.read(Condition).load(["c-ana"])

    assert office.ehr.asked[0] == (
        "of_patients",
        (Condition, [ANA], EVERY, frozenset({"severity", "subject", "security"})),
    )
    assert office.ehr.asked[1] == (
        "read",
        (Condition, ["c-ana"], frozenset({"severity", "subject", "security"})),
    )


async def test_the_rows_of_encounters_are_asked_for_with_the_reference_that_tells_which() -> None:
    office = Office()
    loaders = office.loaders(ana)
    visits = [Visit(ANA, "e-ana"), Visit(ANA, "e-2")]

    observed = await loaders.records.of_encounters(Observation).load(visits)
    await loaders.records.of_encounters(DocumentReference).load(visits[:1])

    assert [[row.id for row in it.rows] for it in observed if isinstance(it, Listed)] == [["o-lab"], []]
    name, (kind, whose, narrowing, wanted) = office.ehr.asked[0]
    assert (name, kind, whose) == ("of_patients", Observation, [ANA])
    assert narrowing == Narrowing((("encounter", ("e-ana", "e-2")),))
    assert wanted == {"subject", "security", "encounter"}
    assert office.ehr.asked[1][1][3] == {"subject", "security", "security_label", "context"}


async def test_a_granular_scope_narrows_the_search_and_is_held_against_each_row() -> None:
    office = Office()
    labs = someone(Audience.CLINICIAN, "user/Observation.rs?category=laboratory")
    loaders = office.loaders(labs)

    found = await _rows(loaders.records.of_patients(Observation, EVERY), [ANA])
    by_id = await _rows(loaders.records.read(Observation), ["o-lab", "o-vital"])

    assert [row.id for row in found] == [row.id for row in by_id] == ["o-lab"]
    assert office.ehr.asked[1][1][2] == Narrowing((("category", ("laboratory",)),))
    assert loaders.touched.withheld == {"row-out-of-reach": 1}


async def test_patients_are_searched_for_within_the_one_the_token_is_for() -> None:
    office = Office()

    await office.loaders(ana).records.search_patients(PatientQuery(gender="female"), 5, None)

    name, (query, count, bookmark, wanted) = office.ehr.asked[0]
    assert (name, query.id, query.gender, count, bookmark) == ("search_patients", ANA, "female", 5, None)
    assert wanted == {"id", "security"}


async def test_two_edges_that_ask_the_same_share_a_loader_and_others_have_their_own() -> None:
    loaders = Office().loaders(ana)

    def all_of_them() -> list[object]:
        return [
            loaders.records.read(Condition),
            loaders.records.read(Encounter),
            loaders.records.of_patients(Condition, EVERY),
            loaders.records.of_patients(Condition, Narrowing((("code", ("x",)),))),
            loaders.records.of_patients(Observation, EVERY),
            loaders.records.of_encounters(Observation),
            loaders.records.of_encounters(DocumentReference),
            loaders.records.patients_by_mrn(),
            loaders.records.practitioners_by_npi(),
            loaders.bookings.appointments(),
            loaders.bookings.appointments_by_visit(),
            loaders.bookings.appointments_of(AppointmentQuery()),
            loaders.bookings.appointments_of(AppointmentQuery("2026-01-01T00:00:00Z")),
            loaders.bookings.locations(),
            loaders.accounts.coverages(),
            loaders.accounts.balances(),
            loaders.engagements(),
        ]

    first, again = all_of_them(), all_of_them()
    assert len(set(map(id, first))) == len(first)
    assert list(map(id, again)) == list(map(id, first))


async def test_what_is_closed_gives_nothing_more() -> None:
    loaders = Office().loaders(ana)
    before = loaders.records.read(Condition)

    loaders.close()

    assert loaders.records.read(Condition) is not before


# -- a search for bookings -------------------------------------------------------------------


async def test_bookings_are_searched_for_by_what_the_practice_knows_them_by() -> None:
    office = Office()
    loaders = office.loaders(a_clinician)

    found = await loaders.bookings.search_appointments(AppointmentQuery(), 5, None, "prac-1", ANA)

    assert [row.id for row in found.nodes] == ["1"]
    name, (query, count, _, _) = office.pms.asked[0]
    assert (name, query.mrns, query.npis, count) == ("search_appointments", ("M1",), ("N1",), 5)
    assert loaders.touched.charts == {MRNS[ANA]}


@pytest.mark.parametrize(
    ("practitioner", "whose"),
    [("prac-9", None), (None, "pat-nobody"), ("prac-9", ANA), ("prac-1", "pat-nobody")],
)
async def test_bookings_of_whom_nobody_knows_are_none_and_not_asked_for(
    practitioner: str | None, whose: str | None
) -> None:
    office = Office()

    found = await office.loaders(a_clinician).bookings.search_appointments(
        AppointmentQuery(), 5, None, practitioner, whose
    )

    assert (list(found.nodes), found.has_next_page, found.has_previous_page) == ([], False, False)
    assert office.pms.asked == []


async def test_a_patient_searches_her_own_bookings_and_nobody_elses() -> None:
    office = Office()
    loaders = office.loaders(ana)

    hers = await loaders.bookings.search_appointments(AppointmentQuery(), 5, None, None, ANA)
    his = await loaders.bookings.search_appointments(AppointmentQuery(), 5, None, None, BEN)

    assert [row.id for row in hers.nodes] == ["3", "1"]
    assert list(his.nodes) == []
    assert len(office.pms.asked) == 1
    assert office.pms.asked[0][1][0].mrns == (MRNS[ANA],)


async def test_an_unnarrowed_search_asks_the_practice_for_everything() -> None:
    office = Office()

    found = await office.loaders(a_clinician).bookings.search_appointments(AppointmentQuery(), 5, None)

    assert [row.id for row in found.nodes] == ["3", "2", "1"]
    assert office.pms.asked[0][1][0] == AppointmentQuery()


# -- whose a booking is ------------------------------------------------------------------------


async def test_whose_a_booking_is_the_ehr_tells_once_for_all() -> None:
    office = Office()

    await office.loaders(ana).bookings.appointments().load(["1", "2", "3"])

    name, (kind, identifiers, wanted) = office.ehr.asked[0]
    assert (name, kind, sorted(identifiers), wanted) == (
        "identified",
        Patient,
        ["urn:mrn|M1", "urn:mrn|M2"],
        {"mrn"},
    )


async def test_who_was_read_already_is_not_asked_for_again() -> None:
    office = Office()
    loaders = office.loaders(ana)
    await loaders.records.read(Patient).load([ANA])
    before = len(office.ehr.asked)

    (found,) = await loaders.bookings.appointments().load(["1"])

    assert found == BOOKINGS[0]
    assert [name for name, _ in office.ehr.asked[before:]] == []


async def test_a_booking_of_nobody_known_is_dropped() -> None:
    office = Office(records=(patient(BEN),))

    assert await office.loaders(ana).bookings.appointments().load(["1"]) == [None]


async def test_a_booking_whose_owner_could_not_be_found_out_is_an_error() -> None:
    office, error = Office(), SourceMisread("ehr", "malformed")
    office.ehr.instead["identified"] = {"urn:mrn|M1": error}

    assert await office.loaders(ana).bookings.appointments().load(["1"]) == [error]


# -- failures ----------------------------------------------------------------------------------


async def test_a_row_that_could_not_be_read_is_an_error_in_its_place() -> None:
    office, error = Office(), SourceMisread("ehr", "malformed")
    office.ehr.instead["read"] = {"c-ana": error}

    assert await office.loaders(ana).records.read(Condition).load(["c-ana", "c-ben"]) == [error, None]


async def test_rows_whose_consents_could_not_be_read_are_an_error() -> None:
    office, error = Office(), SourceUnavailable("ehr", "down")
    loaders = office.loaders(a_clinician)

    class Broken:
        are_kept = True

        async def of(self, patients: Any) -> Found[PatientId, Any]:
            return dict.fromkeys(patients, error)

        def forget(self, patient: PatientId) -> None: ...
        def forget_all(self) -> None: ...

    office.consents = Broken()
    loaders = office.loaders(a_clinician)

    assert await loaders.records.read(Patient).load([ANA]) == [error]
    assert await loaders.records.of_patients(Condition, EVERY).load([ANA]) == [error]
    assert await loaders.records.read(Condition).load(["c-ana"]) == [error]
    assert await loaders.accounts.coverages().load([ANAS]) == [error]
    assert await loaders.engagements().load([ANA]) == [error]
    assert await office.loaders(someone(Audience.PRACTICE, "user/*.rs")).accounts.balances().load([ANAS]) == [
        error
    ]
    with pytest.raises(SourceUnavailable):
        await loaders.records.search_patients(PatientQuery(), 5, None)
    with pytest.raises(SourceUnavailable):
        await loaders.bookings.search_appointments(AppointmentQuery(), 5, None)
    with pytest.raises(SourceUnavailable):
        await loaders.bookings.search_appointments(AppointmentQuery(), 5, None, None, ANA)
    with pytest.raises(SourceUnavailable):
        await loaders.knows_of("Condition", ANA)
    assert office.crm.asked == []


async def test_what_one_of_several_sources_could_not_tell_is_noted() -> None:
    office = Office()
    lost, cut = SourceUnavailable("north", "down"), SourceMisread("south", "malformed")
    office.pms.instead["appointments_of"] = {
        MRNS[ANA]: Listed((booking("1", ANA),), complete=False, missing=(lost,))
    }
    office.pms.instead["search_appointments"] = Page((), None, (cut,))
    loaders = office.loaders(ana)

    (listed,) = await loaders.bookings.appointments_of(AppointmentQuery()).load([ANAS])
    page = await loaders.bookings.search_appointments(AppointmentQuery(), 5, None)

    assert isinstance(listed, Listed)
    assert (len(listed.rows), listed.complete, page.complete) == (1, False, False)
    assert loaders.missing == {("north", SourceUnavailable): lost, ("south", SourceMisread): cut}


async def test_a_row_of_another_encounter_is_not_this_ones() -> None:
    found = await Office().loaders(a_clinician).records.of_encounters(Observation).load([Visit(ANA, "e-ben")])

    assert found == [Listed()]


async def test_an_error_of_an_encounters_rows_stays_one() -> None:
    office, error = Office(), SourceMisread("ehr", "malformed")
    office.ehr.instead["of_patients"] = {ANA: error}

    assert await office.loaders(ana).records.of_encounters(Observation).load([Visit(ANA, "e-ana")]) == [error]


# -- what the request touched ------------------------------------------------------------------


async def test_whose_rows_were_given_is_noted_for_the_audit() -> None:
    office = Office()
    loaders = office.loaders(a_clinician)
    await loaders.records.read(Condition).load(["c-ana"])
    assert loaders.touched.patients == {ANA}

    await loaders.records.of_patients(Condition, EVERY).load([BEN])
    assert loaders.touched.patients == {ANA, BEN}

    by_mrn = office.loaders(a_clinician)
    await by_mrn.records.patients_by_mrn().load([MRNS[BEN]])
    assert by_mrn.touched.patients == {BEN}

    booked = office.loaders(a_clinician)
    await booked.bookings.appointments().load(["1"])
    assert booked.touched.charts == {MRNS[ANA]}

    searched = office.loaders(a_clinician)
    await searched.records.search_patients(PatientQuery(), 5, None)
    assert searched.touched.patients == {ANA, BEN}


async def test_a_part_2_row_that_is_disclosed_is_noted_for_its_notice() -> None:
    office = Office((patient(ANA), condition("c-ana", ANA, "F10.20", "42CFRPart2")))
    loaders = office.loaders(a_clinician)

    assert [row.id for row in await _rows(loaders.records.read(Condition), ["c-ana"])] == ["c-ana"]
    assert loaders.touched.is_part_2
    other = Office().loaders(a_clinician)
    await other.records.read(Condition).load(["c-ana"])
    assert not other.touched.is_part_2


async def test_a_row_that_a_label_closes_is_dropped_and_counted() -> None:
    office = Office((patient(ANA), condition("c-ana", ANA, "I10", "HIPAAPsyNotes")))
    loaders = office.loaders(a_clinician)

    assert await loaders.records.read(Condition).load(["c-ana"]) == [None]
    assert await loaders.records.of_patients(Condition, EVERY).load([ANA]) == [Listed()]
    assert loaders.touched.withheld == {"label-handling": 2}


# -- consents that look at the row -------------------------------------------------------------


async def test_a_consent_on_codes_has_the_row_read_again_with_what_it_looks_at() -> None:
    rows = (patient(ANA), condition("c-1", ANA, "F10.20"), condition("c-2", ANA, "I10"))
    office = Office(rows, consents=(denial(ANA, code=(concept("F10"),)),))
    loaders = office.loaders(a_clinician)

    by_id = await _rows(loaders.records.read(Condition), ["c-1", "c-2"])
    listed = await _rows(loaders.records.of_patients(Condition, EVERY), [ANA])

    assert [row.id for row in by_id] == [row.id for row in listed] == ["c-2"]
    reads = [how for name, how in office.ehr.asked if name == "read"]
    detail = {"security", "code", "recorded_date", "onset_date_time"}
    assert [(ids, wanted) for _, ids, wanted in reads] == [
        (["c-1", "c-2"], {"security"}),
        (["c-1", "c-2"], detail),
    ]
    assert [how[3] for name, how in office.ehr.asked if name == "of_patients" and how[0] is Condition] == [
        detail
    ]


# -- what a subscription may tell of -----------------------------------------------------------


@pytest.mark.parametrize(
    ("actor", "consents", "knows"),
    [
        pytest.param(ana, (), True, id="the patient herself, whatever is in the rows"),
        pytest.param(a_clinician, (), True, id="a clinician, of bookings"),
        pytest.param(nobody, (), False, id="one without scopes"),
        pytest.param(a_clinician, (denial(ANA),), False, id="one whom her consent denies"),
    ],
)
async def test_whether_an_actor_may_know_of_all_of_a_patients_bookings(
    actor: Actor, consents: tuple[Any, ...], knows: bool
) -> None:
    assert await Office(consents=consents).loaders(actor).knows_of("Appointment", ANA) is knows


async def test_where_the_row_decides_nobody_can_tell_without_it() -> None:
    coded = denial(ANA, code=(concept("F10"),))

    assert await Office().loaders(a_clinician).knows_of("Condition", ANA) is None
    assert await Office(consents=(coded,)).loaders(a_clinician).knows_of("Appointment", ANA) is None
    assert await Office().loaders(ana).knows_of("Appointment", BEN) is False
    granular = someone(Audience.CLINICIAN, "user/Appointment.rs?status=booked")
    assert await Office().loaders(granular).knows_of("Appointment", ANA) is None


async def test_a_second_practices_charts_are_merged_by_start() -> None:
    office = Office()
    both = (Chart(ANA, MRNS[ANA]), Chart(ANA, Mrn("M9")))
    late = booking("9", ANA, 2)
    office.pms.instead["appointments_of"] = {
        MRNS[ANA]: Listed((booking("1", ANA, 3),)),
        Mrn("M9"): Listed((late,)),
    }

    (listed,) = await office.loaders(ana).bookings.appointments_of(AppointmentQuery()).load([both])

    assert isinstance(listed, Listed)
    assert [row.id for row in listed.rows] == ["9", "1"]
    assert office.pms.asked[0][1][0] == [MRNS[ANA], Mrn("M9")]
