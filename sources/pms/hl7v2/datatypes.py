"""Owns the data types of fields, as the FHIR datatypes they become (HL7's v2-to-FHIR mappings). Pure."""

from __future__ import annotations

import re

from sources.model import Address, Booked, CodeableConcept, Coding, ContactPoint, HumanName, Mrn
from sources.pms.hl7v2.er7 import Repetition, Segment
from sources.pms.hl7v2.faults import DATA_TYPE, NOT_IN_TABLE, REQUIRED, Fault, Where

_ID = re.compile(r"[A-Za-z0-9.\-_:]{1,64}")
_TABLE = re.compile(r"HL7([0-9]{4})")
_TABLES = "http://terminology.hl7.org/CodeSystem/v2-"
_SYSTEMS = {
    "LN": "http://loinc.org",
    "SCT": "http://snomed.info/sct",
    "C4": "http://www.ama-assn.org/go/cpt",
    "I10": "http://hl7.org/fhir/sid/icd-10-cm",
    "I10C": "http://hl7.org/fhir/sid/icd-10-cm",
}
_MINUTES = {
    **dict.fromkeys(("", "min", "mins", "minute", "minutes", "m"), 1.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 60.0),
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1 / 60),
}
_LONGEST_MINUTES = 7 * 24 * 60
_NAME_USES = {"L": "official", "A": "usual", "N": "nickname", "M": "maiden", "D": "usual", "B": "official"}
_TELECOM = {"PH": "phone", "CP": "phone", "FX": "fax", "BP": "pager", "INTERNET": "email", "X.400": "email"}
_ADDRESS_USES = {"H": "home", "B": "work", "O": "work", "C": "temp", "BA": "old"}


def identifier(text: str, where: Where) -> str:
    """An id that may stand in one of ours.

    Raises:
        Fault: it has other characters than letters, digits and `.-_:`, or more than 64.
    """
    if not _ID.fullmatch(text):
        raise Fault(DATA_TYPE, "an id with characters or of a length that are not taken", where)
    return text


def mrn(segment: Segment, field: int, type_: str, authority: str | None) -> Mrn:
    """The medical record number among a list of identifiers (CX).

    Raises:
        Fault: there is none, or more than one.
    """
    rows = segment.repetitions(field)
    is_alone = len(rows) == 1
    numbers = {
        found
        for row in rows
        if (found := row.text(1)) is not None
        and (row.text(5) or (type_ if is_alone else None)) == type_
        and authority in (None, row.text(4))
    }
    where = segment.where(field)
    if len(numbers) != 1:
        raise Fault(REQUIRED, "no MRN" if not numbers else "more than one MRN", where)
    return Mrn(number(numbers.pop(), where))


def number(text: str, where: Where) -> str:
    """A number of a patient or of a visit, which may have any characters that show.

    Raises:
        Fault: it has others, or more than 128.
    """
    if len(text) > 128 or not text.isprintable():
        raise Fault(DATA_TYPE, "a number with characters or of a length that are not taken", where)
    return text


def concept(row: Repetition) -> CodeableConcept | None:
    """A coded element (CE, CWE); a code that is the sender's own has no system."""
    code, display, system = row.text(1), row.text(2), row.text(3)
    text = row.text(9) or display
    if code is None:
        return None if text is None else CodeableConcept(text=text)
    return CodeableConcept(coding=(Coding(system=_system(system), code=code, display=display),), text=text)


def _system(name: str | None) -> str | None:
    table = _TABLE.fullmatch(name or "")
    return _TABLES + table[1] if table else _SYSTEMS.get(name or "")


def minutes(text: str, unit: str | None, where: Where) -> int:
    """A duration in whole minutes.

    Raises:
        Fault: it is no number, or of a unit that is not known.
    """
    per_unit = _MINUTES.get((unit or "").lower())
    if per_unit is None:
        raise Fault(NOT_IN_TABLE, "a unit of time that is not known", where)
    if not re.fullmatch(r"[0-9]{1,6}(?:\.[0-9]{1,4})?", text):
        raise Fault(DATA_TYPE, "no number", where)
    length = round(float(text) * per_unit)
    if length > _LONGEST_MINUTES:
        raise Fault(DATA_TYPE, "longer than a week", where)
    return length


def practitioner(row: Repetition) -> Booked | None:
    """A person who takes part (XCN), with the NPI where the id is said to be one."""
    id_ = row.text(1)
    is_npi = "NPI" in (row.text(9), row.text(13))
    names = [row.text(6), row.text(3), row.text(4), row.text(2), row.text(5)]
    display = " ".join(name for name in names if name) or None
    if id_ is None and display is None:
        return None
    return Booked(npi=identifier(id_, row.where) if id_ and is_npi else None, display=display)


def name(row: Repetition) -> HumanName:
    """A person's name (XPN)."""
    given = tuple(part for part in (row.text(2), row.text(3)) if part)
    return HumanName(
        use=_NAME_USES.get(row.text(7) or ""),
        family=row.text(1),
        given=given,
        prefix=_some(row.text(5)),
        suffix=_some(row.text(4)),
    )


def telecom(row: Repetition, use: str) -> ContactPoint | None:
    """A number or address to reach someone by (XTN): as it is written, or put together from its parts."""
    kind = _TELECOM.get((row.text(3) or "PH").upper(), "other")
    parts = [f"+{row.text(5)}" if row.text(5) else None, row.text(6), row.text(7)]
    together = "".join(part for part in parts if part) or None
    value = (row.text(4) if kind == "email" else None) or row.text(12) or row.text(1) or together
    if value is None:
        return None
    return ContactPoint(system=kind, value=value, use=use)


def address(row: Repetition) -> Address:
    """A postal address (XAD)."""
    return Address(
        use=_ADDRESS_USES.get(row.text(7) or ""),
        line=tuple(line for line in (row.text(1), row.text(2)) if line),
        city=row.text(3),
        district=row.text(9),
        state=row.text(4),
        postal_code=row.text(5),
        country=row.text(6),
    )


def _some(text: str | None) -> tuple[str, ...]:
    return () if text is None else (text,)
