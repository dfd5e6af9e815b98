"""Owns the PMS adapters over HTTP in the matrix: the REST API and FHIR."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sources.model import Mrn
from sources.pms.fhir import FhirPmsSettings, FhirPractice
from sources.pms.rest import PmsSettings, RestPms
from sources.ports import AppointmentQuery
from tests.sources.matrix.ehrs import SHAPES, searchset
from tests.sources.matrix.over_http import OverHttp, Row, Sent
from tests.sources.stub import Asked, json_answer

MRNS = ("M1", "M2", "M9")
START = frozenset({"start"})


async def ask_appointments(practice: Any) -> Mapping[Any, Any]:
    """The question of every practice in the matrix: two patients' appointments."""
    found: Mapping[Any, Any] = await practice.appointments_of(
        [Mrn(mrn) for mrn in MRNS[:2]], AppointmentQuery(), START
    )
    return found


def _booking(row: Row) -> dict[str, Any]:
    return {
        "id": int(row.id),
        "patient": {"id": 301, "mrn": row.key},
        "practitioner": None,
        "location": None,
        "status": "confirmed",
        "service_code": "VID30",
        "service_name": "Video visit",
        "reason": None,
        "starts_at": "2026-12-01T10:00:00",
        "duration_minutes": 30,
        "is_telehealth": True,
        "video_url": None,
        "visit_number": None,
        "created_at": "2026-11-01T09:00:00",
        "updated_at": "2026-11-20T09:00:00",
        "version": 3,
        **row.more,
    }


def _rest_answers(asked: Asked, sent: Sent) -> bytes:
    cursor = None if sent.following is None else f"c{sent.following}"
    return json_answer({"appointments": [_booking(row) for row in sent.rows], "next_cursor": cursor})


REST = OverHttp(
    MRNS,
    lambda _, upstream: RestPms(PmsSettings("it", "America/Chicago", page_limit=3), upstream),
    ask_appointments,
    _rest_answers,
    (b'{"appointments": "Jane", "next_cursor": null}', b'{"vendor": "Jane"}'),
)


def _patient(mrn: str) -> dict[str, Any]:
    identifier = {"system": "urn:mrn", "value": mrn}
    return {"resourceType": "Patient", "id": f"p-{mrn}", "identifier": [identifier]}


def _appointment(row: Row) -> dict[str, Any]:
    return {
        "resourceType": "Appointment",
        "id": f"a{row.id}",
        "status": "booked",
        "start": "2026-12-01T10:00:00Z",
        "end": "2026-12-01T10:30:00Z",
        "participant": [{"actor": {"reference": f"Patient/p-{row.key}"}, "status": "accepted"}],
        **row.more,
    }


def _fhir_answers(asked: Asked, sent: Sent) -> bytes:
    if "/Patient" in asked.target:
        return json_answer(searchset(map(_patient, MRNS[:2])))
    following = None if sent.following is None else f"/Appointment?page={sent.following}"
    return json_answer(searchset(map(_appointment, sent.rows), following))


_FHIR_SETTINGS: dict[str, Any] = {
    "mrn_system": "urn:mrn",
    "visit_system": "urn:visit",
    "strategy": "or-list",
    "appointments_by": "patient",
    "page_limit": 3,
    "page_size": 1,
}
FHIR = OverHttp(
    MRNS,
    lambda url, upstream: FhirPractice(FhirPmsSettings("it", url, **_FHIR_SETTINGS), upstream),
    ask_appointments,
    _fhir_answers,
    SHAPES,
)
