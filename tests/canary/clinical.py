"""The clinical records of one patient in the EHR, each with marks in what is shown of it and what is not."""

from __future__ import annotations

from typing import Any

from tests.canary.records import CATEGORY, ICD10CM, Row, Writer

LAB = (f"{CATEGORY}/observation-category", "laboratory")
VITAL = (f"{CATEGORY}/observation-category", "vital-signs")
PROBLEM = (f"{CATEGORY}/condition-category", "problem-list-item")
VISIT = (f"{CATEGORY}/condition-category", "encounter-diagnosis")


def _real(row: Row) -> tuple[str, str]:
    return ICD10CM, row.diagnosis


def _codes(row: Row, **real: tuple[tuple[str, str], ...]) -> None:
    row.codes = {
        name: frozenset(f"{system}|{code}" for system, code in pairs) for name, pairs in real.items()
    }


def _notes(writer: Writer) -> Any:
    return [{"text": writer.text("note.text"), "time": writer.at("note.time")}]


def _categories(writer: Writer, shown_as: str, *real: tuple[str, str]) -> Any:
    return [writer.concept("category", shown_as, one) for one in real]


def condition(writer: Writer, patient: str, of: Any) -> Any:
    row = writer.row
    category = PROBLEM if row.number % 2 else VISIT
    _codes(row, category=(category,), code=(_real(row),))
    return writer.resource(
        identifier=[writer.identifier("identifier", "", "urn:canary:c", "XX")],
        clinicalStatus=writer.concept("clinicalStatus", "clinicalStatus"),
        verificationStatus=writer.concept("verificationStatus", "verificationStatus"),
        category=_categories(writer, "category", category),
        severity=writer.concept("severity", "severity"),
        code=writer.concept("code", "code", _real(row)),
        bodySite=[writer.concept("bodySite")],
        subject=writer.reference(patient, "subject"),
        encounter=writer.reference(of["Encounter"], "encounter"),
        onsetDateTime=writer.at("onsetDateTime", "onsetDateTime"),
        abatementDateTime=writer.at("abatementDateTime", "abatementDateTime"),
        recordedDate=writer.at("recordedDate", "recordedDate"),
        recorder=writer.reference(of["Practitioner"], "recorder"),
        note=_notes(writer),
    )


def _quantity(writer: Writer, element: str, shown_as: str) -> Any:
    return {
        "value": float(writer.number(f"{element}.value", shown_as, whole=93017)),
        "unit": writer.text(f"{element}.unit", shown_as),
        "code": writer.text(f"{element}.code", shown_as),
        "system": "http://unitsofmeasure.org",
    }


def observation(writer: Writer, patient: str, of: Any) -> Any:
    row = writer.row
    # The first has two categories: a granular scope on either opens it.
    categories = (LAB, VITAL) if row.number % 3 == 0 else (LAB,)
    _codes(row, category=categories, code=(_real(row),))
    component = {
        "code": writer.concept("component.code", "component"),
        "valueQuantity": _quantity(writer, "component.valueQuantity", "component"),
        "interpretation": [writer.concept("component.interpretation")],
    }
    if row.number % 2:
        value = {"valueString": writer.text("valueString", "valueString")}
    else:
        value = {"valueQuantity": _quantity(writer, "valueQuantity", "valueQuantity")}
    return writer.resource(
        identifier=[writer.identifier("identifier", "", "urn:canary:o", "XX")],
        status="final",
        category=_categories(writer, "category", *categories),
        code=writer.concept("code", "code", _real(row)),
        subject=writer.reference(patient, "subject"),
        encounter=writer.reference(of["Encounter"], "encounter"),
        effectiveDateTime=writer.at("effectiveDateTime", "effectiveDateTime"),
        issued=writer.at("issued", "issued"),
        performer=[writer.reference(of["Practitioner"], "performer")],
        **value,
        interpretation=[writer.concept("interpretation", "interpretation")],
        note=_notes(writer),
        component=[component],
    )


def medication(writer: Writer, patient: str, of: Any) -> Any:
    row = writer.row
    _codes(row, code=(_real(row),), status=(("", "active"),))
    dosage = {
        "text": writer.text("dosageInstruction.text", "dosageInstruction"),
        "patientInstruction": writer.text("dosageInstruction.patientInstruction", "dosageInstruction"),
        "site": writer.concept("dosageInstruction.site"),
    }
    return writer.resource(
        status="active",
        intent="order",
        category=[writer.concept("category", "category")],
        medicationCodeableConcept=writer.concept(
            "medicationCodeableConcept", "medicationCodeableConcept", _real(row)
        ),
        subject=writer.reference(patient, "subject"),
        encounter=writer.reference(of["Encounter"], "encounter"),
        authoredOn=writer.at("authoredOn", "authoredOn"),
        requester=writer.reference(of["Practitioner"], "requester"),
        reasonCode=[writer.concept("reasonCode", "reasonCode")],
        note=_notes(writer),
        dosageInstruction=[dosage],
    )


