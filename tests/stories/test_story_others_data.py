"""Data that others made comes through the gateway as it stands in their files, field by field."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.loading import load
from sandbox.records import Json
from tests.stories.conftest import TODAY
from tests.stories.house import House, running
from tests.stories.likeness import like

SYNTHEA = Path(__file__).parents[2].parent / "shared" / "data" / "synthea-r4"
NPI = "http://hl7.org/fhir/sid/us-npi"

CONCEPT = "{ coding { system code display } text }"
PATIENT = f"""
  id active gender birthDate deceasedDateTime maritalStatus {CONCEPT}
  identifier {{ use type {CONCEPT} system value }}
  name {{ use text family given prefix suffix }}
  telecom {{ system value use }}
  address {{ use text line city district state postalCode country }}
"""
LISTS = {
    "Encounter": (
        "encounters",
        f"""id status class {{ system code display }} type {CONCEPT} period {{ start end }}
        reasonCode {CONCEPT} identifier {{ use type {CONCEPT} system value }}
        participant {{ type {CONCEPT} period {{ start end }} display practitioner {{ npi }} }}
        location {{ name }} serviceProvider {{ name }} patient {{ id }}""",
    ),
    "Condition": (
        "conditions",
        f"""id clinicalStatus {CONCEPT} verificationStatus {CONCEPT} category {CONCEPT} severity {CONCEPT}
        code {CONCEPT} onsetDateTime abatementDateTime recordedDate""",
    ),
    "DocumentReference": (
        "documents",
        f"""id status docStatus type {CONCEPT} category {CONCEPT} date description
        content {{ attachment {{ contentType language data url title creation }} }} encounters {{ id }}""",
    ),
    "MedicationRequest": (
        "medications",
        f"""id status intent category {CONCEPT} medicationCodeableConcept {CONCEPT} authoredOn
        reasonCode {CONCEPT} dosageInstruction {{ text patientInstruction }} requester {{ npi }}""",
    ),
    "Procedure": (
        "procedures",
        f"""id status category {CONCEPT} code {CONCEPT} performedDateTime performedPeriod {{ start end }}
        reasonCode {CONCEPT}""",
    ),
    "Immunization": (
        "immunizations",
        f"""id status statusReason {CONCEPT} vaccineCode {CONCEPT} occurrenceDateTime occurrenceString
        lotNumber primarySource""",
    ),
}


class Files:
    """The resources of a folder's NDJSON files, read here and by nothing of ours."""

    def __init__(self, folder: Path) -> None:
        lines = [line for file in folder.glob("*.ndjson") for line in file.read_text("utf-8").splitlines()]
        self.resources: list[Json] = [json.loads(line) for line in lines]

    def of(self, kind: str) -> dict[str, Json]:
        return {it["id"]: it for it in self.resources if it["resourceType"] == kind}

    def pointed_at(self, reference: Json | None) -> Json | None:
        """The resource that a reference names by its id or by an identifier."""
        kind, _, rest = (reference or {}).get("reference", "").replace("?identifier=", "/", 1).partition("/")
        for resource in self.of(kind).values():
            keys = {f"{it['system']}|{it['value']}" for it in resource.get("identifier", [])}
            if rest in keys | {resource["id"]}:
                return resource
        return None

    def npi(self, reference: Json | None) -> Json | None:
        found = self.pointed_at(reference)
        if found is None:
            return None
        return {"npi": next((it["value"] for it in found["identifier"] if it["system"] == NPI), None)}

    def name(self, reference: Json | None) -> Json | None:
        found = self.pointed_at(reference)
        return None if found is None else {"name": found.get("name")}


@pytest.fixture(scope="module", params=["written here", "made by Synthea"])
def others(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[House, Files]]:
    """A house over a folder of FHIR files, and the files."""
    folder = SYNTHEA
    if request.param == "written here":
        folder = tmp_path_factory.mktemp("fhir")
        _write(folder)
    elif not folder.is_dir():
        pytest.skip("the data set is not beside the repository")
    with running(load(folder, today=TODAY)) as house:
        yield house, Files(folder)


def test_every_patient_is_as_in_the_files(others: tuple[House, Files]) -> None:
    house, files = others
    shown = house.data("clinician", f"{{ patients(first: 100) {{ nodes {{ {PATIENT} }} }} }}")
    nodes = {it["id"].removeprefix("Patient/"): it for it in shown["patients"]["nodes"]}

    assert nodes.keys() == files.of("Patient").keys()
    for id_, record in files.of("Patient").items():
        assert nodes[id_] == like(nodes[id_], record) | {"id": f"Patient/{id_}"}
        assert nodes[id_]["name"]


