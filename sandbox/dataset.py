"""The sandbox's data: one practice's patients in three systems under three identifiers."""

from datetime import date, datetime, timedelta

from sandbox.records import (
    IDENTIFIER_TYPES,
    MRN_SYSTEM,
    NPI_SYSTEM,
    VISIT_SYSTEM,
    Contact,
    Dataset,
    Json,
    Pms,
    Resource,
    care_key,
)

__all__ = [
    "IDENTIFIER_TYPES",
    "MRN_SYSTEM",
    "NPI_SYSTEM",
    "VISIT_SYSTEM",
    "Contact",
    "Dataset",
    "Json",
    "Pms",
    "Resource",
    "care_key",
    "generate",
]


def generate(patients: int = 100, seed: int = 7, today: date | None = None) -> Dataset:
    """Makes *patients* patients and their practice; the same arguments give the same data."""
    day = today or date.today()  # noqa: DTZ011 (the practice's own calendar day)
    dataset = Dataset()
    dataset.pms.practitioners = [
        {"id": 1, "npi": "1234567893", "name": "Ana Reyes", "specialty": "Family medicine"}
    ]
    dataset.pms.locations = [
        {
            "id": 1,
            "name": "Video, Springfield",
            "kind": "video",
            "address": {"line": "100 Main St", "city": "Springfield", "state": "IL", "postal_code": "62701"},
            "phone": "+12175550100",
        }
    ]
    for number in range(1, patients + 1):
        _one(dataset, number, day)
    return dataset


def _one(dataset: Dataset, number: int, day: date) -> None:
    mrn, patient_id = f"MRN-{number:06}", f"pat-{number:06}"
    typed = {"coding": [{"system": IDENTIFIER_TYPES, "code": "MR"}]}
    dataset.add(
        {
            "resourceType": "Patient",
            "id": patient_id,
            "identifier": [{"type": typed, "system": MRN_SYSTEM, "value": mrn}],
            "name": [{"family": "Reyes", "given": ["Ana"]}],
        }
    )
    dataset.pms.patients.append({"id": 300 + number, "mrn": mrn, "first_name": "Ana", "last_name": "Reyes"})
    for step, offset in enumerate((-30, 14)):
        dataset.pms.appointments.append(_appointment(5000 + number * 10 + step, number, mrn, day, offset))
    at = f"{day.isoformat()}T00:00:00"
    dataset.pms.balances.append({"patient_mrn": mrn, "amount_due": "120.50", "currency": "USD", "as_of": at})
    dataset.contacts.append(
        {
            "id": str(90000 + number),
            "properties": {"care_key": care_key(patient_id), "email": None, "engagement_score": "70"},
            "createdAt": at + ".000Z",
            "updatedAt": at + ".000Z",
            "archived": False,
        }
    )


def _appointment(id: int, number: int, mrn: str, day: date, offset: int) -> Json:
    starts = datetime(day.year, day.month, day.day, 10) + timedelta(days=offset)  # noqa: DTZ001 (naive on the wire)
    return {
        "id": id,
        "patient": {"id": 300 + number, "mrn": mrn},
        "practitioner": {"id": 1, "npi": "1234567893", "name": "Ana Reyes"},
        "location": {"id": 1, "name": "Video, Springfield"},
        "status": "completed" if offset < 0 else "confirmed",
        "service_code": "VID30",
        "service_name": "Video visit",
        "reason": None,
        "starts_at": starts.isoformat(),
        "duration_minutes": 30,
        "is_telehealth": True,
        "video_url": f"https://video.sandbox.example/v/{id}",
        "visit_number": f"V-{id}" if offset < 0 else None,
        "created_at": (starts - timedelta(days=40)).isoformat(),
        "updated_at": (starts - timedelta(days=40)).isoformat(),
        "version": 1,
    }
