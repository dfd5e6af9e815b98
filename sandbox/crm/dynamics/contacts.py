"""Owns the contacts of the organisation: their columns, choices, labels and keys."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from sandbox.crm.dynamics.refusals import NO_PROPERTY, Refused
from sandbox.crm.people import Person

Row: TypeAlias = dict[str, Any]

ID = "contactid"
KEY = "cg_carekey"
OWNER = "_ownerid_value"
FORMATTED = "OData.Community.Display.V1.FormattedValue"
LOOKUP = "Microsoft.Dynamics.CRM.lookuplogicalname"
STAGES = {"lead": 100_000_000, "opportunity": 100_000_001, "customer": 100_000_002, "evangelist": 100_000_003}
"""The choice behind `cg_lifecyclestage`."""

COLUMNS = (
    ID,
    KEY,
    "firstname",
    "lastname",
    "emailaddress1",
    "cg_lifecyclestage",
    "cg_engagementscore",
    "cg_attendancerate",
    "cg_satisfaction",
    "cg_emailconsent",
    "cg_smsconsent",
    "cg_phoneconsent",
    "cg_lasttouch",
    OWNER,
    "statecode",
    "modifiedon",
)
_STAGE_NAMES = {number: name for name, number in STAGES.items()}
_MODIFIED = "2026-01-01T00:00:00Z"


class Contacts:
    """The contacts by id and by their alternate key; several may bear a key that is not enforced."""

    def __init__(self, people: Iterable[Person]) -> None:
        known = list(people)
        self.rows = {row[ID]: row for row in map(_row, known)}
        self._owners = {id_of(1, one.owner_number): one.owner_name for one in known if one.owner_number}

    def bearing(self, key: str) -> list[Row]:
        """The contacts whose alternate key is *key*."""
        return [row for row in self.rows.values() if row[KEY] == key]

    def shown(self, row: Row, columns: Sequence[str], annotations: str) -> Row:
        """*row* with *columns* and its id, and what *annotations* ask to be told of them."""
        record: Row = {"@odata.etag": f'W/"{row["versionnumber"]}"'}
        for name in dict.fromkeys((*columns, ID)):
            record |= self._annotated(row, name, annotations)
            record[name] = row[name]
        return record

    def _annotated(self, row: Row, name: str, annotations: str) -> Row:
        value = row[name]
        found: Row = {}
        if value is None or not annotations:
            return found
        label = self._label(name, value)
        if label is not None and (annotations == "*" or FORMATTED in annotations):
            found[f"{name}@{FORMATTED}"] = label
        if name == OWNER and (annotations == "*" or LOOKUP in annotations):
            found[f"{name}@{LOOKUP}"] = "systemuser"
        return found

    def _label(self, name: str, value: Any) -> str | None:
        if name == OWNER:
            return self._owners.get(value)
        if name == "cg_lifecyclestage":
            return _STAGE_NAMES[value].capitalize()
        if isinstance(value, bool):
            return "Yes" if value else "No"
        if isinstance(value, float):
            return f"{value:,.2f}"
        return None


def id_of(kind: int, number: int) -> str:
    """The GUID of a contact (kind 0) or a user (kind 1)."""
    return f"00000000-0000-4000-800{kind}-{number:012}"


def column(name: str) -> str:
    """The column of that name.

    Raises:
        Refused: there is none.
    """
    if name not in COLUMNS:
        raise Refused(
            400,
            NO_PROPERTY,
            f"Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.contact'.",
        )
    return name


def _row(person: Person) -> Row:
    return {
        ID: id_of(0, person.number),
        KEY: person.care_key,
        "firstname": person.first_name,
        "lastname": person.last_name,
        "emailaddress1": person.email,
        "cg_lifecyclestage": STAGES.get(person.lifecycle_stage or ""),
        "cg_engagementscore": person.score,
        "cg_attendancerate": person.attendance_rate,
        "cg_satisfaction": person.satisfaction,
        "cg_emailconsent": person.email_consent,
        "cg_smsconsent": person.sms_consent,
        "cg_phoneconsent": person.phone_consent,
        "cg_lasttouch": person.last_touch and person.last_touch.replace(".000Z", "Z"),
        OWNER: None if person.owner_number is None else id_of(1, person.owner_number),
        "statecode": 0,
        "modifiedon": _MODIFIED,
        "versionnumber": 1_000_000 + person.number,
    }
