"""The problems patients come with, their codes, and what is prescribed for them."""

from dataclasses import dataclass

from sandbox.generator.datatypes import ICD10, RXNORM, SNOMED, coding, concept
from sandbox.records import Json


@dataclass(frozen=True)
class Problem:
    """A diagnosis and its drug; `sensitivity` is a label of v3-ActCode, such as `HIV`, or empty."""

    name: str
    code: Json
    reason: str
    drug: Json | None = None
    dose: str = ""
    sensitivity: str = ""


def _problem(
    name: str, icd: str, snomed: str, reason: str, rxnorm: tuple[str, str] | None = None, **more: str
) -> Problem:
    code = {"coding": [coding(ICD10, icd, name), coding(SNOMED, snomed, name)], "text": name}
    drug = concept(RXNORM, *rxnorm) if rxnorm else None
    return Problem(name, code, reason, drug, **more)


ONE_A_DAY = "Take 1 tablet by mouth once daily"

CHRONIC = (
    _problem(
        "Essential hypertension",
        "I10",
        "59621000",
        "Blood pressure check",
        ("314076", "lisinopril 10 MG Oral Tablet"),
        dose=ONE_A_DAY,
    ),
    _problem(
        "Type 2 diabetes mellitus",
        "E11.9",
        "44054006",
        "Diabetes review",
        ("860975", "24 HR metformin hydrochloride 500 MG Extended Release Oral Tablet"),
        dose="Take 1 tablet with the evening meal",
    ),
    _problem(
        "Hyperlipidemia",
        "E78.5",
        "55822004",
        "Cholesterol review",
        ("617310", "atorvastatin 20 MG Oral Tablet"),
        dose="Take 1 tablet by mouth at bedtime",
    ),
    _problem(
        "Asthma",
        "J45.909",
        "195967001",
        "Asthma review",
        ("2123111", "NDA020503 200 ACTUAT albuterol 0.09 MG/ACTUAT Metered Dose Inhaler"),
        dose="Inhale 2 puffs every 4 hours as needed",
    ),
    _problem(
        "Gastroesophageal reflux disease",
        "K21.9",
        "235595009",
        "Heartburn",
        ("198051", "omeprazole 20 MG Delayed Release Oral Capsule"),
        dose="Take 1 capsule by mouth before breakfast",
    ),
    _problem("Obesity", "E66.9", "414916001", "Weight counselling"),
    _problem(
        "Migraine",
        "G43.909",
        "37796009",
        "Headache",
        ("313782", "acetaminophen 325 MG Oral Tablet"),
        dose="Take 2 tablets by mouth at onset",
    ),
    _problem(
        "Generalized anxiety disorder",
        "F41.1",
        "21897009",
        "Anxiety follow-up",
        ("312941", "sertraline 50 MG Oral Tablet"),
        dose=ONE_A_DAY,
        sensitivity="MH",
    ),
    _problem(
        "Alcohol dependence, uncomplicated",
        "F10.20",
        "66590003",
        "Recovery follow-up",
        ("7243", "naltrexone"),
        dose=ONE_A_DAY,
        sensitivity="ETHUD",
    ),
    _problem(
        "Human immunodeficiency virus disease",
        "B20",
        "86406008",
        "HIV care visit",
        ("1999667", "bictegravir 50 MG / emtricitabine 200 MG / tenofovir alafenamide 25 MG Oral Tablet"),
        dose=ONE_A_DAY,
        sensitivity="HIV",
    ),
    _problem(
        "Opioid dependence, uncomplicated", "F11.20", "75544000", "Recovery follow-up", sensitivity="OPIOIDUD"
    ),
)
"""The first three are the demo patient's; the sensitive ones come last and are rarer."""

COMMON = 7
"""How many of `CHRONIC` are everyday ones."""

ACUTE = (
    _problem(
        "Acute upper respiratory infection",
        "J06.9",
        "54150009",
        "Cough and sore throat",
        ("313782", "acetaminophen 325 MG Oral Tablet"),
        dose="Take 2 tablets by mouth every 6 hours as needed",
    ),
    _problem(
        "Acute sinusitis",
        "J01.90",
        "15805002",
        "Facial pain",
        ("308182", "amoxicillin 250 MG Oral Capsule"),
        dose="Take 1 capsule three times daily for 7 days",
    ),
    _problem("Urinary tract infection", "N39.0", "68566005", "Painful urination"),
    _problem(
        "Low back pain",
        "M54.50",
        "279039007",
        "Back pain",
        ("310965", "ibuprofen 200 MG Oral Tablet"),
        dose="Take 2 tablets by mouth three times daily with food",
    ),
    _problem("Sprain of ankle", "S93.409A", "44465007", "Ankle injury"),
    _problem("Eczema", "L30.9", "43116000", "Itchy rash"),
)
