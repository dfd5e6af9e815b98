"""Owns what a PID segment tells of a patient: only what it tells, so that the rest stays as it is. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from sources.model import CodeableConcept, Coding, Identifier, Mrn, Patient
from sources.pms.hl7v2 import datatypes
from sources.pms.hl7v2.er7 import Segment, Told
from sources.pms.hl7v2.faults import NOT_IN_TABLE, Fault
from sources.pms.hl7v2.moments import day

GENDERS = {"F": "female", "M": "male", "O": "other", "A": "other", "N": "other", "U": "unknown"}
"""Table 0001 as FHIR's administrative genders."""

_MARITAL = "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus"
_TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"
_YES_NO = {"Y": True, "N": False}

_HOME, _WORK = "home telecom", "work telecom"

Facts = dict[str, Any]
"""Attributes of a patient that a message tells of; None or () where it says to delete them. Telephones come
in two fields, of which a message may tell one."""


def told(pid: Segment) -> Facts:
    """What the segment tells. Numbers of insurance and of the state are not taken: nothing here needs them.

    Raises:
        Fault: a value is not of its type.
    """
    facts: dict[str, Any] = {
        "name": _rows(pid, 5, datatypes.name),
        "birth_date": _day(pid, 7),
        "gender": _coded(pid, 8, GENDERS),
        "address": _rows(pid, 11, datatypes.address),
        _HOME: _rows(pid, 13, lambda row: datatypes.telecom(row, "home")),
        _WORK: _rows(pid, 14, lambda row: datatypes.telecom(row, "work")),
        "marital_status": _marital(pid),
        "deceased_date_time": _day(pid, 29),
        "deceased_boolean": _coded(pid, 30, _YES_NO),
    }
    return {name: fact for name, fact in facts.items() if fact is not UNSET}


def amended(patient: Patient | None, mrn: Mrn, facts: Facts) -> Patient:
    """*patient* with what was told."""
    number = Identifier(type=CodeableConcept(coding=(Coding(system=_TYPES, code="MR"),)), value=mrn)
    patient = patient or Patient(id="")
    work = tuple(row for row in patient.telecom if row.use == "work")
    home = tuple(row for row in patient.telecom if row.use != "work")
    telecom = facts.get(_HOME, home) + facts.get(_WORK, work)
    others = {name: fact for name, fact in facts.items() if name not in (_HOME, _WORK)}
    return replace(patient, identifier=(number,), telecom=telecom, **others)


def _rows(pid: Segment, field: int, read: Callable[[Any], Any]) -> Any:
    if pid.first(field).value() is None:
        return ()
    rows = tuple(row for repetition in pid.repetitions(field) if (row := read(repetition)) is not None)
    return rows or UNSET


def _day(pid: Segment, field: int) -> Told:
    text = pid.value(field)
    return day(text, pid.where(field)) if isinstance(text, str) else text


def _coded(pid: Segment, field: int, table: dict[str, Any]) -> Any:
    code = pid.value(field)
    if not isinstance(code, str):
        return code
    if code.upper() not in table:
        raise Fault(NOT_IN_TABLE, "a value that is not in its table", pid.where(field))
    return table[code.upper()]


def _marital(pid: Segment) -> CodeableConcept | UnsetType | None:
    code = pid.value(16)
    if not isinstance(code, str):
        return code
    return CodeableConcept(coding=(Coding(system=_MARITAL, code=code),), text=pid.text(16, 2))
