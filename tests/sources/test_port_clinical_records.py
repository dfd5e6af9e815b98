"""The contract of an EHR: the same questions have the same answers in memory and over a real socket."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest

from sources.errors import SourceError, SourceRejected
from sources.memory import MemoryRecords
from sources.model import (
    AllergyIntolerance,
    CarePlan,
    Condition,
    DocumentReference,
    Encounter,
    Immunization,
    Location,
    MedicationRequest,
    Mrn,
    Observation,
    Organization,
    Patient,
    PatientId,
    Practitioner,
    Procedure,
    Resource,
)
from sources.naming import alone
from sources.ports import ClinicalRecords, Listed, Narrowing, Page, PatientQuery
from tests.sources.fhir_servers import SERVERS, records_of, serving
from tests.sources.practice import Served, as_model, resources

pytestmark = pytest.mark.anyio

MRN, VISIT = "urn:caregraph:sandbox:mrn", "urn:caregraph:sandbox:visit"
ALL_PATIENTS = [PatientId(f"pat-{n:06}") for n in range(1, 31)]
KINDS: list[type[Resource]] = [
    AllergyIntolerance,
    CarePlan,
    Condition,
    DocumentReference,
    Encounter,
    Immunization,
    MedicationRequest,
    Observation,
    Procedure,
]


@pytest.fixture(scope="session")
def fhir_urls(served: Served) -> Iterator[Mapping[str, str]]:
    """A server of each kind."""
    with ExitStack() as held:
        yield {
            name: held.enter_context(serving(served.dataset, kind.quirks)) for name, kind in SERVERS.items()
        }


@pytest.fixture(params=["memory", "fhir", *SERVERS])
async def records(
    request: pytest.FixtureRequest, served: Served, ehr: ClinicalRecords, fhir_urls: Mapping[str, str]
) -> AsyncIterator[ClinicalRecords]:
    if request.param == "memory":
        yield MemoryRecords(resources(served.dataset), alone("pms", MRN, VISIT))
    elif request.param == "fhir":
        yield ehr
    else:
        adapter = records_of(fhir_urls[request.param], **SERVERS[request.param].settings)
        yield adapter
        await adapter.close()


def everything(kind: type[Resource]) -> frozenset[str]:
    return frozenset(kind.__struct_fields__)


def told(found: Any) -> dict[str, Any]:
    return {key: as_model(row) for key, row in found.items()}


def listed(found: Any) -> dict[str, list[Any]]:
    """Each key's rows by id; a search has no order of its own."""
    assert all(isinstance(rows, Listed) and rows.complete for rows in found.values())
    return {
        key: sorted((as_model(row) for row in rows.rows), key=lambda row: row.id)
        for key, rows in found.items()
    }


def of_patients(served: Served, kind: type[Resource], patients: Iterable[str]) -> dict[str, list[Any]]:
    rows = [row for row in resources(served.dataset) if isinstance(row, kind)]
    lists = {
        patient: sorted(
            (row for row in rows if getattr(row, "patient_id", None) == patient), key=lambda r: r.id
        )
        for patient in patients
    }
    return {patient: mine for patient, mine in lists.items() if mine}


@pytest.mark.parametrize("kind", [Patient, Encounter, Practitioner, Organization, Location])
async def test_records_are_read_by_id_and_those_that_are_not_there_are_absent(
    records: ClinicalRecords, served: Served, kind: type[Resource]
) -> None:
    expected = {row.id: row for row in resources(served.dataset) if isinstance(row, kind)}
    found = await records.read(kind, [*expected, "nobody", "not an id"], everything(kind))

    assert len(expected) > 0
    assert told(found) == expected


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
async def test_every_patients_records_come_under_their_patient(
    records: ClinicalRecords, served: Served, kind: type[Resource]
) -> None:
    patients = [*ALL_PATIENTS, PatientId("nobody")]
    found = await records.of_patients(kind, patients, Narrowing(), everything(kind))

    assert listed(found) == of_patients(served, kind, patients)


OBSERVATION_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
NARROWINGS: list[Any] = [
    (Observation, (("category", (f"{OBSERVATION_CATEGORY}|vital-signs",)),)),
    (Observation, (("category", ("laboratory", "survey")),)),
    (Observation, (("code", ("http://loinc.org|8867-4", "http://loinc.org|4548-4")),)),
    (Observation, (("date", ("ge2026-01-01T00:00:00Z",)), ("category", ("vital-signs",)))),
    (Observation, (("date", ("ge2025-01-01T00:00:00Z",)), ("date", ("lt2026-01-01T00:00:00Z",)))),
    (Encounter, (("status", ("finished",)),)),
    (Encounter, (("class", ("VR",)),)),
    (Encounter, (("date", ("gt2026-06-01T00:00:00Z",)),)),
    (Condition, (("category", ("problem-list-item",)), ("clinical-status", ("active",)))),
    (DocumentReference, (("category", ("clinical-note",)), ("date", ("le2026-01-01T00:00:00Z",)))),
]


@pytest.mark.parametrize(("kind", "parameters"), NARROWINGS)
async def test_a_narrowed_search_gives_the_same_rows_in_memory_and_over_fhir(
    served: Served, ehr: ClinicalRecords, kind: type[Resource], parameters: Any
) -> None:
    memory = MemoryRecords(resources(served.dataset), alone("pms", MRN, VISIT))
    narrowing = Narrowing(parameters)
    expected = listed(await memory.of_patients(kind, ALL_PATIENTS, narrowing, everything(kind)))
    found = listed(await ehr.of_patients(kind, ALL_PATIENTS, narrowing, everything(kind)))
    every = listed(await memory.of_patients(kind, ALL_PATIENTS, Narrowing(), everything(kind)))

    assert found == expected
    assert 0 < count(found) < count(every)


