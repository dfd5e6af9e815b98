"""Owns the org's objects: person accounts, contacts and users, with the fields that each has."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sandbox.crm.people import Person
from sandbox.crm.salesforce.refusals import no_such_field, no_such_object

Row: TypeAlias = dict[str, Any]
"""A record's values by field; those of its owner under `Owner.Name` and the like."""

KEY = "Care_Key__c"

_PEOPLE = {
    "Id": "id",
    "IsPersonAccount": "boolean",
    "Name": "string",
    "FirstName": "string",
    "LastName": "string",
    KEY: "string",
    "Lifecycle_Stage__c": "picklist",
    "Engagement_Score__c": "double",
    "Attendance_Rate__c": "double",
    "Satisfaction__c": "double",
    "Email_Consent__c": "boolean",
    "Sms_Consent__c": "boolean",
    "Phone_Consent__c": "boolean",
    "Last_Touch__c": "datetime",
    "OwnerId": "reference",
    "CreatedDate": "datetime",
    "LastModifiedDate": "datetime",
    "SystemModstamp": "datetime",
    "IsDeleted": "boolean",
}
_FIELDS = {
    "Account": {**_PEOPLE, "PersonEmail": "email", "PersonContactId": "reference"},
    "Contact": {**_PEOPLE, "Email": "email", "AccountId": "reference"},
    "User": {"Id": "id", "Name": "string"},
}
_PREFIXES = {"Account": "001", "Contact": "003", "User": "005"}
_CREATED = "2026-01-01T00:00:00.000+0000"


@dataclass(frozen=True)
class SObject:
    """One object: its fields' types by their names, and its rows by id."""

    name: str
    fields: Mapping[str, str]
    rows: Mapping[str, Row]

    def field(self, asked: str) -> str:
        """The name of the field *asked* for, in any case: `ownerid`, or `owner.name` of its owner.

        Raises:
            Refused: there is none.
        """
        found = self._names.get(asked.lower())
        if found is None:
            raise no_such_field(asked, self.name)
        return found

    @property
    def _names(self) -> Mapping[str, str]:
        owners = [f"Owner.{name}" for name in _FIELDS["User"]] if "OwnerId" in self.fields else []
        return {name.lower(): name for name in (*self.fields, *owners)}

    def with_value(self, field: str, value: str) -> list[Row]:
        """The rows whose *field* holds *value*."""
        name = self.field(field)
        return [row for row in self.rows.values() if row.get(name) == value]


class Org:
    """All objects over the same *people*."""

    def __init__(self, people: Iterable[Person]) -> None:
        known = list(people)
        makers = {"Account": _accounts(known), "Contact": _contacts(known), "User": _users(known)}
        self.objects = {
            name: SObject(name, _FIELDS[name], {row["Id"]: row for row in rows})
            for name, rows in makers.items()
        }

    def object(self, name: str) -> SObject:
        """The object of that name, in any case.

        Raises:
            Refused: there is none.
        """
        found = next((one for one in self.objects.values() if one.name.lower() == name.lower()), None)
        if found is None:
            raise no_such_object(name)
        return found


def id_of(object: str, number: int) -> str:
    """The id of that object's record of that number: 15 characters and a check of their case."""
    return f"{_PREFIXES[object]}{number:012}AAA"


def shown(object: SObject, row: Row, fields: Sequence[str], version: str) -> Row:
    """*row* with only *fields*, as an answer has it; what is its owner's stands in an object of its own."""
    url = f"/services/data/v{version}/sobjects"
    record: Row = {"attributes": {"type": object.name, "url": f"{url}/{object.name}/{row['Id']}"}}
    for name in fields:
        relation, dot, inner = name.partition(".")
        if not dot:
            record[name] = row.get(name)
        elif row.get("OwnerId") is None:
            record[relation] = None
        else:
            owner = {"attributes": {"type": "User", "url": f"{url}/User/{row['OwnerId']}"}}
            record.setdefault(relation, owner)[inner] = row.get(name)
    return record


def _accounts(people: Sequence[Person]) -> Iterator[Row]:
    for person in people:
        email = {"PersonEmail": person.email, "PersonContactId": id_of("Contact", person.number)}
        yield {"Id": id_of("Account", person.number), **_of(person), **email}


def _contacts(people: Sequence[Person]) -> Iterator[Row]:
    for person in people:
        email = {"Email": person.email, "AccountId": id_of("Account", person.number)}
        yield {"Id": id_of("Contact", person.number), **_of(person), **email}


def _users(people: Sequence[Person]) -> Iterator[Row]:
    for number, name in sorted({(one.owner_number, one.owner_name) for one in people if one.owner_number}):
        yield {"Id": id_of("User", number or 0), "Name": name}


def _of(person: Person) -> Row:
    owner = None if person.owner_number is None else id_of("User", person.owner_number)
    return {
        "IsPersonAccount": True,
        "Name": " ".join(name for name in (person.first_name, person.last_name) if name),
        "FirstName": person.first_name,
        "LastName": person.last_name,
        KEY: person.care_key,
        "Lifecycle_Stage__c": person.lifecycle_stage,
        "Engagement_Score__c": person.score,
        "Attendance_Rate__c": person.attendance_rate,
        "Satisfaction__c": person.satisfaction,
        "Email_Consent__c": person.email_consent,
        "Sms_Consent__c": person.sms_consent,
        "Phone_Consent__c": person.phone_consent,
        "Last_Touch__c": _moment(person.last_touch),
        "OwnerId": owner,
        "Owner.Id": owner,
        "Owner.Name": person.owner_name,
        "CreatedDate": _CREATED,
        "LastModifiedDate": _CREATED,
        "SystemModstamp": _CREATED,
        "IsDeleted": False,
    }


def _moment(text: str | None) -> str | None:
    """An instant as Salesforce writes it."""
    return None if text is None else text.replace("Z", "+0000")
