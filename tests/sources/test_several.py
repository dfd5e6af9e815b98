"""Several sources behind one port: ids bear their source, answers are merged, failures stand aside."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.errors import SourceError, SourceMisread, SourceRejected, SourceUnavailable
from sources.memory import MemoryEngagements, MemoryPractice, MemoryRecords
from sources.model import (
    Appointment,
    Balance,
    CareKey,
    Change,
    ChangeKind,
    ChangeType,
    Consent,
    ConsentActor,
    ConsentData,
    Coverage,
    Encounter,
    Engagement,
    Identifier,
    Location,
    LogicalReference,
    Money,
    Mrn,
    Observation,
    Patient,
    PatientId,
    Practitioner,
    Provision,
    Reference,
)
from sources.model.clinical import EncounterParticipant
from sources.naming import Ambiguous, Naming, Practice
from sources.ports import AppointmentQuery, Listed, Narrowing, Noticed, Page, PatientQuery
from sources.several import NamedChanges, SeveralEngagements, SeveralPractices, SeveralRecords
from sources.several.renaming import resource

pytestmark = pytest.mark.anyio

ANY: frozenset[str] = frozenset()
NAMING = Naming(frozenset({"north", "south"}), "north")
MRN, VISIT = "urn:{}:mrn", "urn:{}:visit"


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


def practice(name: str) -> Practice:
    return Practice(name, MRN.format(name), VISIT.format(name), NAMING)


def clinic(name: str, *, npi: str) -> MemoryRecords:
    """An EHR whose patient p1, encounter e1 and practitioner d1 have the same ids as in any other."""
    return MemoryRecords(
        [
            Patient(
                id="p1",
                identifier=(Identifier(system=MRN.format(name), value="7"),),
                general_practitioner=(Reference(reference="Practitioner/d1"), Reference(reference="#in")),
            ),
            Encounter(
                id="e1",
                subject=Reference(reference=f"https://{name}.example/fhir/Patient/p1"),
                participant=(
                    EncounterParticipant(individual=Reference(reference="Practitioner/d1/_history/3")),
                ),
            ),
            Observation(
                id="o1",
                subject=Reference(reference="Patient/p1"),
                encounter=Reference(reference="Encounter/e1"),
            ),
            Practitioner(id="d1", identifier=(Identifier(system="urn:npi", value=npi),)),
        ],
        (practice(name),),
        name,
    )


@pytest.fixture
def records() -> SeveralRecords:
    return SeveralRecords(
        {"north": clinic("north", npi="1"), "south": clinic("south", npi="2")},
        NAMING,
        {"north": [practice("north")], "south": [practice("south")]},
    )


class Down:
    """A source that answers nothing."""

    name = "down"

    def __getattr__(self, name: str) -> Any:
        async def failing(*_: Any) -> Any:
            raise SourceUnavailable("south", "is down")

        return failing


async def test_each_id_is_asked_of_the_source_that_gave_it(records: SeveralRecords) -> None:
    found = await records.read(Patient, ["p1", "south:p1", "north:p1", "west:p1"], ANY)

    # `north:p1` is no id of the house: those of the north go bare.
    assert {key: row.id for key, row in found.items() if isinstance(row, Patient)} == {
        "p1": "p1",
        "south:p1": "south:p1",
    }


async def test_references_lead_to_records_of_the_same_source(records: SeveralRecords) -> None:
    (patient,) = (await records.read(Patient, ["south:p1"], ANY)).values()
    (listed,) = (await records.of_patients(Encounter, [PatientId("south:p1")], Narrowing(), ANY)).values()

    assert isinstance(patient, Patient)
    assert patient.general_practitioner_ids == ("south:d1",)
    assert patient.general_practitioner[1].reference == "#in"
    assert isinstance(listed, Listed)
    (encounter,) = listed.rows
    assert (encounter.id, encounter.patient_id) == ("south:e1", "south:p1")
    assert encounter.participant[0].individual == Reference(reference="Practitioner/south:d1/_history/3")


def test_whom_a_consent_names_is_of_its_own_source_however_deep_it_says_so() -> None:
    def naming(reference: str) -> tuple[ConsentActor, ...]:
        return (ConsentActor(reference=LogicalReference(reference=reference)),)

    row = Consent(
        id="c1",
        patient=Reference(reference="Patient/p1"),
        provision=Provision(
            actor=naming("Practitioner/d1"),
            provision=(
                Provision(
                    provision=(
                        Provision(
                            actor=naming("https://south.example/fhir/Practitioner/d2"),
                            data=(
                                ConsentData(meaning="instance", reference=Reference(reference="Condition/c")),
                            ),
                        ),
                    )
                ),
            ),
        ),
    )
    renamed = resource(row, NAMING, "south")

    assert renamed.provision is not None
    deepest = renamed.provision.provision[0].provision[0]
    assert (renamed.id, renamed.patient_id) == ("south:c1", "south:p1")
    assert renamed.provision.actor == naming("Practitioner/south:d1")
    assert deepest.actor == naming("https://south.example/fhir/Practitioner/south:d2")
    assert deepest.data[0].reference.reference == "Condition/south:c"
    assert resource(row, NAMING, "north") is row


async def test_rows_of_an_encounter_are_asked_for_by_the_ids_of_its_own_source(
    records: SeveralRecords,
) -> None:
    both = [PatientId("p1"), PatientId("south:p1")]
    found = await records.of_patients(Observation, both, Narrowing((("encounter", ("south:e1",)),)), ANY)

    assert list(found) == ["south:p1"]
    (listed,) = found.values()
    assert isinstance(listed, Listed)
    assert [(row.id, row.encounter_ids) for row in listed.rows] == [("south:o1", ("south:e1",))]


async def test_an_mrn_is_looked_up_in_the_ehr_of_its_practice_alone(records: SeveralRecords) -> None:
    tokens = [records.mrn_identifier(Mrn("7")), records.mrn_identifier(Mrn("south:7"))]
    found = await records.identified(Patient, tokens, ANY)

    assert [getattr(found[token], "id", None) for token in tokens] == ["p1", "south:p1"]
    with pytest.raises(LookupError):
        SeveralRecords({}, Naming(frozenset(), None), {}).mrn_identifier(Mrn("7"))


async def test_an_identifier_of_anyone_is_looked_up_everywhere(records: SeveralRecords) -> None:
    found = await records.identified(Practitioner, ["urn:npi|2", "urn:npi|1", "urn:npi|3"], ANY)

    assert {key: getattr(row, "id", None) for key, row in found.items()} == {
        "urn:npi|1": "d1",
        "urn:npi|2": "south:d1",
    }


async def test_what_one_ehr_may_hold_while_it_is_down_is_not_said_to_be_absent() -> None:
    records = SeveralRecords(
        {"north": clinic("north", npi="1"), "south": Down()},
        NAMING,
        {"north": [practice("north")], "south": [practice("south")]},
    )

    known = await records.identified(Practitioner, ["urn:npi|1", "urn:npi|2"], ANY)
    read = await records.read(Patient, ["p1", "south:p1"], ANY)

    assert getattr(known["urn:npi|1"], "id", None) == "d1"
    assert isinstance(known["urn:npi|2"], SourceUnavailable)
    assert getattr(read["p1"], "id", None) == "p1"
    assert isinstance(read["south:p1"], SourceUnavailable)


async def test_patients_are_searched_in_one_ehr_after_the_other(records: SeveralRecords) -> None:
    first = await records.search_patients(PatientQuery(), 1, None, ANY)
    second = await records.search_patients(PatientQuery(), 1, first.next, ANY)

    assert [row.id for row in (*first.rows, *second.rows)] == ["p1", "south:p1"]
    assert second.next is None
    only = await records.search_patients(PatientQuery(id=PatientId("south:p1")), 5, None, ANY)
    assert [row.id for row in only.rows] == ["south:p1"]
    assert (await records.search_patients(PatientQuery(id=PatientId("p1")), 5, None, ANY)).next is None
    with pytest.raises(SourceRejected, match="start again"):
        await records.search_patients(PatientQuery(), 1, "west ", ANY)


@pytest.mark.parametrize("down", ["north", "south"])
async def test_a_search_for_patients_tells_which_ehr_could_not_be_asked(down: str) -> None:
    each: dict[str, Any] = {name: clinic(name, npi="1") for name in ("north", "south")}
    each[down] = Down()
    records = SeveralRecords(each, NAMING, {name: [practice(name)] for name in each})

    rows: list[str] = []
    missing: list[SourceError] = []
    bookmark: str | None = None
    for _ in range(3):
        page = await records.search_patients(PatientQuery(), 5, bookmark, ANY)
        rows += [row.id for row in page.rows]
        missing += page.missing
        if (bookmark := page.next) is None:
            break

    assert rows == (["p1"] if down == "south" else ["south:p1"])
    assert len(missing) == 1


async def test_a_search_that_no_ehr_answers_fails() -> None:
    records = SeveralRecords({"north": Down(), "south": Down()}, NAMING, {})

    with pytest.raises(SourceUnavailable):
        await records.search_patients(PatientQuery(), 5, None, ANY)


# -- practices ---------------------------------------------------------------------------------


def booking(id_: str, day: int, mrn: str = "7") -> Appointment:
    start = f"2026-01-{day:02}T09:00:00+00:00"
    return Appointment(
        id=id_, patient_mrn=Mrn(mrn), status="booked", start=start, location_id="l1", visit_number=f"v{id_}"
    )


def office(name: str, days: Sequence[int]) -> MemoryPractice:
    return MemoryPractice(
        [booking(str(number), day) for number, day in enumerate(days)],
        [Location(id="l1", name=name)],
        [Coverage(id="c1", patient_mrn=Mrn("7"), status="active")],
        [Balance(patient_mrn=Mrn("7"), amount=Money(value="1.50", currency="USD"))],
        name,
    )


def several(offices: dict[str, Any]) -> SeveralPractices:
    billing = {name: one for name, one in offices.items() if name != "south"}
    return SeveralPractices(offices, billing, NAMING)


async def test_a_patients_charts_are_asked_for_where_they_are() -> None:
    practices = several({"north": office("north", [1, 3]), "south": office("south", [2])})
    mrns = [Mrn("7"), Mrn("south:7"), Mrn("south:8")]

    found = await practices.appointments_of(mrns, AppointmentQuery(), ANY)

    told = {
        mrn: [row.id for row in listed.rows] for mrn, listed in found.items() if isinstance(listed, Listed)
    }
    assert told == {"7": ["0", "1"], "south:7": ["south:0"]}
    (of_south,) = (listed for mrn, listed in found.items() if mrn == "south:7")
    assert isinstance(of_south, Listed)
    assert of_south.rows[0] == Appointment(
        id="south:0",
        patient_mrn=Mrn("south:7"),
        status="booked",
        start="2026-01-02T09:00:00+00:00",
        location_id="south:l1",
        visit_number="south:v0",
    )


async def test_what_one_practice_does_not_tell_is_refused_not_absent() -> None:
    practices = several({"north": office("north", [1]), "south": office("south", [2])})
    mrns = [Mrn("7"), Mrn("south:7")]

    coverages = await practices.coverages_of(mrns, ANY)
    balances = await practices.balances(mrns, ANY)

    assert isinstance(coverages[Mrn("7")], Listed)
    assert isinstance(coverages[Mrn("south:7")], SourceRejected)
    assert isinstance(balances[Mrn("7")], Balance)
    assert isinstance(balances[Mrn("south:7")], SourceRejected)


async def test_rows_are_read_by_ids_that_bear_their_source() -> None:
    practices = several({"north": office("north", [1]), "south": office("south", [2])})

    by_id = await practices.appointments(["0", "south:0", "south:9"], ANY)
    by_visit = await practices.appointments_by_visit(["v0", "south:v0"], ANY)
    places = await practices.locations(["l1", "south:l1"], ANY)

    assert {key: getattr(row, "id", None) for key, row in by_id.items()} == {"0": "0", "south:0": "south:0"}
    assert {key: getattr(row, "id", None) for key, row in by_visit.items()} == {
        "v0": "0",
        "south:v0": "south:0",
    }
    assert {key: getattr(row, "name", None) for key, row in places.items()} == {
        "l1": "north",
        "south:l1": "south",
    }


async def test_a_bare_id_that_reads_as_another_sources_is_misread() -> None:
    practices = several({"north": MemoryPractice([booking("south:0", 1)]), "south": office("south", [2])})

    found = await practices.appointments_of([Mrn("7")], AppointmentQuery(), ANY)

    assert isinstance(found[Mrn("7")], SourceMisread)


async def pages(practices: SeveralPractices, count: int) -> list[Page[Appointment]]:
    told: list[Page[Appointment]] = []
    bookmark: str | None = None
    for _ in range(100):
        page = await practices.search_appointments(AppointmentQuery(), count, bookmark, ANY)
        told.append(page)
        if (bookmark := page.next) is None:
            return told
    raise AssertionError("the pages have no end")


days = st.lists(st.integers(1, 28), max_size=7)


@given(north=days, south=days, count=st.integers(1, 5))
def test_the_books_of_several_practices_are_one_in_order_and_whole(
    north: list[int], south: list[int], count: int
) -> None:
    practices = several({"north": office("north", north), "south": office("south", south)})

    told = asyncio.run(pages(practices, count))

    rows = [row for page in told for row in page.rows]
    assert [row.start for row in rows] == sorted(row.start or "" for row in rows)
    expected = [str(n) for n in range(len(north))] + [f"south:{n}" for n in range(len(south))]
    assert sorted(row.id for row in rows) == sorted(expected)
    assert all(0 < len(page.rows) <= count for page in told[:-1])


async def test_the_book_of_a_practice_that_is_down_is_missing_from_a_search_that_goes_on() -> None:
    practices = several({"north": office("north", [1, 2, 3]), "south": Down()})

    page = await practices.search_appointments(AppointmentQuery(), 2, None, ANY)

    assert [row.id for row in page.rows] == ["0", "1"]
    assert [error.source for error in page.missing] == ["south"]
    assert page.next is not None


async def test_a_search_for_one_patient_asks_only_the_practices_that_keep_them() -> None:
    practices = several({"north": office("north", [1]), "south": Down()})

    page = await practices.search_appointments(AppointmentQuery(mrns=(Mrn("7"),)), 5, None, ANY)

    assert [row.id for row in page.rows] == ["0"]
    assert page.missing == ()


@pytest.mark.parametrize("bookmark", ["", "{}", "[]", '{"west":[null,0]}', "x", '{"north":[1]}'])
async def test_a_bookmark_of_another_search_is_refused(bookmark: str) -> None:
    practices = several({"north": office("north", [1]), "south": office("south", [2])})

    with pytest.raises(SourceRejected, match="start again"):
        await practices.search_appointments(AppointmentQuery(), 5, bookmark, ANY)


async def test_changes_tell_of_the_ids_of_the_house() -> None:
    south = office("south", [])
    changes = NamedChanges(south, NAMING)
    _, bookmark = await changes.changes(None)
    south.put(booking("5", 1))

    (noticed,), _ = await changes.changes(bookmark)

    assert (noticed.change.id, noticed.change.source, noticed.mrn) == ("south:5", "south", "south:7")


async def test_a_patient_whose_id_is_not_known_yet_is_told_by_the_mrn_of_the_house() -> None:
    amended = Change(
        kind=ChangeKind.UPDATED,
        type=ChangeType.PATIENT,
        source="south",
        id="",
        patient_id=PatientId(""),
        version="j.1",
        occurred="2026-11-22T14:00:00Z",
        received="2026-11-22T14:00:01Z",
    )
    south = office("south", [])

    async def told(bookmark: str | None) -> tuple[list[Noticed], str]:
        return [Noticed(amended, Mrn("7"))], "1"

    south.changes = told  # type: ignore[method-assign]
    (noticed,), _ = await NamedChanges(south, NAMING).changes("0")

    assert (noticed.change.id, noticed.mrn) == ("", "south:7")


# -- CRMs, and names ---------------------------------------------------------------------------


async def test_a_person_in_several_crms_is_told_as_the_first_knows_them() -> None:
    keys = [CareKey("a"), CareKey("b"), CareKey("c")]
    first = MemoryEngagements([Engagement(care_key=keys[0], score=1.0)])
    second = MemoryEngagements([Engagement(care_key=key, score=2.0) for key in keys[:2]])

    found = await SeveralEngagements({"one": first, "two": second}).engagements(keys, ANY)
    half = await SeveralEngagements({"one": Down(), "two": second}).engagements(keys, ANY)

    assert {key: getattr(row, "score", None) for key, row in found.items()} == {"a": 1.0, "b": 2.0}
    assert getattr(half[keys[0]], "score", None) == 2.0
    assert isinstance(half[keys[2]], SourceUnavailable)
    assert await SeveralEngagements({}).engagements(keys, ANY) == {}


names = st.text(alphabet="ab:", min_size=1, max_size=6)


@given(local=names, source=st.sampled_from(["a", "b", "ab"]), bare=st.sampled_from([None, "a", "b"]))
def test_an_id_of_the_house_leads_back_to_its_source_and_to_no_other(
    local: str, source: str, bare: str | None
) -> None:
    naming = Naming(frozenset({"a", "b", "ab"}), bare)

    try:
        given_ = naming.given(source, local)
    except Ambiguous:
        assert source == bare
        return

    assert naming.local(given_) == (source, local)
