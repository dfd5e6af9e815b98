"""A small practice, made at random from a seed: its directory, its patients, their rows in three systems."""

from __future__ import annotations

from datetime import datetime
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from tests.canary.clinical import WRITERS
from tests.canary.consents import consents_for
from tests.canary.records import NPI_SYSTEM, Clinic, Row, World, Writer, care_key, facts, southern

PATIENTS = 6
TIME_ZONE = "America/Chicago"
EACH = {"Observation": 3, "Condition": 2, "Encounter": 2}
"""How many rows of a type each patient has, where it is more than one."""


def made(seed: int, clinics: int = 1) -> World:
    """The world of that seed, its patients parted among so many clinics."""
    rng = Random(seed)  # noqa: S311 - the same data for the same seed
    world = World(seed)
    for clinic in (Clinic(), southern())[:clinics]:
        world.clinic = clinic
        world.clinics.append(clinic)
        directory = _directory(world)
        for number in range(PATIENTS // clinics):
            _patient(world, rng, number, directory)
        world.name_all()
    return world


def _directory(world: World) -> dict[str, Any]:
    of: dict[str, Any] = {}
    organization = world.row("ehr", "Organization", None)
    world.clinic.dataset.add(
        organization.resource(
            active=True,
            name=organization.text("name", "name"),
            type=[organization.concept("type", "type")],
            alias=[organization.text("alias")],
            telecom=organization.telecom("telecom", "telecom"),
            address=[organization.address("address", "address")],
        )
    )
    of["Organization"] = f"Organization/{organization.row.id}"
    location = world.row("ehr", "Location", None)
    world.clinic.dataset.add(
        location.resource(
            status="active",
            name=location.text("name", "name"),
            description=location.text("description"),
            type=[location.concept("type", "type")],
            telecom=location.telecom("telecom", "telecom"),
            address=location.address("address", "address"),
        )
    )
    of["Location"] = f"Location/{location.row.id}"
    of["visit_system"] = world.clinic.visit_system
    return of | _practitioner(world) | _pms_location(world)


def _practitioner(world: World) -> dict[str, Any]:
    writer = world.row("ehr", "Practitioner", None)
    npi = writer.identifier("identifier", "identifier", NPI_SYSTEM, "NPI")
    world.clinic.dataset.add(
        writer.resource(
            active=True,
            identifier=[npi],
            name=[writer.name("name", "name")],
            telecom=writer.telecom("telecom", "telecom"),
            gender="female",
            birthDate=writer.date("birthDate"),
            qualification=[{"code": writer.concept("qualification")}],
        )
    )
    own = world.row("pms", "Practitioner", None)
    known = {"id": own.integer("id"), "npi": npi["value"], "name": own.text("name")}
    world.clinic.dataset.pms.practitioners.append({**known, "specialty": own.text("specialty")})
    return {"Practitioner": f"Practitioner/{writer.row.id}", "provider": known}


def _pms_location(world: World) -> dict[str, Any]:
    writer = world.row("pms", "Location", None)
    place = {"id": writer.integer("id", "id"), "name": writer.text("name", "name")}
    parts = {name: writer.text(name, "address") for name in ("line", "city", "state")}
    world.clinic.dataset.pms.locations.append(
        {**place, "kind": "site", "phone": writer.text("phone", "telecom"),
         "address": {**parts, "postal_code": writer.zip4("postal_code", "address")}}
    )  # fmt: skip
    return {"place": place}


def _patient(world: World, rng: Random, number: int, directory: dict[str, Any]) -> None:
    label = facts(rng)["label"]
    writer = world.row("ehr", "Patient", None, label=label)
    # The row has to be its own: its id is known once it is written.
    patient = writer.row.id = writer.key("id", "id")
    writer.row.owner = patient
    world.patients.append(patient)
    mrn = writer.identifier("identifier", "identifier", world.clinic.mrn_system, "MR")
    world.clinic.dataset.add(_person(writer, number, mrn, directory))
    for day in range(2):
        _visit(world, rng, patient, mrn["value"], directory, day)
    _billing(world, patient, mrn["value"])
    _contact(world, patient)
    kept, said = consents_for(world, rng, patient)
    world.said[patient] = said
    for consent in kept:
        world.clinic.dataset.add(consent)


def _person(writer: Writer, number: int, mrn: Any, directory: dict[str, Any]) -> Any:
    died = {"deceasedDateTime": writer.at("deceasedDateTime", "deceasedDateTime")} if number % 3 == 0 else {}
    contact = {"name": writer.name("contact.name"), "telecom": writer.telecom("contact.telecom")}
    return writer.resource(
        identifier=[mrn],
        active=True,
        name=[writer.name("name", "name")],
        telecom=writer.telecom("telecom", "telecom"),
        gender="other",
        birthDate=writer.date("birthDate", "birthDate"),
        **died,
        address=[writer.address("address", "address", "postalCode")],
        maritalStatus=writer.concept("maritalStatus", "maritalStatus"),
        photo=[{"title": writer.text("photo")}],
        contact=[contact],
        communication=[{"language": writer.concept("communication")}],
        generalPractitioner=[writer.reference(directory["Practitioner"], "generalPractitioner")],
    )


def _visit(world: World, rng: Random, patient: str, mrn: str, directory: dict[str, Any], day: int) -> None:
    of = {**directory, "visit": _booking(world, rng, patient, mrn, directory, day)}
    to = f"Patient/{patient}"
    ids: dict[str, list[Writer]] = {}
    for kind in WRITERS:
        for _ in range(EACH.get(kind, 1) if day == 0 or kind == "Encounter" else 0):
            if kind == "Encounter" and ids.get(kind):
                continue
            row = world.row("ehr", kind, patient, **facts(rng))
            row.row.id = row.key("id", "id")
            ids.setdefault(kind, []).append(row)
    of |= {kind: f"{kind}/{writers[0].row.id}" for kind, writers in ids.items()}
    of.setdefault("Condition", f"Condition/none-{day}")
    for kind, writers in ids.items():
        for writer in writers:
            world.clinic.dataset.add(WRITERS[kind](writer, to, of))


def _booking(world: World, rng: Random, patient: str, mrn: str, of: dict[str, Any], day: int) -> str:
    told = facts(rng, has_label=False)
    writer = world.row("pms", "Appointment", patient, **told)
    row = writer.row
    row.codes = {"status": frozenset({"|booked"})}
    visit = writer.key("visit_number")
    # The PMS words its services as it likes: the classifier goes by words.
    word = {"ETHUD": "alcohol ", "HIV": "HIV ", "MH": "depression ", "SEX": "pregnancy "}
    row.diagnosis = ""
    service = "".join(word[about] for about in row.about)
    zone = ZoneInfo(TIME_ZONE)
    number = writer.integer("id", "id")
    world.clinic_of[number] = world.clinic.number
    world.reasons[number] = [writer.text(f"reason {change}", "reasonCode") for change in range(4)]
    world.clinic.dataset.pms.appointments.append(
        {
            "id": number,
            "patient": {"id": writer.integer("patient.id"), "mrn": mrn},
            "practitioner": of["provider"],
            "location": {"id": of["place"]["id"], "name": writer.text("location.name", "locationName")},
            "status": "scheduled",
            "service_code": writer.text("service_code", "serviceType"),
            "service_name": service + writer.text("service_name", "serviceType"),
            "reason": world.reasons[number][0],
            "starts_at": writer.at("starts_at", "start", zone="", day=f"03-1{day}"),
            "duration_minutes": 30,
            "is_telehealth": True,
            "video_url": f"https://video.example/{writer.text('video_url', 'videoUrl')}",
            "visit_number": visit,
            "created_at": writer.at("created_at", zone=""),
            "updated_at": datetime.now(zone).replace(tzinfo=None, year=2025).isoformat(timespec="seconds"),
            "version": 1,
        }
    )
    return visit


def _billing(world: World, patient: str, mrn: str) -> None:
    pms = world.clinic.dataset.pms
    coverage = world.row("pms", "Coverage", patient)
    coverage.row.codes = {"status": frozenset({"|active"})}
    pms.coverages.append(
        {
            "id": coverage.integer("id", "id"),
            "patient_mrn": mrn,
            "payer_name": coverage.key(
                "payer_name", "payor"
            ),  # where the practice speaks FHIR, an id as well
            "plan_name": coverage.text("plan_name", "plan"),
            "member_id": coverage.text("member_id", "subscriberId"),
            "status": "active",
            "starts_on": coverage.date("starts_on", "period"),
            "ends_on": None,
        }
    )
    owed = world.row("pms", "Account", patient)
    pms.balances.append(
        {
            "patient_mrn": mrn,
            "amount_due": owed.number("amount_due", "amount", whole=91, places=4),
            "currency": "USD",
            "as_of": owed.at("as_of", "asOf", zone=""),
        }
    )
    person = world.row("pms", "Patient", patient)
    names = {name: person.text(name) for name in ("first_name", "last_name", "phone", "email")}
    pms.patients.append(
        {"id": person.integer("id"), "mrn": mrn, "birth_date": person.date("birth_date"), **names}
    )


def _contact(world: World, patient: str) -> None:
    writer = world.row("crm", "Engagement", patient)
    shown = {
        "lifecyclestage": writer.text("lifecyclestage", "lifecycleStage"),
        "engagement_score": writer.number("engagement_score", "score", whole=47),
        "attendance_rate": writer.number("attendance_rate", "attendanceRate", whole=0),
        "satisfaction_score": writer.number("satisfaction_score", "satisfaction", whole=3),
        "last_touch_at": writer.at("last_touch_at", "lastTouch"),
        "hubspot_owner_id": str(writer.integer("hubspot_owner_id", "owner")),
        "owner_name": writer.text("owner_name", "owner"),
    }
    flags = {"email_consent": "true", "sms_consent": "false", "phone_consent": "true"}
    hidden = {name: writer.text(name) for name in ("email", "firstname", "lastname")}
    at = "2026-01-02T15:00:00.000Z"
    world.clinic.dataset.contacts.append(
        {
            "id": writer.text("id"),
            "properties": {
                "care_key": writer.known(
                    care_key(f"{world.clinic.prefixes.get('ehr', '')}{patient}"), "care_key"
                ),
                **shown,
                **flags,
                **hidden,
            },
            "createdAt": at,
            "updatedAt": at,
            "archived": False,
        }
    )


__all__ = ["Row", "made"]
