"""Owns what a Salesforce org needs to be told of, and which of its objects may be read at all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields

from sources.crm.columns import NOT, Columns
from sources.crm.records import Layout

_OBJECTS = frozenset({"Account", "Contact", "Task", "CareProgramEnrollee"})
_CLINICAL = frozenset(
    {
        "AllergyIntolerance",
        "CareObservation",
        "CareObservationComponent",
        "CareRegisteredDevice",
        "ClinicalEncounter",
        "ClinicalEncounterProvider",
        "ClinicalServiceRequest",
        "HealthCondition",
        "MedicationRequest",
        "MedicationStatement",
        "PatientHealthReaction",
        "PatientImmunization",
        "PatientMedicalProcedure",
        "PatientMedicationDosage",
    }
)
"""Health Cloud's clinical objects: a CRM is not asked for them, whoever configures it."""

_MANAGED_CLINICAL = "healthcloudga__"
"""The namespace of Health Cloud's managed package, whose objects (`…__EhrCondition__c`) are clinical too."""

_CUSTOM = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,76}__c")
_FIELD = re.compile(r"(?:(?:Owner|[A-Za-z][A-Za-z0-9_]{0,76}__r)\.)?[A-Za-z][A-Za-z0-9_]{0,79}")
"""A field of the object itself, or of its owner, or of a record that a custom lookup points at."""

_VERSION = re.compile(r"v?(?P<number>[1-9][0-9]{1,2}\.0)")
_MOST_KEYS = 250


@dataclass(frozen=True)
class FieldNames(Columns):
    """The fields that hold an engagement's parts, by their API names in their exact case."""

    lifecycle_stage: str = "Lifecycle_Stage__c"
    score: str = "Engagement_Score__c"
    attendance_rate: str = "Attendance_Rate__c"
    satisfaction: str = "Satisfaction__c"
    email_consent: str = "Email_Consent__c"
    sms_consent: str = "Sms_Consent__c"
    phone_consent: str = "Phone_Consent__c"
    last_touch: str = "Last_Touch__c"
    owner_id: str = "OwnerId"
    owner_name: str = "Owner.Name"


@dataclass(frozen=True)
class SalesforceSettings:
    """One Salesforce org. `key_field` is the external-id field of `object` that holds the care key.

    `stages` are the lifecycle stages by the values of their picklist; empty: the values themselves. At most
    `keys_per_call` records are asked for at once: a query goes in a URL, which may have 16 kB.

    Raises:
        ValueError: an object that may not be read, a name that is none, or too many keys a call.
    """

    name: str
    object: str = "Account"
    key_field: str = "Care_Key__c"
    fields: FieldNames = field(default_factory=FieldNames)
    stages: Mapping[str, str] = field(default_factory=dict)
    api_version: str = "v67.0"
    keys_per_call: int = 200

    def __post_init__(self) -> None:
        fault = next(self._faults(), None)
        if fault is not None:
            raise ValueError(fault)

    @property
    def path(self) -> str:
        """Where the REST interface of that version is, below the org's URL."""
        return f"services/data/v{self.api_version.removeprefix('v')}"

    @property
    def layout(self) -> Layout:
        """How records are read."""
        return Layout(self.object, self.key_field, self.fields, self.stages)

    def _faults(self) -> Iterator[str]:
        if (fault := _object_fault(self.object)) is not None:
            yield fault
        names = [getattr(self.fields, one.name).removeprefix(NOT) for one in fields(self.fields)]
        for name in (self.key_field, *names):
            if _FIELD.fullmatch(name) is None:
                yield f"`{name[:80]}` is no field of `{self.object}`; give an API name, such as `Score__c`"
        if _VERSION.fullmatch(self.api_version) is None:
            yield "the API version is none; give one such as `v67.0`"
        if not 1 <= self.keys_per_call <= _MOST_KEYS:
            yield f"too many or no keys a call; a query in a URL has room for 1 to {_MOST_KEYS}"


def _object_fault(name: str) -> str | None:
    if name in _CLINICAL or name.lower().startswith(_MANAGED_CLINICAL):
        return f"`{name}` is a clinical object of Health Cloud, which is not read; clinical data is the EHR's"
    if name not in _OBJECTS and _CUSTOM.fullmatch(name) is None:
        listed = ", ".join(sorted(_OBJECTS))
        return (
            f"`{name[:80]}` is not on the list of objects; choose one of {listed}, or a custom one (`…__c`)"
        )
    return None
