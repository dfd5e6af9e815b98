"""Owns the EHR adapter in the matrix: FHIR, asked by each strategy there is for many patients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sources.ehr.fhir import FhirRecords, FhirSettings
from sources.fhir.settings import Strategy
from sources.model import Encounter, PatientId
from sources.naming import alone
from sources.ports import Narrowing
from tests.sources.fhir_servers import patients_in
from tests.sources.matrix.over_http import OverHttp, Row, Sent
from tests.sources.stub import Asked, json_answer

KEYS = ("p1", "p2", "p9")
SHAPES = (b'{"resourceType": "Bundle", "type": "searchset", "entry": "Jane"}', b'{"vendor": "Jane"}')


def fhir(strategy: Strategy) -> OverHttp:
    """The adapter that asks for several patients by *strategy*."""
    settings: dict[str, Any] = {"strategy": strategy, "page_limit": 3, "page_size": 1, "self_link": False}
    practices = alone("pms", "urn:mrn", "urn:visit")
    return OverHttp(
        KEYS,
        lambda url, upstream: FhirRecords(FhirSettings("it", url, practices, **settings), upstream),
        _ask,
        _answers,
        SHAPES,
    )


async def _ask(records: FhirRecords) -> Mapping[Any, Any]:
    patients = [PatientId(key) for key in KEYS[:2]]
    return await records.of_patients(Encounter, patients, Narrowing(), frozenset({"status"}))


def _answers(asked: Asked, sent: Sent) -> bytes:
    if asked.method == "GET":
        return json_answer(_found(asked.target.partition("?")[2], sent))
    if asked.target.endswith("_search"):
        return json_answer(_found(asked.body.decode(), sent))
    entries = [
        {"resource": _found(one["request"]["url"].partition("?")[2], sent), "response": {"status": "200 OK"}}
        for one in asked.json["entry"]
    ]
    return json_answer({"resourceType": "Bundle", "type": "batch-response", "entry": entries})


def _found(query: str, sent: Sent) -> dict[str, Any]:
    """What a search finds. A row nobody asked for comes with the first patient's."""
    patients = patients_in(query)
    rows = [row for row in sent.rows if row.key in patients or (row.key == KEYS[2] and KEYS[0] in patients)]
    following = None if sent.following is None else f"/page/{sent.following}?patient={','.join(patients)}"
    return searchset(map(_encounter, rows), following)


def searchset(resources: Iterable[Any], following: str | None = None) -> dict[str, Any]:
    """A page of a search."""
    link = [] if following is None else [{"relation": "next", "url": following}]
    entries = [{"resource": resource} for resource in resources]
    return {"resourceType": "Bundle", "type": "searchset", "link": link, "entry": entries}


def _encounter(row: Row) -> dict[str, Any]:
    subject = {"reference": f"Patient/{row.key}"}
    return {
        "resourceType": "Encounter",
        "id": f"e{row.id}",
        "status": "finished",
        "subject": subject,
    } | row.more