@pytest.mark.parametrize("kind", LISTS)
def test_every_record_of_every_patient_is_as_in_the_files(others: tuple[House, Files], kind: str) -> None:
    house, files = others
    records = files.of(kind)
    shown = [it for patient in files.of("Patient") for it in _listed(house, kind, patient)]

    assert len(records) > 0
    assert sorted(it["id"] for it in shown) == sorted(f"{kind}/{id_}" for id_ in records)
    for it in shown:
        record = records[it["id"].partition("/")[2]]
        assert it == like(it, record) | {"id": it["id"]} | _joined(files, kind, record, it)


def test_every_record_is_its_own_patients(others: tuple[House, Files]) -> None:
    house, files = others
    for kind in LISTS:
        owner = "patient" if kind == "Immunization" else "subject"
        for patient in files.of("Patient"):
            own = {
                id_
                for id_, it in files.of(kind).items()
                if it[owner]["reference"].removeprefix("urn:uuid:").removeprefix("Patient/") == patient
            }
            assert {it["id"].partition("/")[2] for it in _listed(house, kind, patient, "id")} == own


def test_a_derived_booking_leads_to_its_patient_and_its_encounter(others: tuple[House, Files]) -> None:
    house, files = others
    query = """query P($id: ID!) { patient(id: $id) {
      appointments(first: 5) { nodes { id patient { id } encounter { id appointment { id } } } }
    } }"""
    met = 0
    for patient in files.of("Patient"):
        for it in house.data("clinician", query, {"id": patient})["patient"]["appointments"]["nodes"]:
            assert it["patient"] == {"id": f"Patient/{patient}"}
            if it["encounter"] is not None:
                assert it["encounter"]["appointment"] == {"id": it["id"]}
                met += 1

    assert met > 0


def test_the_patient_persona_is_one_of_them_and_sees_their_own(others: tuple[House, Files]) -> None:
    house, files = others
    me = house.data(
        "patient", "{ me { patient { id } } appointments(first: 3) { nodes { patient { id } } } }"
    )

    assert me["me"]["patient"]["id"].removeprefix("Patient/") in files.of("Patient")
    assert me["appointments"]["nodes"]
    assert all(it["patient"] == me["me"]["patient"] for it in me["appointments"]["nodes"])


def _listed(house: House, kind: str, patient: str, fields: str | None = None) -> list[Json]:
    """A patient's records of a type, all pages."""
    field, everything = LISTS[kind]
    query = f"""query P($id: ID!, $after: String) {{ patient(id: $id) {{
      list: {field}(first: 500, after: $after) {{
        nodes {{ {fields or everything} }} complete pageInfo {{ hasNextPage endCursor }}
      }}
    }} }}"""
    rows: list[Json] = []
    after, more = None, True
    while more:
        page = house.data("clinician", query, {"id": patient, "after": after})["patient"]["list"]
        assert page["complete"] is True
        rows += page["nodes"]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    return rows


def _joined(files: Files, kind: str, record: Json, shown: Json) -> dict[str, Any]:
    """The fields of a record that lead elsewhere, as the files say where."""
    if kind == "MedicationRequest":
        return {"requester": files.npi(record.get("requester"))}
    if kind == "DocumentReference":
        references = record.get("context", {}).get("encounter", [])
        return {"encounters": [{"id": _id("Encounter", files, it)} for it in references]}
    if kind != "Encounter":
        return {}
    places = [it["location"] for it in record.get("location", [])]
    return {
        "participant": [
            {
                **like({"type": given["type"], "period": given["period"]}, it),
                "display": it["individual"].get("display"),
                "practitioner": files.npi(it["individual"]),
            }
            for it, given in zip(record.get("participant", []), shown["participant"], strict=True)
        ],
        "location": files.name(places[0]) if places else None,
        "serviceProvider": files.name(record.get("serviceProvider")),
        "patient": {"id": _id("Patient", files, record["subject"])},
    }


def _id(kind: str, files: Files, reference: Json) -> str:
    found = files.pointed_at(reference)
    assert found is not None
    return f"{kind}/{found['id']}"


