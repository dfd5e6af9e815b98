"""Observations: vital signs, laboratory results, social history and surveys of a visit."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from sandbox.generator.datatypes import TERMINOLOGY, coding, quantity, status
from sandbox.generator.measures import (
    BLOOD_PRESSURE,
    DIASTOLIC,
    LABS,
    PHQ9,
    SMOKING,
    SMOKING_ANSWERS,
    SYSTOLIC,
    VITALS,
    Measure,
)
from sandbox.records import Json, Resource

_CATEGORY_NAMES = {
    "vital-signs": "Vital Signs",
    "laboratory": "Laboratory",
    "social-history": "Social History",
    "survey": "Survey",
}
_CATEGORIES = {
    code: [{"coding": [coding(f"{TERMINOLOGY}/observation-category", code, name)], "text": name}]
    for code, name in _CATEGORY_NAMES.items()
}
_HIGH = [status("v3-ObservationInterpretation", "H")]
_NORMAL = [status("v3-ObservationInterpretation", "N")]


@dataclass(frozen=True)
class Bedside:
    """What the observations of one visit have in common; `id_prefix` begins their ids."""

    rng: Random
    id_prefix: str
    meta: Json
    subject: Json
    encounter: Json
    performer: Json
    at: str

    def observations(self, everything: bool) -> Iterator[Resource]:
        """A visit's observations; *everything* leaves none of the kinds out, otherwise chance does."""
        measured = [self._blood_pressure()]
        vitals = VITALS if everything else self.rng.sample(VITALS, 2)
        measured += [self._measured("vital-signs", it) for it in vitals]
        if everything or self.rng.random() < 0.4:
            labs = LABS[:4] if everything else self.rng.sample(LABS, 2)
            measured += [self._measured("laboratory", it) for it in labs]
        if everything or self.rng.random() < 0.12:
            measured.append(self._measured("survey", PHQ9))
        if everything or self.rng.random() < 0.12:
            answer = {"valueCodeableConcept": self.rng.choice(SMOKING_ANSWERS)}
            measured.append(self._of("social-history", SMOKING, answer))
        for place, part in enumerate(measured, 1):
            yield {"resourceType": "Observation", "id": f"{self.id_prefix}-{place}", **part}

    def _of(self, category: str, code: Json, value: Json) -> Json:
        return {
            "meta": self.meta,
            "status": "final",
            "category": _CATEGORIES[category],
            "code": code,
            "subject": self.subject,
            "encounter": self.encounter,
            "effectiveDateTime": self.at,
            "performer": [self.performer],
            **value,
        }

    def _measured(self, category: str, measure: Measure) -> Json:
        value = self._value(measure)
        found: Json = {"valueQuantity": quantity(value, measure.unit, measure.ucum)}
        limit = measure.normal_high
        if limit is not None:
            found["interpretation"] = _HIGH if value > limit else _NORMAL
            found["referenceRange"] = [{"high": quantity(limit, measure.unit, measure.ucum)}]
        return self._of(category, measure.code, found)

    def _blood_pressure(self) -> Json:
        parts = [
            {"code": it.code, "valueQuantity": quantity(self._value(it), it.unit, it.ucum)}
            for it in (SYSTOLIC, DIASTOLIC)
        ]
        return self._of("vital-signs", BLOOD_PRESSURE, {"component": parts})

    def _value(self, measure: Measure) -> float:
        value = round(self.rng.uniform(measure.low, measure.high), measure.digits)
        return value if measure.digits else int(value)