def allergy(writer: Writer, patient: str, of: Any) -> Any:
    row = writer.row
    _codes(row, code=(_real(row),))
    reaction = {
        "manifestation": [writer.concept("reaction.manifestation", "reaction")],
        "description": writer.text("reaction.description"),
        "severity": "mild",
    }
    return writer.resource(
        clinicalStatus=writer.concept("clinicalStatus", "clinicalStatus"),
        verificationStatus=writer.concept("verificationStatus", "verificationStatus"),
        type="allergy",
        category=["food"],
        criticality="low",
        code=writer.concept("code", "code", _real(row)),
        patient=writer.reference(patient, "patient"),
        onsetDateTime=writer.at("onsetDateTime", "onsetDateTime"),
        recordedDate=writer.at("recordedDate", "recordedDate"),
        note=_notes(writer),
        reaction=[reaction],
    )


def immunization(writer: Writer, patient: str, of: Any) -> Any:
    row = writer.row
    _codes(row, **{"vaccine-code": (_real(row),), "status": (("", "completed"),)})
    return writer.resource(
        status="completed",
        statusReason=writer.concept("statusReason", "statusReason"),
        vaccineCode=writer.concept("vaccineCode", "vaccineCode", _real(row)),
        patient=writer.reference(patient, "patient"),
        occurrenceDateTime=writer.at("occurrenceDateTime", "occurrenceDateTime"),
        primarySource=True,
        lotNumber=writer.text("lotNumber", "lotNumber"),
        manufacturer={"display": writer.text("manufacturer")},
        note=_notes(writer),
    )


def procedure(writer: Writer, patient: str, of: Any) -> Any:
    row = writer.row
    _codes(row, code=(_real(row),))
    return writer.resource(
        status="completed",
        category=writer.concept("category", "category"),
        code=writer.concept("code", "code", _real(row)),
        subject=writer.reference(patient, "subject"),
        performedPeriod={
            "start": writer.at("performedPeriod.start", "performedPeriod"),
            "end": writer.at("performedPeriod.end", "performedPeriod", hour=16),
        },
        reasonCode=[writer.concept("reasonCode", "reasonCode")],
        outcome=writer.concept("outcome"),
        note=_notes(writer),
    )


def care_plan(writer: Writer, patient: str, of: Any) -> Any:
    row = writer.row
    _codes(row, category=(_real(row),))
    return writer.resource(
        status="active",
        intent="plan",
        category=[writer.concept("category", "category", _real(row))],
        title=writer.text("title", "title"),
        description=writer.text("description", "description"),
        subject=writer.reference(patient, "subject"),
        period={"start": writer.at("period.start", "period")},
        goal=[writer.reference("Goal/g1", "goal")],
        note=_notes(writer),
    )


def document(writer: Writer, patient: str, of: Any) -> Any:
    row = writer.row
    _codes(row, type=(_real(row),))
    attachment = {
        "contentType": "text/plain",
        "data": writer.data("content.data", "content"),
        "title": writer.text("content.title", "content"),
        "url": f"https://documents.example/{writer.text('content.url', 'content')}",
        "creation": writer.at("content.creation", "content"),
    }
    return writer.resource(
        masterIdentifier={"system": "urn:canary:d", "value": writer.text("masterIdentifier")},
        status="current",
        docStatus="final",
        type=writer.concept("type", "type", _real(row)),
        category=[writer.concept("category", "category")],
        subject=writer.reference(patient, "subject"),
        date=writer.at("date", "date"),
        author=[writer.reference(of["Practitioner"], "author")],
        description=writer.text("description", "description"),
        content=[{"attachment": attachment}],
        context={
            "encounter": [{"reference": of["Encounter"]}],
            "related": [{"display": writer.text("related")}],
        },
    )


def encounter(writer: Writer, patient: str, of: Any) -> Any:
    row = writer.row
    _codes(row, type=(_real(row),), status=(("", "finished"),))
    span = {
        "start": writer.at("period.start", "period"),
        "end": writer.at("period.end", "period", hour=16),
    }
    participant = {
        "type": [writer.concept("participant.type", "participant")],
        "period": {"start": writer.at("participant.period", "participant")},
        "individual": {
            "reference": of["Practitioner"],
            "display": writer.text("participant.display", "participant"),
        },
    }
    diagnosis = {
        "condition": {"reference": of["Condition"], "display": writer.text("diagnosis.display")},
        "use": writer.concept("diagnosis.use", "diagnosis"),
        "rank": 1,
    }
    return writer.resource(
        identifier=[writer.identifier("identifier", "identifier", of["visit_system"], "VN", of["visit"])],
        status="finished",
        **{
            "class": {
                "system": f"{CATEGORY}/v3-ActCode",
                "code": "AMB",
                "display": writer.text("class", "class"),
            }
        },
        type=[writer.concept("type", "type", _real(row))],
        serviceType=writer.concept("serviceType"),
        subject=writer.reference(patient, "subject"),
        participant=[participant],
        period=span,
        reasonCode=[writer.concept("reasonCode", "reasonCode")],
        diagnosis=[diagnosis],
        location=[{"location": {"reference": of["Location"]}}],
        serviceProvider={"reference": of["Organization"]},
    )


WRITERS = {
    "Encounter": encounter,
    "Condition": condition,
    "Observation": observation,
    "MedicationRequest": medication,
    "AllergyIntolerance": allergy,
    "Immunization": immunization,
    "Procedure": procedure,
    "CarePlan": care_plan,
    "DocumentReference": document,
}
