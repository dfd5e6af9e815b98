"""The patients: who they are, as the EHR has them (FHIR Patient) and as a PMS chart has them."""

from datetime import date, timedelta
from random import Random

from sandbox.generator.datatypes import TERMINOLOGY, coding, meta, reference
from sandbox.generator.practice import PRACTICE_NAME, Practitioner
from sandbox.records import IDENTIFIER_TYPES, MRN_SYSTEM, Json, Resource

MRN_TYPE = {"coding": [coding(IDENTIFIER_TYPES, "MR", "Medical record number")]}
FIRST_CHART = 300
"""PMS charts are numbered from the one after this."""

# fmt: off
_GIVEN = {
    "female": (
        "Emma", "Olivia", "Amara", "Sofía", "Ingrid", "Leila", "Zoë", "Hannah", "Mei", "Aisha", "Chloé",
        "Nadia", "Freya", "Rosa", "Beatrix", "Yuki", "Joan", "Dolores", "Fatima", "Siobhán", "Lucía",
        "Noor", "Agnes", "Thandiwe",
    ),
    "male": (
        "Liam", "Noah", "Kwame", "Mateo", "Björn", "Omar", "José", "Ethan", "Wei", "Ibrahim", "René",
        "Viktor", "Arjun", "Diego", "Patrick", "Kenji", "Walter", "Tadeusz", "Yusuf", "Seán", "Andrés",
        "Malik", "Otto", "Sipho",
    ),
}
_FAMILY = (
    "Smith", "Johnson", "Nguyễn", "Garcia", "Müller", "Patel", "Kim", "O'Connor", "Rossi", "Kowalczyk",
    "Haddad", "Svensson", "Fernández", "Dubois", "Ivanova", "Adeyemi", "Tanaka", "Cohen", "Begum", "Petrov",
    "Jansen", "Costa", "Yılmaz", "Novák", "Larsen", "McCarthy", "Singh", "Chen", "Hernández", "D'Angelo",
    "Van-der-Berg", "Moreau", "Popescu", "Okonkwo", "Hashimoto", "Weber", "Castillo", "Brown", "Davis",
    "Miller",
)
# fmt: on
_STREETS = (
    "Elm St",
    "Oak Ave",
    "N Grand Ave",
    "Walnut St",
    "S 6th St",
    "Jefferson St",
    "Monroe St",
    "W Washington St",
)
_TOWNS = (
    ("Springfield", "62701"),
    ("Springfield", "62704"),
    ("Chatham", "62629"),
    ("Rochester", "62563"),
    ("Sherman", "62684"),
    ("Petersburg", "62675"),
)
_LANGUAGES = (
    ("en", "English"),
    ("en", "English"),
    ("en", "English"),
    ("es", "Spanish"),
    ("vi", "Vietnamese"),
)
_MARRIED = coding(f"{TERMINOLOGY}/v3-MaritalStatus", "M", "Married")
_NEVER_MARRIED = coding(f"{TERMINOLOGY}/v3-MaritalStatus", "S", "Never Married")


def mrn_of(number: int) -> str:
    """The *number*-th generated patient's MRN."""
    return f"MRN-{number:06}"


def patient_resource(rng: Random, number: int, today: date, doctor: Practitioner) -> Resource:
    """The *number*-th FHIR Patient; the first is the one the demo shows, every 29th has died."""
    gender = rng.choice(("female", "male"))
    given, family = rng.choice(_GIVEN[gender]), rng.choice(_FAMILY)
    names: list[Json] = [{"use": "official", "family": family, "given": [given]}]
    born = today - timedelta(days=rng.randint(18 * 366, 92 * 365))
    if number == 1:
        gender, given, family, born = "female", "Elena", "Alvarez", date(1968, 4, 12)
        names = [
            {"use": "official", "family": family, "given": [given, "Marisol"], "prefix": ["Ms."]},
            {"use": "maiden", "family": "Santos", "given": [given]},
        ]
    town, postal_code = rng.choice(_TOWNS)
    language = rng.choice(_LANGUAGES)
    updated = today - timedelta(days=rng.randint(2, 400))
    resource: Resource = {
        "resourceType": "Patient",
        "id": f"pat-{number:06}",
        "meta": meta(f"{updated}T16:20:00.000Z"),
        "identifier": [{"use": "usual", "type": MRN_TYPE, "system": MRN_SYSTEM, "value": mrn_of(number)}],
        "active": True,
        "name": names,
        "telecom": _telecom(number, given, family),
        "gender": gender,
        "birthDate": born.isoformat(),
        "address": [
            {
                "use": "home",
                "line": [f"{rng.randint(10, 2999)} {rng.choice(_STREETS)}"],
                "city": town,
                "state": "IL",
                "postalCode": postal_code,
                "country": "US",
            }
        ],
        "maritalStatus": {"coding": [rng.choice((_MARRIED, _NEVER_MARRIED))]},
        "communication": [
            {"language": {"coding": [coding("urn:ietf:bcp:47", *language)]}, "preferred": True}
        ],
        "generalPractitioner": [doctor.reference],
        "managingOrganization": reference("Organization", "org-0001", PRACTICE_NAME),
    }
    died = _died(rng, number, today)
    return {**resource, "deceasedDateTime": died.isoformat()} if died else resource


def chart_of(patient: Resource, chart_id: int, mrn: str) -> Json:
    """The PMS chart of *patient*; what the EHR doesn't know is null there."""
    name: Json = next(iter(patient.get("name", ())), {})
    telecom = {it.get("system"): it.get("value") for it in reversed(patient.get("telecom", ()))}
    return {
        "id": chart_id,
        "mrn": mrn,
        "first_name": next(iter(name.get("given", ())), None),
        "last_name": name.get("family"),
        "birth_date": patient.get("birthDate"),
        "phone": telecom.get("phone"),
        "email": telecom.get("email"),
    }


def _died(rng: Random, number: int, today: date) -> date | None:
    return today - timedelta(days=rng.randint(20, 300)) if number % 29 == 0 else None


def _telecom(number: int, given: str, family: str) -> list[Json]:
    ascii_name = f"{given}.{family}".encode("ascii", "ignore").decode().replace("'", "").lower()
    return [
        {"system": "phone", "value": f"+1217555{number % 10_000:04}", "use": "mobile", "rank": 1},
        {"system": "email", "value": f"{ascii_name}{number}@example.com", "use": "home"},
    ]
