"""The generated practice: the same for the same seed, valid R4, and of one mind across three systems."""

import base64
import importlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from sandbox.dataset import Dataset, care_key, generate
from sandbox.generator.practice import npi
from sandbox.records import IDENTIFIER_TYPES, MRN_SYSTEM, NPI_SYSTEM, VISIT_SYSTEM, Json, Resource

TODAY = date(2026, 11, 20)
REQUIRED = {
    "Patient",
    "Encounter",
    "Practitioner",
    "PractitionerRole",
    "Organization",
    "Location",
    "Observation",
    "Condition",
    "Consent",
    "MedicationRequest",
    "AllergyIntolerance",
    "Immunization",
    "Procedure",
    "CarePlan",
    "DocumentReference",
    "Appointment",
}


@pytest.fixture(scope="module")
def practice() -> Dataset:
    return generate(100, today=TODAY)


def every(practice: Dataset) -> Iterator[Resource]:
    return (resource for by_id in practice.resources.values() for resource in by_id.values())


def identifier(resource: Resource, system: str) -> Json | None:
    return next((it for it in resource.get("identifier", ()) if it["system"] == system), None)


def of_patient(practice: Dataset, type_: str, id_: str) -> list[Resource]:
    name = "patient" if type_ in ("AllergyIntolerance", "Immunization") else "subject"
    whose = {"reference": f"Patient/{id_}"}
    return [it for it in practice.resources[type_].values() if whose.items() <= it[name].items()]


def test_the_same_arguments_give_the_same_practice(practice: Dataset) -> None:
    assert generate(100, today=TODAY) == practice


def test_another_seed_gives_another_practice(practice: Dataset) -> None:
    other = generate(100, seed=8, today=TODAY)

    assert other.pms.appointments != practice.pms.appointments
    assert list(other.resources["Patient"]) == list(practice.resources["Patient"])


def test_a_patient_is_the_same_in_a_small_practice_and_a_larger_one(practice: Dataset) -> None:
    small = generate(5, today=TODAY)

    assert small.resources["Patient"].items() <= practice.resources["Patient"].items()
    assert small.pms.appointments == practice.pms.appointments[: len(small.pms.appointments)]


def test_without_a_day_the_practice_lives_today() -> None:
    now = datetime.now(ZoneInfo("America/Chicago")).replace(tzinfo=None).isoformat()

    starts = [it["starts_at"] for it in generate(1).pms.appointments]

    assert min(starts) < now < max(starts)


def test_every_resource_is_valid_r4() -> None:
    wrong = []
    for resource in every(generate(12, today=TODAY)):
        type_ = resource["resourceType"]
        model = getattr(importlib.import_module(f"fhir.resources.R4B.{type_.lower()}"), type_)
        try:
            model.model_validate(json.loads(json.dumps(resource)))
        except ValidationError as error:
            wrong.append((type_, resource["id"], [it["loc"] for it in error.errors()]))

    assert wrong == []


def test_every_resource_has_a_version_and_was_not_updated_in_the_future(practice: Dataset) -> None:
    stamps = [(it["meta"]["versionId"], it["meta"]["lastUpdated"]) for it in every(practice)]

    assert {version for version, _ in stamps} == {"1"}
    assert max(stamp for _, stamp in stamps) < "2026-11-21"


def test_every_kind_of_resource_is_there(practice: Dataset) -> None:
    assert set(practice.resources) == REQUIRED
    assert list(practice.resources["Patient"]) == [f"pat-{number:06}" for number in range(1, 101)]
    assert all(key == it["id"] for by_id in practice.resources.values() for key, it in by_id.items())


def test_every_reference_leads_somewhere(practice: Dataset) -> None:
    pointed_at = set(re.findall(r'"reference": "([^"]*)"', json.dumps(practice.resources)))

    there = {f"{type_}/{id_}" for type_, by_id in practice.resources.items() for id_ in by_id}
    assert pointed_at <= there


def test_charts_and_patients_agree(practice: Dataset) -> None:
    for chart, patient in zip(practice.pms.patients, practice.resources["Patient"].values(), strict=True):
        name = patient["name"][0]
        telecom = {it["system"]: it["value"] for it in patient["telecom"]}

        assert identifier(patient, MRN_SYSTEM) == {
            "use": "usual",
            "type": {
                "coding": [{"system": IDENTIFIER_TYPES, "code": "MR", "display": "Medical record number"}]
            },
            "system": MRN_SYSTEM,
            "value": chart["mrn"],
        }
        assert (chart["first_name"], chart["last_name"]) == (name["given"][0], name["family"])
        assert (chart["birth_date"], chart["phone"]) == (patient["birthDate"], telecom["phone"])
        assert chart["email"] == telecom["email"]


def test_practitioners_are_known_to_both_by_their_npi(practice: Dataset) -> None:
    in_ehr = {
        it["id"]: (identifier(it, NPI_SYSTEM) or {})["value"]
        for it in practice.resources["Practitioner"].values()
    }

    assert in_ehr == {f"prac-{it['id']:04}": it["npi"] for it in practice.pms.practitioners}


