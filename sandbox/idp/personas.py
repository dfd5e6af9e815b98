"""Owns the people and programs that can sign in to the sandbox, and what each may ask for."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_FRONT_DESK = ("Patient", "Appointment", "Practitioner", "Location", "Organization", "Coverage", "Account")
_PARTNER = ("Patient", "Appointment", "Encounter", "Practitioner", "Location")


@dataclass(frozen=True)
class Persona:
    """Someone to sign in as. `scope` is what is granted by default.

    It is the most that can be granted, too, but for what of the chart that is open in their EHR may be asked
    for: `open_patient` by `launch/patient`, `open_encounter` by `launch/encounter`.
    """

    name: str
    title: str
    may: str
    role: str
    scope: tuple[str, ...]
    fhir_user: str | None = None
    patient: str | None = None
    open_patient: str | None = None
    open_encounter: str | None = None

    @property
    def grantable(self) -> tuple[str, ...]:
        """All that can be asked for."""
        patient = () if self.open_patient is None else ("launch/patient",)
        encounter = () if self.open_encounter is None else ("launch/encounter",)
        return (*self.scope, *patient, *encounter)


def personas(
    *,
    clinician: str = "prac-0001",
    front_desk: str = "prac-0002",
    patient: str = "pat-000001",
    encounter: str | None = "enc-005001",
) -> Mapping[str, Persona]:
    """The six personas by name; the arguments are EHR ids of two practitioners, a patient, and one of their
    encounters, which is open before the clinician.
    """
    cast = (
        Persona(
            name="clinician",
            title="Clinician",
            may="Reads every patient's appointments, chart and engagement.",
            role="clinician",
            fhir_user=f"Practitioner/{clinician}",
            open_patient=patient,
            open_encounter=encounter,
            scope=("openid", "fhirUser", "user/*.rs", "__engagement.read"),
        ),
        Persona(
            name="patient",
            title="Patient",
            may="Reads their own appointments, chart and engagement, and no one else's.",
            role="patient",
            fhir_user=f"Patient/{patient}",
            patient=patient,
            scope=("openid", "fhirUser", "launch/patient", "patient/*.rs", "__engagement.read"),
        ),
        Persona(
            name="frontdesk",
            title="Front desk",
            may="Reads demographics, appointments, coverage, balances and outcomes; nothing clinical.",
            role="practice",
            fhir_user=f"Practitioner/{front_desk}",
            scope=("openid", "fhirUser", *(f"user/{type_}.rs" for type_ in _FRONT_DESK), "__outcomes.read"),
        ),
        Persona(
            name="partner",
            title="Partner",
            may="Another organization's program: reads patients, appointments and encounters.",
            role="partner",
            scope=tuple(f"system/{type_}.rs" for type_ in _PARTNER),
        ),
        Persona(
            name="marketer",
            title="Marketer",
            may="Works in the CRM: reads engagement and anonymised outcomes, and nothing clinical.",
            role="crm",
            scope=("openid", "__engagement.read", "__outcomes.read"),
        ),
        Persona(
            name="ai",
            title="AI assistant",
            may="A program that reads the records policy opens to AI.",
            role="ai",
            scope=("system/*.rs",),
        ),
    )
    return MappingProxyType({persona.name: persona for persona in cast})
