"""Owns spoiled answers: JSON with fields no schema knows, or with a row of another patient. Pure."""

import copy
from collections.abc import Iterator
from typing import Any

from sandbox.records import Json

ODD_FIELD = "vendor_oddity"
FOREIGN_PATIENT = "foreign-0001"
FOREIGN_MRN = "MRN-FOREIGN"
FOREIGN_CARE_KEY = "f" * 40
FOREIGN_NUMBER = 999_999_999

_KEYS = ("Care_Key__c", "cg_carekey")
"""The columns in which Salesforce and Dynamics hold a care key."""


def with_unknown_field(answer: Any) -> Any:
    """*answer* with one more field in every record: FHIR resource, row, contact, or the answer itself."""
    spoiled = copy.deepcopy(answer)
    for record in _records(spoiled):
        record[ODD_FIELD] = "sandbox"
    return spoiled


def with_foreign_row(answer: Any) -> Any:
    """*answer* with one more row: the first one that belongs to a patient, made another patient's.

    Lists that are empty or hold no patient's rows, and answers that are no lists, stay as they are.
    """
    spoiled = copy.deepcopy(answer)
    for rows in _lists(spoiled):
        foreign = next((made for row in rows if (made := _foreign(copy.deepcopy(row))) is not None), None)
        if foreign is not None:
            rows.append(foreign)
            break
    return spoiled


def _lists(answer: Any) -> Iterator[list[Json]]:
    """The lists of rows in an answer: a Bundle's entries, a page of rows or contacts; never its errors."""
    if isinstance(answer, dict):
        for name, value in answer.items():
            rows = value if isinstance(value, list) and name not in ("errors", "link") else []
            if rows and all(isinstance(row, dict) for row in rows):
                yield rows


def _records(answer: Any) -> Iterator[Json]:
    if not isinstance(answer, dict):
        return
    if answer.get("resourceType") == "Bundle":
        yield from (entry["resource"] for entry in answer.get("entry", ()) if "resource" in entry)
    elif "resourceType" in answer or not any(isinstance(value, list) for value in answer.values()):
        yield answer
    else:
        for rows in _lists(answer):
            yield from rows


def _foreign(row: Json) -> Json | None:
    """*row* changed to be another patient's, or None if it is no patient's."""
    if "resource" in row:
        return _foreign_entry(row)
    if "patient_mrn" in row:
        row["patient_mrn"] = FOREIGN_MRN
    elif isinstance(row.get("patient"), dict):
        row["patient"] = {"id": FOREIGN_NUMBER, "mrn": FOREIGN_MRN}
    elif isinstance(row.get("properties"), dict):
        others = {"care_key": FOREIGN_CARE_KEY, "hs_object_id": str(FOREIGN_NUMBER)}
        row["properties"].update({name: others[name] for name in others if name in row["properties"]})
    elif any(name in row for name in _KEYS):
        row.update({name: FOREIGN_CARE_KEY for name in _KEYS if name in row})
    else:
        return None
    if "id" in row:
        row["id"] = str(FOREIGN_NUMBER) if isinstance(row["id"], str) else FOREIGN_NUMBER
    return row


def _foreign_entry(entry: Json) -> Json | None:
    resource = entry["resource"]
    if resource.get("resourceType") == "Patient":
        resource["id"] = FOREIGN_PATIENT
    elif _redirect(resource):
        resource["id"] = "foreign-row"
    else:
        return None
    entry.pop("fullUrl", None)
    return entry


def _redirect(element: Any) -> bool:
    """Point every reference to a Patient at the foreign one; whether there was any."""
    if isinstance(element, list):
        return any([_redirect(item) for item in element])
    if not isinstance(element, dict):
        return False
    reference = element.get("reference")
    if isinstance(reference, str) and "Patient" in reference.split("/")[:-1]:
        element["reference"] = f"Patient/{FOREIGN_PATIENT}"
        return True
    return any([_redirect(value) for value in element.values()])