def _write(folder: Path) -> None:
    """A small data set with what real ones have: extensions, nulls beside them, references of all sorts."""
    note = base64.b64encode("Ängstlich; rät: „Ruhe“. Blood pressure 128/82.".encode()).decode()
    mr = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]}
    concept = {
        "coding": [{"system": "http://snomed.info/sct", "code": "38341003", "display": "Hypertension"}]
    }
    patients: list[Json] = [
        {
            "resourceType": "Patient",
            "id": "Zoë".encode("ascii", "ignore").decode() + "-1.a",
            "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Zoë</div>'},
            "extension": [{"url": "http://example.org/race", "valueString": "x"}],
            "identifier": [
                {"type": mr, "system": "urn:oid:1.2.3", "value": "A|1,2$3"},
                {"use": "official", "system": "http://hl7.org/fhir/sid/us-ssn", "value": "999-00-0000"},
            ],
            "name": [
                {
                    "use": "official",
                    "family": "O’Brien-Łukasz",
                    "_family": {
                        "extension": [{"url": "http://example.org/own-name", "valueString": "O’Brien"}]
                    },
                    "given": ["Zoë", "M."],
                    "_given": [None, {"extension": [{"url": "http://example.org/q", "valueCode": "IN"}]}],
                    "suffix": ["Jr."],
                },
                {"text": "Zoë the First"},
            ],
            "gender": "other",
            "birthDate": "1968-04",
            "_birthDate": {
                "extension": [{"url": "http://example.org/time", "valueDateTime": "1968-04-12T01:02:03Z"}]
            },
            "deceasedDateTime": "2025-11-02",
            "address": [{"line": ["1 Main St", "Apt. 2"], "city": "Springfield", "postalCode": "62704"}],
            "contact": [{"name": {"family": "Someone"}}],
        },
        {
            "resourceType": "Patient",
            "id": "two",
            "identifier": [{"type": mr, "system": "urn:oid:1.2.3", "value": "B-2"}],
            "name": [{"family": "Two", "given": ["Patient"]}],
            "telecom": [{"system": "phone", "value": "+1 217 555 0100", "use": "home", "rank": 1}],
            "birthDate": "2001-02-03",
        },
    ]
    zoe = patients[0]["id"]
    directory = [
        {
            "resourceType": "Practitioner",
            "id": "doc",
            "identifier": [{"system": NPI, "value": "1234567893"}],
            "name": [{"family": "Reyes", "given": ["Ana"]}],
        },
        {
            "resourceType": "Organization",
            "id": "org",
            "identifier": [{"system": "urn:orgs", "value": "o-1"}],
            "name": "Practice",
        },
        {
            "resourceType": "Location",
            "id": "loc",
            "identifier": [{"system": "urn:locs", "value": "l-1"}],
            "name": "Room 1",
        },
    ]
    by_npi = {"reference": f"Practitioner?identifier={NPI}|1234567893", "display": "Dr. Ana Reyes"}
    encounters = [
        {
            "resourceType": "Encounter",
            "id": f"enc-{number}",
            "identifier": [{"use": "official", "system": "urn:visits", "value": f"visit {number}"}],
            "status": "finished",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
            "type": [concept, {"text": "Check-up"}],
            "subject": {"reference": f"Patient/{patient}", "display": "—"},
            "participant": [{"individual": by_npi, "period": {"start": f"2026-0{number}-03"}}],
            "period": {
                "start": f"2026-0{number}-03T09:00:00.5+01:00",
                "end": f"2026-0{number}-03T09:30:00+01:00",
            },
            "reasonCode": [concept],
            "location": [
                {"location": {"reference": "Location?identifier=urn:locs|l-1", "display": "Room 1"}}
            ],
            "serviceProvider": {"reference": "Organization/org"},
        }
        for number, patient in ((1, zoe), (2, zoe), (3, "two"))
    ]
    subject = {"subject": {"reference": f"Patient/{zoe}"}}
    clinical = [
        {
            "resourceType": "Condition",
            "id": "c1",
            "code": concept,
            **subject,
            "clinicalStatus": {"coding": [{"code": "active"}]},
            "encounter": {"reference": "Encounter/enc-1"},
            "onsetDateTime": "2019",
            "recordedDate": "2020-02-29",
        },
        {
            "resourceType": "DocumentReference",
            "id": "d1",
            "status": "current",
            **subject,
            "type": concept,
            "date": "2026-01-03T10:00:00.123-06:00",
            "author": [by_npi],
            "content": [{"attachment": {"contentType": "text/plain; charset=utf-8", "data": note}}],
            "context": {"encounter": [{"reference": "Encounter/enc-1"}, {"reference": "Encounter/enc-2"}]},
        },
        {
            "resourceType": "MedicationRequest",
            "id": "m1",
            "status": "active",
            "intent": "order",
            "medicationCodeableConcept": concept,
            **subject,
            "authoredOn": "2026-01-03",
            "requester": by_npi,
            "dosageInstruction": [{"text": "1 daily", "asNeededBoolean": False}],
        },
        {
            "resourceType": "Procedure",
            "id": "p1",
            "status": "completed",
            "code": concept,
            **subject,
            "performedPeriod": {"start": "2026-01-03T09:00:00Z", "end": "2026-01-03T09:10:00Z"},
        },
        {
            "resourceType": "Immunization",
            "id": "i1",
            "status": "completed",
            "vaccineCode": concept,
            "patient": {"reference": "Patient/two"},
            "occurrenceString": "in childhood",
            "lotNumber": "LOT#1",
            "primarySource": False,
        },
    ]
    for name, resources in (
        ("Patient", patients),
        ("Directory", directory),
        ("Encounter", encounters),
        ("Clinical", clinical),
    ):
        text = "\n".join(json.dumps(it, ensure_ascii=False) for it in resources)
        (folder / f"{name}.ndjson").write_text(text + "\n", "utf-8")