@pytest.mark.parametrize("number", [1, 2, 77, 100_000])
def test_an_npi_passes_the_luhn_check_with_its_prefix(number: int) -> None:
    digits = [int(digit) for digit in "80840" + npi(number)]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]

    assert len(digits) == 15
    assert (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def test_the_first_npi_is_the_well_known_one() -> None:
    assert npi(1) == "1234567893"


def test_a_visit_number_is_that_of_the_encounter(practice: Dataset) -> None:
    by_number = {
        visit["value"]: it
        for it in practice.resources["Encounter"].values()
        if (visit := identifier(it, VISIT_SYSTEM))
    }
    rows = {it["visit_number"]: it for it in practice.pms.appointments if it["visit_number"]}
    mrns = {chart["mrn"]: f"pat-{chart['id'] - 300:06}" for chart in practice.pms.patients}

    assert set(by_number) == set(rows)
    for number, row in rows.items():
        encounter = by_number[number]
        start = datetime.fromisoformat(encounter["period"]["start"])
        assert number == f"V-{row['id']}"
        assert encounter["subject"]["reference"] == f"Patient/{mrns[row['patient']['mrn']]}"
        assert start.replace(tzinfo=None).isoformat() == row["starts_at"]
        assert start == start.astimezone(ZoneInfo(practice.pms.time_zone))
        assert (
            encounter["participant"][0]["individual"]["reference"]
            == f"Practitioner/prac-{row['practitioner']['id']:04}"
        )
        assert encounter["class"]["code"] == ("VR" if row["is_telehealth"] else "AMB")


def test_the_ehr_keeps_some_of_the_appointments_with_the_same_time_and_status(practice: Dataset) -> None:
    rows = {str(it["id"]): it for it in practice.pms.appointments}
    booked = {"scheduled": "booked", "confirmed": "booked", "completed": "fulfilled", "no_show": "noshow"}
    kept = practice.resources["Appointment"].values()

    assert 0 < len(kept) < len(rows)
    for appointment in kept:
        row = rows[appointment["identifier"][0]["value"]]
        start = datetime.fromisoformat(appointment["start"]).astimezone(ZoneInfo(practice.pms.time_zone))
        assert start.replace(tzinfo=None).isoformat() == row["starts_at"]
        assert appointment["status"] == booked.get(row["status"], appointment["status"])


def test_time_and_status_of_an_appointment_go_together(practice: Dataset) -> None:
    for row in practice.pms.appointments:
        day = date.fromisoformat(row["starts_at"][:10])
        past, future = day < TODAY, day > TODAY
        assert not past or row["status"] in ("completed", "no_show", "cancelled")
        assert not future or row["status"] in ("scheduled", "confirmed", "cancelled")
        assert row["created_at"] <= row["updated_at"] <= "2026-11-20T00:00:00"
        assert (row["video_url"] is None) == (not row["is_telehealth"])


def test_appointments_have_ids_of_their_own(practice: Dataset) -> None:
    ids = [row["id"] for row in practice.pms.appointments]

    assert ids == list(range(5001, 5001 + len(ids)))


def test_practices_are_varied(practice: Dataset) -> None:
    appointments = Counter(row["patient"]["mrn"] for row in practice.pms.appointments)
    encounters = Counter(it["subject"]["reference"] for it in practice.resources["Encounter"].values())
    classes = {it["class"]["code"] for it in practice.resources["Encounter"].values()}
    codes = {
        coding["code"] for it in practice.resources["Condition"].values() for coding in it["code"]["coding"]
    }

    assert (max(appointments.values()), len(appointments)) == (12, 95)
    assert max(encounters.values()) == 8
    assert classes == {"AMB", "VR", "EMER"}
    assert {"F10.20", "B20"} <= codes
    assert {row["status"] for row in practice.pms.appointments} >= {
        "scheduled",
        "confirmed",
        "no_show",
        "cancelled",
    }


def test_some_have_no_appointment_and_some_are_unknown_to_the_crm(practice: Dataset) -> None:
    seen = {row["patient"]["mrn"] for row in practice.pms.appointments}
    keys = {contact["properties"]["care_key"] for contact in practice.contacts}
    strangers = [id_ for id_ in practice.resources["Patient"] if care_key(id_) not in keys]

    assert {"MRN-000017", "MRN-000034"}.isdisjoint(seen)
    assert strangers == ["pat-000023", "pat-000046", "pat-000069", "pat-000092"]


def test_the_dead_have_nothing_ahead_of_them(practice: Dataset) -> None:
    died = {
        (identifier(it, MRN_SYSTEM) or {})["value"]: it["deceasedDateTime"]
        for it in practice.resources["Patient"].values()
        if "deceasedDateTime" in it
    }

    assert set(died) == {"MRN-000029", "MRN-000058", "MRN-000087"}
    for row in practice.pms.appointments:
        assert row["starts_at"] < died.get(row["patient"]["mrn"], "9999")


def test_the_attendance_rate_is_that_of_the_appointments(practice: Dataset) -> None:
    statuses: dict[str, list[str]] = {}
    for row in practice.pms.appointments:
        statuses.setdefault(row["patient"]["mrn"], []).append(row["status"])
    rates = {it["properties"]["care_key"]: it["properties"]["attendance_rate"] for it in practice.contacts}

    for number in range(1, 101):
        of_one = Counter(statuses.get(f"MRN-{number:06}", ()))
        kept, missed = of_one["completed"], of_one["no_show"]
        expected = f"{kept / (kept + missed):.2f}" if kept + missed else None
        assert rates.get(care_key(f"pat-{number:06}"), expected) == expected


def test_contacts_hold_text_or_nothing_and_no_identifier_of_another_system(practice: Dataset) -> None:
    properties = [contact["properties"] for contact in practice.contacts]

    assert {type(value) for it in properties for value in it.values()} == {str, type(None)}
    assert re.search(r"MRN-|pat-0", json.dumps(properties)) is None
    assert {len(it["care_key"] or "") for it in properties} == {40}


def test_the_care_key_is_the_keyed_hash_of_the_ehr_id() -> None:
    assert care_key("pat-000001") == "5203394de0de0f1f13a59cdfab738ef6bdebdbc5"


def test_the_first_patient_has_something_of_every_kind(practice: Dataset) -> None:
    id_ = "pat-000001"
    rows = [row for row in practice.pms.appointments if row["patient"]["mrn"] == "MRN-000001"]
    observations = of_patient(practice, "Observation", id_)
    clinical = REQUIRED - {
        "Consent",
        "Patient",
        "Practitioner",
        "PractitionerRole",
        "Organization",
        "Location",
        "Appointment",
    }

    assert all(of_patient(practice, type_, id_) for type_ in clinical)
    assert sum(row["starts_at"] > "2026-11-20" for row in rows) == 3
    assert {row["status"] for row in rows} >= {"completed", "no_show", "cancelled", "confirmed", "scheduled"}
    assert {it["category"][0]["coding"][0]["code"] for it in observations} == {
        "vital-signs",
        "laboratory",
        "social-history",
        "survey",
    }
    assert (
        next(it for it in practice.contacts if it["id"] == "90001")["properties"]["engagement_score"] == "82"
    )
    assert [it["status"] for it in practice.pms.coverages if it["patient_mrn"] == "MRN-000001"] == [
        "active",
        "inactive",
    ]


def test_measurements_have_loinc_codes_and_ucum_units(practice: Dataset) -> None:
    for observation in practice.resources["Observation"].values():
        quantities = [
            it["valueQuantity"]
            for it in (observation, *observation.get("component", ()))
            if "valueQuantity" in it
        ]
        assert observation["code"]["coding"][0]["system"] == "http://loinc.org"
        assert {it["system"] for it in quantities} <= {"http://unitsofmeasure.org"}
        assert quantities or "valueCodeableConcept" in observation


def test_sensitive_records_are_labelled_in_most_charts_and_unlabelled_in_some(practice: Dataset) -> None:
    labels: dict[str, set[Any]] = {}
    for condition in practice.resources["Condition"].values():
        code = condition["code"]["coding"][0]["code"]
        security = condition["meta"].get("security", ())
        labels.setdefault(code, set()).add(tuple(label["code"] for label in security))

    assert labels["F10.20"] == {("R", "ETHUD"), ()}
    assert labels["I10"] == {()}


def test_a_note_reads_as_text_of_its_visit(practice: Dataset) -> None:
    note = of_patient(practice, "DocumentReference", "pat-000001")[0]

    attachment = note["content"][0]["attachment"]
    text = base64.b64decode(attachment["data"]).decode()
    assert attachment["contentType"].startswith("text/plain")
    assert text.startswith("PROGRESS NOTE")
    assert "Elena Alvarez" in text
    assert note["category"][0]["coding"][0]["code"] == "clinical-note"


def test_money_is_exact_and_every_patient_has_a_balance(practice: Dataset) -> None:
    assert [it["patient_mrn"] for it in practice.pms.balances] == [it["mrn"] for it in practice.pms.patients]
    assert all(re.fullmatch(r"\d+\.\d\d", it["amount_due"]) for it in practice.pms.balances)
    assert {it["as_of"] for it in practice.pms.balances} == {"2026-11-20T00:00:00"}
    ids = [it["id"] for it in practice.pms.coverages]
    assert len(ids) == len(set(ids))


def test_some_patients_keep_assistants_or_partners_out_and_the_demos_patient_has_no_consent() -> None:
    consents = generate(60, today=date(2026, 11, 22)).resources["Consent"]

    assert {it.partition("-")[2] for it in consents} >= {"000013-ai", "000019-partner", "000011-lapsed"}
    assert not any(it["patient"]["reference"] == "Patient/pat-000001" for it in consents.values())
    assert {it["provision"]["type"] for it in consents.values()} == {"deny"}