def count(lists: dict[str, list[Any]]) -> int:
    return sum(map(len, lists.values()))


async def test_a_parameter_that_memory_does_not_know_is_rejected(served: Served) -> None:
    memory = MemoryRecords(resources(served.dataset), alone("pms", MRN, VISIT))
    with pytest.raises(SourceRejected, match="no search parameter `flavour`"):
        await memory.of_patients(Encounter, ALL_PATIENTS, Narrowing((("flavour", ("x",)),)), frozenset())


async def test_records_of_an_encounter_are_found_by_it(records: ClinicalRecords, served: Served) -> None:
    rows = [row for row in resources(served.dataset) if isinstance(row, Observation)]
    encounter = next(row.encounter.id for row in rows if row.encounter is not None)
    narrowing = Narrowing((("encounter", (f"Encounter/{encounter}",)),))
    found = listed(await records.of_patients(Observation, ALL_PATIENTS, narrowing, everything(Observation)))

    expected = sorted(row.id for row in rows if row.encounter is not None and row.encounter.id == encounter)
    assert [row.id for mine in found.values() for row in mine] == expected


async def test_a_patient_is_found_by_the_mrn_of_the_pms(records: ClinicalRecords) -> None:
    keys = [records.mrn_identifier(Mrn(mrn)) for mrn in ("MRN-000002", "MRN-999999")]
    found = await records.identified(Patient, keys, frozenset({"mrn"}))

    assert {key: (row.id, row.mrn) for key, row in found.items() if not isinstance(row, SourceError)} == {
        keys[0]: ("pat-000002", "MRN-000002")
    }


async def test_an_encounter_is_found_by_the_visit_number_of_the_pms(
    records: ClinicalRecords, served: Served
) -> None:
    visits = [it for it in resources(served.dataset) if isinstance(it, Encounter) and it.visit_number]
    keys = {records.visit_identifier(visit.visit_number or ""): visit.id for visit in visits}
    found = await records.identified(Encounter, list(keys), frozenset({"visit_number"}))

    assert len(keys) > 0
    assert {key: row.id for key, row in found.items() if not isinstance(row, SourceError)} == keys


async def test_a_search_for_patients_goes_page_by_page_to_the_end(
    records: ClinicalRecords, served: Served
) -> None:
    query = PatientQuery(gender="female")
    rows: list[Patient] = []
    bookmark: str | None = None
    for _ in range(50):
        page = await records.search_patients(query, 4, bookmark, frozenset({"gender"}))
        rows += page.rows
        bookmark = page.next
        assert len(page.rows) <= 4
        if bookmark is None:
            break

    patients = [row for row in resources(served.dataset) if isinstance(row, Patient)]
    assert sorted(row.id for row in rows) == sorted(row.id for row in patients if row.gender == "female")
    assert {row.gender for row in rows} == {"female"}


@pytest.mark.parametrize(
    "query",
    [
        PatientQuery(name="al"),
        PatientQuery(family="Alvarez", birth_date="1968-04-12"),
        PatientQuery(given="elena"),
        PatientQuery(identifier=f"{MRN}|MRN-000003"),
        PatientQuery().only(PatientId("pat-000003")),
        PatientQuery(gender="female").only(PatientId("pat-000001")),
    ],
    ids=["name", "family and birth date", "given", "identifier", "only one", "only one, narrowed"],
)
async def test_patients_are_found_alike_in_memory_and_over_fhir(
    served: Served, ehr: ClinicalRecords, query: PatientQuery
) -> None:
    memory = MemoryRecords(resources(served.dataset), alone("pms", MRN, VISIT))
    pages: list[Page[Patient]] = [
        await source.search_patients(query, 50, None, everything(Patient)) for source in (memory, ehr)
    ]
    expected, found = (sorted(row.id for row in page.rows) for page in pages)

    assert found == expected
    assert 0 < len(found) < 30


async def test_no_patients_match_a_name_nobody_has(records: ClinicalRecords) -> None:
    page = await records.search_patients(PatientQuery(family="Zzyzx"), 5, None, frozenset({"name"}))

    assert (page.rows, page.next) == ((), None)


async def test_a_bookmark_that_is_not_ours_is_rejected(records: ClinicalRecords) -> None:
    with pytest.raises(SourceRejected, match="start again without it"):
        await records.search_patients(PatientQuery(), 5, "gibberish", frozenset())


async def test_a_source_says_who_it_is_and_answers_a_check(records: ClinicalRecords) -> None:
    await records.check()
    health = records.health()

    assert (health.name, health.kind, health.up) == ("ehr", "ehr", True)
    assert (records.name, records.kind) == ("ehr", "ehr")


async def test_only_the_wanted_attributes_are_filled_over_fhir(ehr: ClinicalRecords) -> None:
    found = await ehr.read(Patient, ["pat-000001"], frozenset({"birth_date"}))

    patient = as_model(found["pat-000001"])
    assert patient.birth_date == "1968-04-12"
    assert (patient.name, patient.identifier, patient.telecom, patient.address) == ((), (), (), ())
