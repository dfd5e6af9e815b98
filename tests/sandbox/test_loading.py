"""Loading FHIR files that others made: kept as they are, with PMS and CRM records that fit them."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.dataset import care_key
from sandbox.ehr.query import query_of
from sandbox.ehr.search import matches
from sandbox.ehr.store import Store
from sandbox.loading import LoadError, load
from sandbox.records import Dataset, Resource

TODAY = date(2026, 11, 20)
OTHERS = Path(__file__).parents[3] / "shared" / "data"
needs_others = pytest.mark.skipif(not OTHERS.is_dir(), reason="no data of others beside the repository")

PATIENT: Resource = {
    "resourceType": "Patient",
    "id": "p1",
    "identifier": [
        {"system": "urn:a", "value": "other"},
        {"type": {"coding": [{"code": "MR"}]}, "system": "urn:clinic:mrn", "value": "77"},
    ],
    "name": [{"family": "Nguyễn", "given": ["Lan", "Thi"]}],
    "telecom": [{"system": "phone", "value": "555-0100"}],
    "birthDate": "1980-02-29",
    "multipleBirthInteger": 2,
}
PRACTITIONER: Resource = {
    "resourceType": "Practitioner",
    "id": "d1",
    "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": "9999999999"}],
    "name": [{"family": "House", "given": ["Greg"]}],
}
ENCOUNTER: Resource = {
    "resourceType": "Encounter",
    "id": "e1",
    "identifier": [{"system": "urn:visits", "value": "visit-1"}],
    "status": "finished",
    "class": {"code": "AMB"},
    "subject": {"reference": "Patient/p1"},
    "participant": [
        {"individual": {"reference": "Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|9999999999"}}
    ],
    "period": {"start": "2020-07-01T22:30:00Z", "end": "2020-07-01T23:00:00Z"},
    "reasonCode": [{"coding": [{"code": "1", "display": "Cough"}]}],
}
ROLE: Resource = {
    "resourceType": "PractitionerRole",
    "id": "r1",
    "practitioner": {"identifier": {"system": "http://hl7.org/fhir/sid/us-npi", "value": "9999999999"}},
    "specialty": [{"text": "Diagnostics"}],
}


def write(folder: Path, **files: list[Any]) -> Path:
    """Writes each of *files* as NDJSON, a resource a line."""
    for name, resources in files.items():
        text = "\n".join(json.dumps(it, ensure_ascii=False) for it in resources)
        (folder / f"{name}.ndjson").write_text(text, encoding="utf-8")
    return folder


def bundle(kind: str, *entries: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


@pytest.fixture
def clinic(tmp_path: Path) -> Dataset:
    folder = write(
        tmp_path, Patient=[PATIENT], Encounter=[ENCOUNTER], Practitioner=[PRACTITIONER], Role=[ROLE]
    )
    return load(folder, today=TODAY)


def test_resources_stay_field_by_field(clinic: Dataset) -> None:
    assert clinic.resources["Patient"] == {"p1": PATIENT}
    assert clinic.resources["PractitionerRole"] == {"r1": ROLE}


def test_a_conditional_reference_is_resolved_and_nothing_else_changes(clinic: Dataset) -> None:
    encounter = clinic.resources["Encounter"]["e1"]

    assert encounter == {**ENCOUNTER, "participant": [{"individual": {"reference": "Practitioner/d1"}}]}


def test_conditional_references_can_be_kept(tmp_path: Path) -> None:
    write(tmp_path, Encounter=[ENCOUNTER], Practitioner=[PRACTITIONER])

    kept = load(tmp_path, today=TODAY, keep_conditional_references=True)

    assert kept.resources["Encounter"] == {"e1": ENCOUNTER}
    store = Store(kept.resources, "http://ehr.example/fhir")
    assert matches(store, query_of("Encounter", [("practitioner", "d1")])) == ["e1"]


def test_a_conditional_reference_that_two_answer_stays_as_it_is(tmp_path: Path) -> None:
    write(tmp_path, Encounter=[ENCOUNTER], Practitioner=[PRACTITIONER, {**PRACTITIONER, "id": "d2"}])

    assert load(tmp_path, today=TODAY).resources["Encounter"] == {"e1": ENCOUNTER}


def test_a_chart_takes_the_mrn_and_the_name_of_the_patient(clinic: Dataset) -> None:
    assert clinic.pms.patients == [
        {
            "id": 301,
            "mrn": "77",
            "first_name": "Lan",
            "last_name": "Nguyễn",
            "birth_date": "1980-02-29",
            "phone": "555-0100",
            "email": None,
        }
    ]


def test_a_patient_without_an_mrn_gets_a_chart_and_no_new_identifier(tmp_path: Path) -> None:
    bare = {"resourceType": "Patient", "id": "p9"}

    found = load(write(tmp_path, Patient=[bare]), today=TODAY)

    assert [chart["mrn"] for chart in found.pms.patients] == ["MRN-p9"]
    assert found.resources["Patient"] == {"p9": bare}
    assert (found.pms.appointments, found.pms.practitioners) == ([], [])


def test_an_encounter_becomes_a_past_appointment_in_the_time_of_the_practice(clinic: Dataset) -> None:
    past = next(row for row in clinic.pms.appointments if row["visit_number"])

    shown = ("starts_at", "duration_minutes", "status", "reason", "visit_number", "is_telehealth")
    assert {key: past[key] for key in shown} == {
        "starts_at": "2020-07-01T17:30:00",
        "duration_minutes": 30,
        "status": "completed",
        "reason": "Cough",
        "visit_number": "visit-1",
        "is_telehealth": False,
    }
    assert past["practitioner"] == {"id": 1, "npi": "9999999999", "name": "Greg House"}
    assert past["patient"] == {"id": 301, "mrn": "77"}


def test_a_visit_number_is_preferred_to_another_identifier(tmp_path: Path) -> None:
    number = {"type": {"coding": [{"code": "VN"}]}, "system": "urn:v", "value": "V-9"}
    encounter = {**ENCOUNTER, "identifier": [*ENCOUNTER["identifier"], number]}

    found = load(write(tmp_path, E=[encounter], D=[PRACTITIONER], P=[PATIENT]), today=TODAY)

    assert [row["visit_number"] for row in found.pms.appointments if row["reason"]] == ["V-9"]


@pytest.mark.parametrize(
    "change",
    [
        {"class": {"code": "EMER"}},
        {"class": {"code": "IMP"}},
        {"status": "entered-in-error"},
        {"period": {}},
        {"period": {"end": "2020-07-01"}},
        {"participant": []},
        {"participant": [{"individual": {"display": "Someone"}}]},
        {"subject": {"reference": "Patient/someone-else"}},
    ],
)
def test_an_encounter_nobody_booked_is_no_appointment(tmp_path: Path, change: dict[str, Any]) -> None:
    found = load(write(tmp_path, E=[{**ENCOUNTER, **change}], D=[PRACTITIONER], P=[PATIENT]), today=TODAY)

    assert [row for row in found.pms.appointments if row["visit_number"]] == []


def test_the_living_have_appointments_ahead_and_the_dead_have_not(tmp_path: Path) -> None:
    dead = {"resourceType": "Patient", "id": "p2", "deceasedBoolean": True}

    found = load(write(tmp_path, P=[PATIENT, dead], D=[PRACTITIONER]), today=TODAY)

    ahead = {row["patient"]["mrn"] for row in found.pms.appointments if row["starts_at"] > "2026-11-20"}
    assert ahead == {"77"}


def test_a_practitioner_has_the_specialty_of_their_role(clinic: Dataset) -> None:
    assert clinic.pms.practitioners == [
        {"id": 1, "npi": "9999999999", "name": "Greg House", "specialty": "Diagnostics"}
    ]


def test_everyone_gets_a_contact_under_their_care_key(clinic: Dataset) -> None:
    assert [it["properties"]["care_key"] for it in clinic.contacts] == [care_key("p1")]


def test_the_same_files_give_the_same_records(tmp_path: Path, clinic: Dataset) -> None:
    assert load(tmp_path, today=TODAY) == clinic


@pytest.mark.parametrize("kind", ["transaction", "collection", "searchset"])
def test_a_bundle_is_unpacked_and_its_own_references_made_relative(tmp_path: Path, kind: str) -> None:
    encounter = {
        **ENCOUNTER,
        "subject": {"reference": "urn:uuid:1", "display": "Lan"},
        "partOf": {"reference": "urn:uuid:9"},
    }
    whole = bundle(
        kind,
        {"fullUrl": "urn:uuid:1", "resource": PATIENT},
        {"fullUrl": "urn:uuid:2", "resource": encounter},
        {"resource": {"resourceType": "OperationOutcome"}, "search": {"mode": "outcome"}},
        {"request": {"method": "DELETE", "url": "Patient/gone"}},
    )
    (tmp_path / "one.bundle.json").write_text(json.dumps(whole, indent=1))

    found = load(tmp_path, today=TODAY)

    assert found.resources == {
        "Patient": {"p1": PATIENT},
        "Encounter": {"e1": {**encounter, "subject": {"reference": "Patient/p1", "display": "Lan"}}},
    }


def test_lines_may_be_bundles_and_files_may_be_single_resources(tmp_path: Path) -> None:
    write(tmp_path, bundles=[bundle("collection", {"resource": PATIENT}), bundle("collection")])
    (tmp_path / "doctor.json").write_text("\ufeff" + json.dumps(PRACTITIONER), encoding="utf-8")
    (tmp_path / "notes.txt").write_text("not FHIR")

    found = load(tmp_path, today=TODAY)

    assert {type_: list(by_id) for type_, by_id in found.resources.items()} == {
        "Patient": ["p1"],
        "Practitioner": ["d1"],
    }


def test_line_separators_inside_text_do_not_end_a_line(tmp_path: Path) -> None:
    patient = {**PATIENT, "name": [{"text": "a\u2028b\u0085c"}]}

    assert load(write(tmp_path, P=[patient]), today=TODAY).resources["Patient"]["p1"] == patient


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            '{"resourceType": "Patient", "id": "p1"}\n{"resourceType": "Pat',
            "file `x.ndjson`, line 2 is not JSON",
        ),
        ("[1]", "file `x.ndjson` is not a JSON object"),
        ('{"id": "secret"}', "file `x.ndjson` has a resource without `resourceType`"),
        ('{"resourceType": "Patient", "gender": "secret"}', "file `x.ndjson` has a resource without `id`"),
        (
            '{"resourceType": "Bundle", "entry": {}}',
            "file `x.ndjson`: the `entry` of its Bundle is not a list",
        ),
        ('{"resourceType": "Patient", "id": "secret", "name": "secret"}', "not shaped as FHIR R4 says"),
        ("", "the data folder holds no FHIR resource"),
    ],
)
def test_a_file_that_is_not_fhir_is_named_and_not_quoted(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "x.ndjson").write_text(text)

    with pytest.raises(LoadError) as caught:
        load(tmp_path, today=TODAY)

    assert says in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_folder_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="the data folder does not exist"):
        load(tmp_path / "nowhere")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.sampled_from(["Patient", "Encounter", "Practitioner", "Location", "PractitionerRole"]),
    st.dictionaries(
        st.sampled_from(
            [
                "identifier",
                "name",
                "telecom",
                "period",
                "status",
                "class",
                "participant",
                "specialty",
                "address",
            ]
        ),
        JSON,
        max_size=4,
    ),
)
def test_whatever_a_resource_holds_it_loads_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, type_: str, content: dict[str, Any]
) -> None:
    folder = tmp_path_factory.mktemp("odd")
    others = [it for it in (PATIENT, ENCOUNTER, PRACTITIONER) if it["resourceType"] != type_]
    odd = {"subject": {"reference": "Patient/p1"}, **content, "resourceType": type_, "id": "odd"}

    try:
        found = load(write(folder, odd=[odd, *others]), today=TODAY)
    except LoadError:
        return
    assert found.resources[type_]["odd"] == odd


@needs_others
def test_data_of_others_loads_field_by_field() -> None:
    folder = OTHERS / "synthea-r4"

    found = load(folder, today=TODAY, keep_conditional_references=True)

    for file in folder.glob("*.ndjson"):
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        assert list(found.resources[file.stem].values()) == lines
    assert len(found.pms.patients) == len(found.contacts) == 6


@needs_others
def test_every_reference_in_the_data_of_others_leads_somewhere() -> None:
    found = load(OTHERS, today=TODAY)
    there = {f"{type_}/{id_}" for type_, by_id in found.resources.items() for id_ in by_id}

    def pointed_at(value: Any) -> set[str]:
        if isinstance(value, list):
            return set().union(*map(pointed_at, value))
        if not isinstance(value, dict):
            return set()
        own = {value["reference"]} if isinstance(value.get("reference"), str) else set()
        return own.union(*map(pointed_at, value.values()))

    targets = pointed_at([list(by_id.values()) for by_id in found.resources.values()])
    assert {target for target in targets if not target.startswith("#")} <= there
    assert len(targets) > 1_000
