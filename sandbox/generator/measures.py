"""What is measured and asked of patients: LOINC codes, UCUM units, and the range of values."""

from dataclasses import dataclass

from sandbox.generator.datatypes import LOINC, SNOMED, concept
from sandbox.records import Json


@dataclass(frozen=True)
class Measure:
    """An observation with a number; values are drawn from `low` to `high` in steps of a `10 ** -digits`."""

    code: Json
    unit: str
    ucum: str
    low: float
    high: float
    digits: int = 0
    normal_high: float | None = None


def _loinc(code: str, display: str) -> Json:
    return concept(LOINC, code, display)


BLOOD_PRESSURE = _loinc("85354-9", "Blood pressure panel with all children optional")
SYSTOLIC = Measure(_loinc("8480-6", "Systolic blood pressure"), "mmHg", "mm[Hg]", 104, 158)
DIASTOLIC = Measure(_loinc("8462-4", "Diastolic blood pressure"), "mmHg", "mm[Hg]", 62, 96)

VITALS = (
    Measure(_loinc("8867-4", "Heart rate"), "beats/minute", "/min", 56, 98),
    Measure(_loinc("29463-7", "Body weight"), "kg", "kg", 52, 108, 1),
    Measure(_loinc("8310-5", "Body temperature"), "°C", "Cel", 36.1, 38.4, 1),
    Measure(_loinc("59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry"), "%", "%", 94, 100),
    Measure(_loinc("8302-2", "Body height"), "cm", "cm", 152, 193, 1),
    Measure(_loinc("39156-5", "Body mass index (BMI) [Ratio]"), "kg/m2", "kg/m2", 19, 36, 1),
)

LABS = (
    Measure(_loinc("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood"), "%", "%", 5.2, 9.4, 1, 5.6),
    Measure(_loinc("2345-7", "Glucose [Mass/volume] in Serum or Plasma"), "mg/dL", "mg/dL", 78, 210, 0, 99),
    Measure(
        _loinc("13457-7", "Cholesterol in LDL [Mass/volume] in Serum or Plasma by calculation"),
        "mg/dL",
        "mg/dL",
        62,
        184,
        0,
        129,
    ),
    Measure(
        _loinc("2160-0", "Creatinine [Mass/volume] in Serum or Plasma"), "mg/dL", "mg/dL", 0.6, 1.6, 2, 1.3
    ),
    Measure(
        _loinc("2093-3", "Cholesterol [Mass/volume] in Serum or Plasma"), "mg/dL", "mg/dL", 138, 262, 0, 199
    ),
    Measure(_loinc("718-7", "Hemoglobin [Mass/volume] in Blood"), "g/dL", "g/dL", 11.2, 16.8, 1, 17.2),
    Measure(
        _loinc("2823-3", "Potassium [Moles/volume] in Serum or Plasma"), "mmol/L", "mmol/L", 3.4, 5.3, 1, 5.1
    ),
    Measure(
        _loinc("3016-3", "Thyrotropin [Units/volume] in Serum or Plasma"),
        "m[IU]/L",
        "m[IU]/L",
        0.4,
        6.2,
        2,
        4.5,
    ),
)
"""The first four are the demo patient's."""

PHQ9 = Measure(
    _loinc("44261-6", "Patient Health Questionnaire 9 item (PHQ-9) total score [Reported]"),
    "{score}",
    "{score}",
    0,
    19,
)
SMOKING = _loinc("72166-2", "Tobacco smoking status")
SMOKING_ANSWERS = (
    concept(SNOMED, "266919005", "Never smoked tobacco"),
    concept(SNOMED, "8517006", "Ex-smoker"),
    concept(SNOMED, "449868002", "Smokes tobacco daily"),
)
