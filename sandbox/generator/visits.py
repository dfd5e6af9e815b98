"""Visits: a PMS appointment, the EHR's Appointment for it, and the Encounter it became."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random

from sandbox.generator.calendar import Slot, instant, with_offset
from sandbox.generator.catalogue import EMERGENCY, SERVICES, Service
from sandbox.generator.datatypes import ACT_CODE, TERMINOLOGY, coding, concept, meta, reference, status
from sandbox.generator.practice import EMERGENCY_SITE, PRACTICE_NAME, Location, Practice, Practitioner
from sandbox.generator.problems import Problem
from sandbox.records import IDENTIFIER_TYPES, VISIT_SYSTEM, Json, Resource

FIRST_APPOINTMENT = 5001
MOST_ENCOUNTERS = 8
PMS_APPOINTMENT_SYSTEM = "urn:caregraph:sandbox:pms-appointment"

EHR_STATUS = {
    "scheduled": "booked",
    "confirmed": "booked",
    "arrived": "arrived",
    "checked_in": "checked-in",
    "in_session": "arrived",
    "completed": "fulfilled",
    "cancelled": "cancelled",
    "no_show": "noshow",
}
"""The PMS's appointment statuses in the words of FHIR's AppointmentStatus."""

_ENCOUNTER_STATUS = {"completed": "finished", "in_session": "in-progress", "arrived": "arrived"}
_PRIMARY = concept(f"{TERMINOLOGY}/v3-ParticipationType", "PPRF", "primary performer")
_ATTENDING = concept(f"{TERMINOLOGY}/v3-ParticipationType", "ATND", "attender")
_VISIT_NUMBER = {"coding": [coding(IDENTIFIER_TYPES, "VN", "Visit number")]}
_CLASSES = {
    "AMB": coding(ACT_CODE, "AMB", "ambulatory"),
    "VR": coding(ACT_CODE, "VR", "virtual"),
    "EMER": coding(ACT_CODE, "EMER", "emergency"),
}


@dataclass(frozen=True)
class Visit:
    """One meeting of a patient and a practitioner; `row` is its PMS appointment, None where nobody booked."""

    slot: Slot
    service: Service | None
    practitioner: Practitioner
    location: Location
    problem: Problem
    row: Json | None
    encounter_id: str | None

    @property
    def ends_at(self) -> datetime:
        """When it is over (naive, local to the practice)."""
        return self.slot.starts_at + timedelta(minutes=self.service.minutes if self.service else 150)


@dataclass(frozen=True)
class Booker:
    """Books a patient's visits; `chart` is their PMS chart and `problems` what they come for."""

    rng: Random
    practice: Practice
    chart: Json
    problems: Sequence[Problem]
    today: date

    def visits(self, slots: Sequence[Slot], first_id: int) -> list[Visit]:
        """A visit for each slot, their PMS ids counted from *first_id*; at most eight have an encounter."""
        encounters = 0
        found = []
        for id_, slot in enumerate(slots, first_id):
            met = slot.status in _ENCOUNTER_STATUS and encounters < MOST_ENCOUNTERS
            encounters += met
            found.append(self._visit(slot, id_, met))
        return found

    def emergency(self, encounter_id: str) -> Visit:
        """A visit to the emergency department, which nobody booked."""
        day = self.today - timedelta(days=self.rng.randint(30, 900))
        slot = Slot(datetime.combine(day, time(self.rng.randint(17, 23), 10)), "completed")
        place = self.practice.locations[EMERGENCY_SITE]
        doctor = self.rng.choice(self.practice.practitioners)
        return Visit(slot, None, doctor, place, self.rng.choice(self.problems), None, encounter_id)

    def _visit(self, slot: Slot, id_: int, met: bool) -> Visit:
        problem = self.rng.choice(self.problems)
        sensitive = problem.sensitivity in ("MH", "ETHUD", "OPIOIDUD")
        service = (
            next(it for it in SERVICES if it.is_sensitive) if sensitive else self.rng.choice(SERVICES[:4])
        )
        practitioner = self.rng.choice(self.practice.of_specialty(service.specialties))
        places = self.practice.locations
        site = places[3] if service.is_sensitive else self.rng.choice((places[0], places[2]))
        location = places[1] if service.is_telehealth else site
        row = self._row(slot, id_, service, practitioner, location, problem)
        row["visit_number"] = f"V-{id_}" if met else None
        return Visit(slot, service, practitioner, location, problem, row, f"enc-{id_:06}" if met else None)

    def _row(
        self,
        slot: Slot,
        id_: int,
        service: Service,
        practitioner: Practitioner,
        location: Location,
        problem: Problem,
    ) -> Json:
        midnight = datetime.combine(self.today, time())
        booked = min(slot.starts_at - timedelta(days=self.rng.randint(5, 60)), midnight - timedelta(hours=8))
        over = slot.starts_at + timedelta(minutes=service.minutes)
        return {
            "id": id_,
            "patient": {"id": self.chart["id"], "mrn": self.chart["mrn"]},
            "practitioner": practitioner.short,
            "location": location.short,
            "status": slot.status,
            "service_code": service.code,
            "service_name": service.name,
            "reason": problem.reason if self.rng.random() < 0.85 else None,
            "starts_at": slot.starts_at.isoformat(),
            "duration_minutes": service.minutes,
            "is_telehealth": service.is_telehealth,
            "video_url": f"https://video.sandbox.example/v/{id_}" if service.is_telehealth else None,
            "visit_number": None,
            "created_at": booked.isoformat(),
            "updated_at": (over if over < midnight else booked).isoformat(),
            "version": 1,
        }


