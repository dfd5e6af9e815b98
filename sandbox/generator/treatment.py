"""What is known and done about a patient: problems, allergies, prescriptions, vaccines, plans, notes."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from sandbox.generator.calendar import instant, with_offset
from sandbox.generator.catalogue import ALLERGIES, PROCEDURES, VACCINES
from sandbox.generator.datatypes import ACT_CODE, LOINC, TERMINOLOGY, coding, concept, meta, reference, status
from sandbox.generator.problems import Problem
from sandbox.generator.visits import Visit
from sandbox.records import Json, Resource

_ACTIVE = status("condition-clinical", "active")
_RESOLVED = status("condition-clinical", "resolved")
_CONFIRMED = status("condition-ver-status", "confirmed")
_PROBLEM = concept(f"{TERMINOLOGY}/condition-category", "problem-list-item", "Problem List Item")
_DIAGNOSIS = concept(f"{TERMINOLOGY}/condition-category", "encounter-diagnosis", "Encounter Diagnosis")
_ALLERGY_ACTIVE = status("allergyintolerance-clinical", "active")
_ALLERGY_CONFIRMED = status("allergyintolerance-verification", "confirmed")
_US_CORE = "http://hl7.org/fhir/us/core/CodeSystem"
_ASSESS_PLAN = concept(f"{_US_CORE}/careplan-category", "assess-plan", "Assessment and Plan of Treatment")
_NOTE = concept(f"{_US_CORE}/us-core-documentreference-category", "clinical-note", "Clinical Note")
_PROGRESS_NOTE = concept(LOINC, "11506-3", "Progress note")
_FEELING = ("better", "about the same", "worse")
_RESTRICTED = coding(f"{TERMINOLOGY}/v3-Confidentiality", "R", "restricted")


@dataclass(frozen=True)
class Chart:
    """One patient's clinical records: `number` counts patients, `subject` is a Reference to this one."""

    rng: Random
    number: int
    subject: Json

    @property
    def everything(self) -> bool:
        """Whether this is the demo's patient, of whom no kind of record is left to chance."""
        return self.number == 1

    def problem(self, place: int, problem: Problem, since: datetime, doctor: Json) -> Resource:
        """A long-term Condition of the problem list."""
        return {
            "resourceType": "Condition",
            "id": self._id("cond", place),
            "meta": self._meta(since, problem),
            "clinicalStatus": _ACTIVE,
            "verificationStatus": _CONFIRMED,
            "category": [_PROBLEM],
            "code": problem.code,
            "subject": self.subject,
            "onsetDateTime": since.date().isoformat(),
            "recordedDate": with_offset(since),
            "recorder": doctor,
        }

    def diagnosis(self, visit: Visit) -> Resource:
        """The Condition found at *visit*, over two weeks later."""
        over = visit.ends_at + timedelta(days=14)
        return {
            "resourceType": "Condition",
            "id": f"cond-{visit.encounter_id}",
            "meta": self._meta(visit.ends_at, visit.problem),
            "clinicalStatus": _RESOLVED,
            "verificationStatus": _CONFIRMED,
            "category": [_DIAGNOSIS],
            "code": visit.problem.code,
            "subject": self.subject,
            "encounter": encounter_reference(visit),
            "onsetDateTime": visit.slot.starts_at.date().isoformat(),
            "abatementDateTime": over.date().isoformat(),
            "recordedDate": with_offset(visit.ends_at),
            "recorder": visit.practitioner.reference,
        }

    def at_visit(self, place: int, visit: Visit, condition: Json) -> Iterator[Resource]:
        """What *visit*, the patient's *place*-th, left behind: prescription, procedure, vaccine, note."""
        if visit.problem.drug is not None and self._chance(0.5):
            yield self._prescription(place, visit, condition)
        in_person = visit.service is None or not visit.service.is_telehealth
        if in_person and self._chance(0.2):
            yield self._procedure(place, visit)
        if in_person and self._chance(0.25):
            yield self._immunization(place, visit)
        if self._chance(0.6):
            yield self._note(place, visit)

    def allergies(self, since: datetime) -> Iterator[Resource]:
        """None to two allergies."""
        count = 2 if self.everything else self.rng.choices((0, 1, 2), (60, 30, 10))[0]
        for place, (category, criticality, code, shows) in enumerate(self.rng.sample(ALLERGIES, count), 1):
            yield {
                "resourceType": "AllergyIntolerance",
                "id": self._id("alg", place),
                "meta": meta(instant(since)),
                "clinicalStatus": _ALLERGY_ACTIVE,
                "verificationStatus": _ALLERGY_CONFIRMED,
                "type": "allergy",
                "category": [category],
                "criticality": criticality,
                "code": code,
                "patient": self.subject,
                "recordedDate": with_offset(since),
                "reaction": [
                    {"manifestation": [shows], "severity": "severe" if criticality == "high" else "mild"}
                ],
            }

    def care_plan(self, since: datetime, condition: Json, problem: Problem) -> Resource:
        """The plan for a long-term problem."""
        return {
            "resourceType": "CarePlan",
            "id": self._id("plan", 1),
            "meta": self._meta(since, problem),
            "status": "active",
            "intent": "plan",
            "category": [_ASSESS_PLAN],
            "title": f"Plan for {problem.name.lower()}",
            "description": "Review in three months; bring home readings; call us if symptoms get worse.",
            "subject": self.subject,
            "period": {"start": since.date().isoformat()},
            "addresses": [condition],
        }

    def _prescription(self, place: int, visit: Visit, condition: Json) -> Resource:
        return {
            "resourceType": "MedicationRequest",
            "id": self._id("med", place),
            "meta": self._meta(visit.ends_at, visit.problem),
            "status": self.rng.choice(("active", "active", "completed", "stopped")),
            "intent": "order",
            "category": [concept(f"{TERMINOLOGY}/medicationrequest-category", "community", "Community")],
            "medicationCodeableConcept": visit.problem.drug,
            "subject": self.subject,
            "encounter": encounter_reference(visit),
            "authoredOn": with_offset(visit.ends_at),
            "requester": visit.practitioner.reference,
            "reasonReference": [condition],
            "dosageInstruction": [{"sequence": 1, "text": visit.problem.dose}],
            "dispenseRequest": {"numberOfRepeatsAllowed": self.rng.randint(0, 5)},
        }

    def _procedure(self, place: int, visit: Visit) -> Resource:
        return {
            "resourceType": "Procedure",
            "id": self._id("proc", place),
            "meta": meta(instant(visit.ends_at)),
            "status": "completed",
            "code": self.rng.choice(PROCEDURES),
            "subject": self.subject,
            "encounter": encounter_reference(visit),
            "performedPeriod": {
                "start": with_offset(visit.slot.starts_at),
                "end": with_offset(visit.ends_at),
            },
            "performer": [{"actor": visit.practitioner.reference}],
            "location": visit.location.reference,
        }

    def _immunization(self, place: int, visit: Visit) -> Resource:
        return {
            "resourceType": "Immunization",
            "id": self._id("imm", place),
            "meta": meta(instant(visit.ends_at)),
            "status": "completed",
            "vaccineCode": self.rng.choice(VACCINES),
            "patient": self.subject,
            "encounter": encounter_reference(visit),
            "occurrenceDateTime": with_offset(visit.slot.starts_at),
            "primarySource": True,
            "lotNumber": f"LOT{self.rng.randint(10_000, 99_999)}",
            "performer": [{"actor": visit.practitioner.reference}],
        }

    def _note(self, place: int, visit: Visit) -> Resource:
        written = with_offset(visit.ends_at)
        text = base64.b64encode(self._note_text(visit).encode()).decode()
        return {
            "resourceType": "DocumentReference",
            "id": self._id("doc", place),
            "meta": self._meta(visit.ends_at, visit.problem),
            "status": "current",
            "docStatus": "final",
            "type": _PROGRESS_NOTE,
            "category": [_NOTE],
            "subject": self.subject,
            "date": instant(visit.ends_at),
            "author": [visit.practitioner.reference],
            "content": [
                {
                    "attachment": {
                        "contentType": "text/plain; charset=utf-8",
                        "language": "en-US",
                        "data": text,
                        "title": "Progress note",
                        "creation": written,
                    }
                }
            ],
            "context": {"encounter": [encounter_reference(visit)]},
        }

    def _note_text(self, visit: Visit) -> str:
        name, problem = self.subject["display"], visit.problem
        advice = (
            f"Continue {problem.drug['text']}." if problem.drug else "Rest and fluids; no medication today."
        )
        return (
            f"PROGRESS NOTE  {visit.slot.starts_at:%Y-%m-%d}\n\n"
            f"Reason for visit: {problem.reason}.\n"
            f"Subjective: {name} reports feeling {self.rng.choice(_FEELING)} since last seen.\n"
            f"Assessment: {problem.name}.\n"
            f"Plan: {advice} Return if symptoms change.\n\n"
            f"Signed: {visit.practitioner.row['name']}\n"
        )

    def _meta(self, at: datetime, problem: Problem) -> Json:
        """The meta of a record of *problem*; two charts of three label the sensitive ones."""
        found = meta(instant(at))
        if problem.sensitivity and self.number % 3:
            found["security"] = [_RESTRICTED, {"system": ACT_CODE, "code": problem.sensitivity}]
        return found

    def _id(self, kind: str, place: int) -> str:
        return f"{kind}-{self.number:06}-{place}"

    def _chance(self, probability: float) -> bool:
        return self.everything or self.rng.random() < probability


def encounter_reference(visit: Visit) -> Json:
    """A Reference to the Encounter of *visit*."""
    return reference("Encounter", visit.encounter_id or "")
