"""The practice: its organizations, sites and practitioners, in the EHR and in the PMS."""

from dataclasses import dataclass, field

from sandbox.generator.catalogue import FAMILY, INTERNAL
from sandbox.generator.datatypes import NUCC, TERMINOLOGY, concept, meta, reference
from sandbox.records import NPI_SYSTEM, Json, Resource

PRACTICE_NAME = "Prairie Health Group"
FOUNDED = meta("2024-01-02T15:00:00.000Z")
_PMS_LOCATION = "urn:caregraph:sandbox:pms-location"
_SITES = (
    ("Main Street Clinic", "site", "100 E Main St", "Springfield", "62701"),
    ("Video, Springfield", "video", "100 E Main St", "Springfield", "62701"),
    ("Lakeside Clinic", "site", "2150 W Lake Shore Dr", "Springfield", "62712"),
    ("Prairie Behavioral Health", "site", "48 N Elm St", "Chatham", "62629"),
    ("Prairie Memorial Emergency Department", "site", "800 N Rutledge St", "Springfield", "62702"),
)
EMERGENCY_SITE = 4
"""Where in `Practice.locations` the emergency department is; nobody books there."""

_PEOPLE = (
    ("Ana", "Reyes", "female", FAMILY),
    ("Samuel", "Okafor", "male", INTERNAL),
    ("Grace", "Lindqvist", "female", "Psychiatry"),
    ("Daniel", "O'Brien", "male", FAMILY),
    ("Mei-Ling", "Zhao", "female", "Cardiology"),
    ("Tomás", "Herrera", "male", "Dermatology"),
    ("Priya", "Raman", "female", INTERNAL),
    ("Walter", "Kowalski", "male", FAMILY),
    ("Ruth", "Abebe", "female", "Psychiatry"),
    ("Henrik", "Sørensen", "male", INTERNAL),
)
_TAXONOMY = {
    FAMILY: ("207Q00000X", "Family Medicine Physician"),
    INTERNAL: ("207R00000X", "Internal Medicine Physician"),
    "Psychiatry": ("2084P0800X", "Psychiatry Physician"),
    "Cardiology": ("207RC0000X", "Cardiovascular Disease Physician"),
    "Dermatology": ("207N00000X", "Dermatology Physician"),
}


@dataclass(frozen=True)
class Practitioner:
    """Someone who sees patients; `row` is their PMS row, `reference` how EHR records refer to them."""

    row: Json
    reference: Json
    specialty: str

    @property
    def short(self) -> Json:
        """What a PMS appointment says of them."""
        return {key: self.row[key] for key in ("id", "npi", "name")}


@dataclass(frozen=True)
class Location:
    """A place, or the video line; `row` is its PMS row."""

    row: Json
    reference: Json

    @property
    def short(self) -> Json:
        """What a PMS appointment says of it."""
        return {key: self.row[key] for key in ("id", "name")}


@dataclass
class Practice:
    """The people and places of the practice, and the FHIR resources that describe them."""

    practitioners: list[Practitioner] = field(default_factory=list)
    locations: list[Location] = field(default_factory=list)
    resources: list[Resource] = field(default_factory=list)

    def of_specialty(self, specialties: tuple[str, ...]) -> list[Practitioner]:
        """The practitioners of one of *specialties*."""
        return [it for it in self.practitioners if it.specialty in specialties]


def practice_for(patients: int) -> Practice:
    """A practice with enough practitioners for so many patients: ten, and one more for every 250."""
    practice = Practice()
    practice.resources.append(_organization())
    for number, site in enumerate(_SITES, 1):
        _add_location(practice, number, site)
    for number in range(1, len(_PEOPLE) + 1 + patients // 250):
        _add_practitioner(practice, number)
    return practice


def npi(number: int) -> str:
    """The *number*-th NPI: nine digits and the Luhn check digit over them with the prefix 80840 (CMS)."""
    digits = f"{123456788 + number:09}"
    total = 24  # what the prefix 80840 adds to the sum
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return f"{digits}{-total % 10}"


def _organization() -> Resource:
    return {
        "resourceType": "Organization",
        "id": "org-0001",
        "meta": FOUNDED,
        "identifier": [{"system": NPI_SYSTEM, "value": npi(100_000)}],
        "active": True,
        "type": [concept(f"{TERMINOLOGY}/organization-type", "prov", "Healthcare Provider")],
        "name": PRACTICE_NAME,
        "telecom": [{"system": "phone", "value": "+12175550100", "use": "work"}],
        "address": [_address("100 E Main St", "Springfield", "62701")],
    }


def _address(line: str, city: str, postal_code: str) -> Json:
    return {"line": [line], "city": city, "state": "IL", "postalCode": postal_code, "country": "US"}


def _add_location(practice: Practice, number: int, site: tuple[str, str, str, str, str]) -> None:
    name, kind, line, city, postal_code = site
    phone = f"+1217555{100 + number:04}"
    place = {"line": line, "city": city, "state": "IL", "postal_code": postal_code}
    row = {"id": number, "name": name, "kind": kind, "address": place, "phone": phone}
    resource: Resource = {
        "resourceType": "Location",
        "id": f"loc-{number:04}",
        "meta": FOUNDED,
        "identifier": [{"system": _PMS_LOCATION, "value": str(number)}],
        "status": "active",
        "name": name,
        "mode": "instance",
        "telecom": [{"system": "phone", "value": phone, "use": "work"}],
        "address": _address(line, city, postal_code),
        "managingOrganization": reference("Organization", "org-0001", PRACTICE_NAME),
    }
    practice.resources.append(resource)
    practice.locations.append(Location(row, reference("Location", resource["id"], name)))


def _add_practitioner(practice: Practice, number: int) -> None:
    given, family, gender, specialty = _PEOPLE[(number - 1) % len(_PEOPLE)]
    if number > len(_PEOPLE):
        family = f"{family}-{_PEOPLE[(number * 3 + number // 10) % len(_PEOPLE)][1]}"
    id_, name = f"prac-{number:04}", f"{given} {family}"
    row = {"id": number, "npi": npi(number), "name": name, "specialty": specialty}
    person = reference("Practitioner", id_, f"Dr. {name}")
    practice.practitioners.append(Practitioner(row, person, specialty))
    practice.resources += [
        {
            "resourceType": "Practitioner",
            "id": id_,
            "meta": FOUNDED,
            "identifier": [{"system": NPI_SYSTEM, "value": row["npi"]}],
            "active": True,
            "name": [{"use": "official", "family": family, "given": [given], "prefix": ["Dr."]}],
            "telecom": [{"system": "phone", "value": f"+1217555{(200 + number) % 10_000:04}", "use": "work"}],
            "gender": gender,
        },
        {
            "resourceType": "PractitionerRole",
            "id": f"role-{number:04}",
            "meta": FOUNDED,
            "active": True,
            "practitioner": person,
            "organization": reference("Organization", "org-0001", PRACTICE_NAME),
            "code": [concept(f"{TERMINOLOGY}/practitioner-role", "doctor", "Doctor")],
            "specialty": [concept(NUCC, *_TAXONOMY[specialty])],
            "location": [it.reference for it in practice.locations[:EMERGENCY_SITE]],
        },
    ]