def appointment_resource(visit: Visit, patient: Json) -> Resource:
    """The EHR's own Appointment for a booked *visit*; *patient* is a Reference."""
    row, service = visit.row, visit.service
    if row is None or service is None:
        raise ValueError("only a booked visit has an Appointment")
    people = (patient, visit.practitioner.reference, visit.location.reference)
    kind = {"coding": [{"system": f"{TERMINOLOGY}/v2-0276", "code": service.kind}]}
    resource: Resource = {
        "resourceType": "Appointment",
        "id": f"appt-{row['id']:06}",
        "meta": meta(instant(datetime.fromisoformat(row["updated_at"]))),
        "identifier": [{"system": PMS_APPOINTMENT_SYSTEM, "value": str(row["id"])}],
        "status": EHR_STATUS[row["status"]],
        "serviceType": [{"text": service.name}],
        "appointmentType": kind,
        "start": instant(visit.slot.starts_at),
        "end": instant(visit.ends_at),
        "minutesDuration": service.minutes,
        "created": with_offset(datetime.fromisoformat(row["created_at"])),
        "participant": [{"actor": it, "required": "required", "status": "accepted"} for it in people],
    }
    reason = row["reason"]
    return {**resource, "reasonCode": [{"text": reason}]} if reason else resource


def encounter_resource(visit: Visit, patient: Json, condition: Json, appointment: Json | None) -> Resource:
    """The Encounter of *visit*; *condition* and *appointment* are References to what belongs to it."""
    start = with_offset(visit.slot.starts_at)
    finished = visit.slot.status == "completed"
    period = {"start": start, "end": with_offset(visit.ends_at)} if finished else {"start": start}
    role = _PRIMARY if visit.service else _ATTENDING
    resource: Resource = {
        "resourceType": "Encounter",
        "id": visit.encounter_id,
        "meta": meta(instant(visit.ends_at if finished else visit.slot.starts_at)),
        "status": _ENCOUNTER_STATUS[visit.slot.status],
        "class": _class_of(visit),
        "type": [visit.service.encounter if visit.service else EMERGENCY],
        "subject": patient,
        "participant": [{"type": [role], "period": period, "individual": visit.practitioner.reference}],
        "period": period,
        "reasonCode": [{**visit.problem.code, "text": visit.problem.reason}],
        "diagnosis": [{"condition": condition, "use": status("diagnosis-role", "DD"), "rank": 1}],
        "location": [{"location": visit.location.reference, "status": "completed" if finished else "active"}],
        "serviceProvider": reference("Organization", "org-0001", PRACTICE_NAME),
    }
    if visit.row is not None:
        number = visit.row["visit_number"]
        resource["identifier"] = [
            {"use": "official", "type": _VISIT_NUMBER, "system": VISIT_SYSTEM, "value": number}
        ]
    return {**resource, "appointment": [appointment]} if appointment else resource


def _class_of(visit: Visit) -> Json:
    if visit.service is None:
        return _CLASSES["EMER"]
    return _CLASSES["VR" if visit.service.is_telehealth else "AMB"]
