"""What the practice offers and gives: services, vaccines, procedures, and the allergies it asks about."""

from dataclasses import dataclass

from sandbox.generator.datatypes import CVX, SNOMED, concept
from sandbox.records import Json


@dataclass(frozen=True)
class Service:
    """What the practice can book; `kind` and `encounter` are the EHR's words for it."""

    code: str
    name: str
    minutes: int
    specialties: tuple[str, ...]
    encounter: Json
    kind: str = "ROUTINE"
    is_telehealth: bool = False
    is_sensitive: bool = False


VACCINES = (
    concept(CVX, "140", "Influenza, split virus, trivalent, PF"),
    concept(CVX, "115", "Tdap"),
    concept(CVX, "187", "zoster recombinant"),
    concept(CVX, "33", "pneumococcal polysaccharide PPV23"),
    concept(CVX, "208", "COVID-19, mRNA, LNP-S, PF, 30 mcg/0.3 mL dose"),
)

PROCEDURES = (
    concept(SNOMED, "430193006", "Medication reconciliation"),
    concept(SNOMED, "29303009", "Electrocardiographic procedure"),
    concept(SNOMED, "171207006", "Depression screening"),
    concept(SNOMED, "73761001", "Colonoscopy"),
    concept(SNOMED, "117015009", "Throat culture"),
)

ALLERGIES = (
    (
        "medication",
        "high",
        concept(SNOMED, "91936005", "Allergy to penicillin"),
        concept(SNOMED, "126485001", "Urticaria"),
    ),
    (
        "food",
        "high",
        concept(SNOMED, "91935009", "Allergy to peanut"),
        concept(SNOMED, "39579001", "Anaphylaxis"),
    ),
    (
        "environment",
        "low",
        concept(SNOMED, "300916003", "Latex allergy"),
        concept(SNOMED, "247472004", "Wheal"),
    ),
    (
        "environment",
        "low",
        concept(SNOMED, "418689008", "Allergy to grass pollen"),
        concept(SNOMED, "76067001", "Sneezing"),
    ),
)
"""Category, criticality, what it is to, and how it shows."""

_FOLLOW_UP = concept(SNOMED, "390906007", "Follow-up encounter")
FAMILY = "Family medicine"
INTERNAL = "Internal medicine"
SERVICES = (
    Service(
        "OFF20", "Office visit", 20, (FAMILY, INTERNAL), concept(SNOMED, "185345009", "Encounter for symptom")
    ),
    Service(
        "FUP20",
        "Follow-up visit",
        20,
        (FAMILY, INTERNAL, "Cardiology", "Dermatology"),
        _FOLLOW_UP,
        "FOLLOWUP",
    ),
    Service(
        "VID30",
        "Video visit",
        30,
        (FAMILY, INTERNAL),
        concept(SNOMED, "448337001", "Telemedicine consultation with patient"),
        "FOLLOWUP",
        is_telehealth=True,
    ),
    Service(
        "PHY45",
        "Annual physical",
        45,
        (FAMILY, INTERNAL),
        concept(SNOMED, "162673000", "General examination of patient"),
        "CHECKUP",
    ),
    Service(
        "BHV50",
        "Behavioral health session",
        50,
        ("Psychiatry",),
        _FOLLOW_UP,
        "FOLLOWUP",
        is_telehealth=True,
        is_sensitive=True,
    ),
)

EMERGENCY = concept(SNOMED, "50849002", "Emergency room admission")
