"""Records of three systems, every field of which holds a mark: what is shown of them, and what is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from sandbox.records import (
    IDENTIFIER_TYPES,
    MRN_SYSTEM,
    NPI_SYSTEM,
    VISIT_SYSTEM,
    Dataset,
    Resource,
    care_key,
)
from tests.canary.marks import Mark, Marks, base64_key, in_base64

CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
CATEGORY = "http://terminology.hl7.org/CodeSystem"
OWN = "urn:canary:codes"


@dataclass(frozen=True)
class Label:
    """Security labels of a row, and what they mean: a level, sensitivities, handling."""

    codings: tuple[tuple[str, str], ...] = ()
    level: str = "N"
    about: frozenset[str] = frozenset()
    handling: frozenset[str] = frozenset()


def _label(level: str = "", about: str = "", handling: str = "") -> Label:
    codings = [(CONFIDENTIALITY, level)] if level else []
    codings += [(ACT_CODE, code) for code in (*about.split(), *handling.split())]
    return Label(tuple(codings), level or "N", frozenset(about.split()), frozenset(handling.split()))


LABELS = (
    *(Label(), Label(), Label(), Label(), Label()),
    *(_label("N"), _label("R"), _label("V"), _label("R", "ETH", "42CFRPart2"), _label("", "PSY")),
    *(_label("", "HIV"), _label("", "CEL"), _label("", "DEMO"), _label("R", "PSY", "HIPAAPsyNotes")),
    *(_label("", "", "NODSCLCD"), _label("", "", "MASK")),
    Label(((ACT_CODE, "NOSUCHCODE"),), "V", frozenset({"unknown"})),
    Label(((OWN, "in-house"),)),
)

DIAGNOSES = (
    *(("I10", ""), ("E11.9", ""), ("I10", ""), ("E11.9", "")),
    *(("F10.20", "ETHUD"), ("B20", "HIV"), ("F32.9", "MH"), ("O09.90", "SEX")),
)
"""Codes, and what the classifier is to find in them; ICD-10-CM's F10-F19 are of substance use as a whole."""


@dataclass
class Row:
    """One record as policy sees it: whose it is, its labels, its codes, and its date."""

    number: int
    source: str
    kind: str
    owner: str | None
    label: Label = field(default_factory=Label)
    diagnosis: str = ""
    about: frozenset[str] = frozenset()
    year: int | None = None
    codes: dict[str, frozenset[str]] = field(default_factory=dict)
    id: str = ""
    marks: list[Mark] = field(default_factory=list)
    clinic: int = 0


class Writer:
    """Writes marks into one record, and notes where."""

    def __init__(self, marks: Marks, row: Row) -> None:
        self.row = row
        self._marks = marks

    def _noted(self, text: str, element: str, shown_as: str, *, is_key: bool = False) -> str:
        row = self.row
        mark = Mark(text, row.source, row.kind, row.number, element, shown_as, is_key)
        row.marks.append(self._marks.register(mark))
        return text

    def text(self, element: str, shown_as: str = "") -> str:
        return self._noted(self._marks.text(), element, shown_as)

    def key(self, element: str, shown_as: str = "") -> str:
        return self._noted(self._marks.text(), element, shown_as, is_key=True)

    def known(self, text: str, element: str) -> str:
        """A key that is unique as it is, and shown nowhere."""
        return self._noted(text, element, "", is_key=True)

    def repeated(self, text: str, element: str, shown_as: str = "") -> str:
        """A mark that stands in another record already."""
        row = self.row
        row.marks.append(Mark(text, row.source, row.kind, row.number, element, shown_as, is_key=True))
        return text

    def integer(self, element: str, shown_as: str = "") -> int:
        return int(self._noted(str(self._marks.integer()), element, shown_as, is_key=True))

    def date(self, element: str, shown_as: str = "") -> str:
        return self._noted(self._marks.birth_date(), element, shown_as)

    def at(
        self, element: str, shown_as: str = "", zone: str = "Z", day: str = "03-11", hour: int = 15
    ) -> str:
        tail = self._noted(self._marks.tail(), element, shown_as)
        return f"{self.row.year or 2025}-{day}T{hour:02}:{tail}{zone}"

    def number(self, element: str, shown_as: str = "", whole: int = 47, places: int = 7) -> str:
        return self._noted(self._marks.digits(whole, places), element, shown_as)

    def zip4(self, element: str, shown_as: str = "") -> str:
        return self._noted(self._marks.zip4(), element, shown_as)

    def data(self, element: str, shown_as: str = "") -> str:
        text = f"{self.text(element)} a note"
        self._noted(base64_key(text), element, shown_as)
        return in_base64(text)

    def concept(self, element: str, shown_as: str = "", real: tuple[str, str] | None = None) -> Any:
        first = [{"system": real[0], "code": real[1]}] if real else []
        own = {"system": OWN, "code": self.text(element, shown_as), "display": self.text(element, shown_as)}
        return {"coding": [*first, own], "text": self.text(f"{element}.words", shown_as)}

    def resource(self, **elements: Any) -> Resource:
        """A resource with what each may have: a narrative, contained resources and extensions, none shown."""
        row = self.row
        meta: Any = {"versionId": "1", "lastUpdated": self.at("meta.lastUpdated", _last_updated(row.kind))}
        if row.label.codings:
            meta["security"] = [{"system": system, "code": code} for system, code in row.label.codings]
        row.id = row.id or self.key("id", "id")
        return {
            "resourceType": row.kind,
            "id": row.id,
            "meta": meta,
            "text": {"status": "generated", "div": f"<div>{self.text('text.div')}</div>"},
            "contained": [
                {"resourceType": "Basic", "id": "c1", "code": {"text": self.text("contained.code")}}
            ],
            "extension": [{"url": "urn:canary:extension", "valueString": self.text("extension.value")}],
            **elements,
        }

    def reference(self, to: str, element: str) -> Any:
        return {"reference": to, "display": self.text(element)}

    def identifier(
        self, element: str, shown_as: str, system: str, type_: str, value: str | None = None
    ) -> Any:
        coding = {"system": IDENTIFIER_TYPES, "code": type_}
        return {
            "type": {"coding": [coding], "text": self.text(f"{element}.type.words", shown_as)},
            "system": system,
            "value": self.key(element, shown_as)
            if value is None
            else self.repeated(value, element, shown_as),
            "assigner": {"display": self.text(f"{element}.assigner")},
            "period": {"start": self.at(f"{element}.period")},
        }

    def telecom(self, element: str, shown_as: str = "") -> Any:
        return [
            {"system": "phone", "value": self.text(element, shown_as), "use": "home",
             "period": {"start": self.at(f"{element}.period")}}
        ]  # fmt: skip

    def address(self, element: str, shown_as: str = "", postal: str = "") -> Any:
        parts = {
            name: self.text(f"{element}.{name}", shown_as) for name in ("text", "city", "district", "state")
        }
        return {
            **parts,
            "use": "home",
            "line": [self.text(f"{element}.line", shown_as)],
            "postalCode": self.zip4(f"{element}.postalCode", postal or shown_as),
        }

    def name(self, element: str, shown_as: str = "") -> Any:
        return {
            "use": "official",
            "text": self.text(f"{element}.text", shown_as),
            "family": self.text(f"{element}.family", shown_as),
            "given": [self.text(f"{element}.given", shown_as)],
            "prefix": [self.text(f"{element}.prefix", shown_as)],
            "suffix": [self.text(f"{element}.suffix", shown_as)],
            "period": {"start": self.at(f"{element}.period")},
        }


def _last_updated(kind: str) -> str:
    return "lastUpdated" if kind == "Patient" else ""


@dataclass
class Clinic:
    """One practice: the data set that the sandbox serves, and what ids of its systems begin with."""

    number: int = 0
    mrn_system: str = MRN_SYSTEM
    visit_system: str = VISIT_SYSTEM
    prefixes: Mapping[str, str] = field(default_factory=dict)
    dataset: Dataset = field(default_factory=Dataset)


def southern() -> Clinic:
    """A second clinic of the same house."""
    prefixes = {"ehr": "south:", "pms": "southpms:"}
    return Clinic(1, "urn:caregraph:south:mrn", "urn:caregraph:south:visit", prefixes)


@dataclass
class World:
    """Clinics of a few patients, and the rows that they have; `clinic` is the one being written.

    `hears_consents`: the EHR lets us see its consents; else what they could guard is shown to nobody.
    """

    seed: int
    marks: Marks = field(default_factory=Marks)
    rows: list[Row] = field(default_factory=list)
    clinic: Clinic = field(default_factory=Clinic)
    clinics: list[Clinic] = field(default_factory=list)
    hears_consents: bool = True
    patients: list[str] = field(default_factory=list)
    clinic_of: dict[int, int] = field(default_factory=dict)
    """In which clinic the practice has which appointment."""
    names: dict[str, str] = field(default_factory=dict)
    """The ids of rows as the house gives them out, by those that the systems have."""
    reasons: dict[int, list[str]] = field(default_factory=dict)
    """Of each appointment the reasons it is given, one after another, when it changes."""
    said: dict[str, list[Any]] = field(default_factory=dict)
    """What the consents of each patient say, as `tests.canary.consents` has it."""

    def row(self, source: str, kind: str, owner: str | None, **facts: Any) -> Writer:
        row = Row(len(self.rows), source, kind, owner, clinic=self.clinic.number, **facts)
        self.rows.append(row)
        return Writer(self.marks, row)

    def named(self, id_: str) -> str:
        """The id as the house gives it out."""
        return self.names.get(id_, id_)

    def name_all(self) -> None:
        """Has all ids of the clinic's rows begin as its systems' ids do."""
        for row in self.rows:
            prefix = self.clinic.prefixes.get(row.source, "")
            if row.clinic == self.clinic.number and prefix:
                self.names |= {it.text: f"{prefix}{it.text}" for it in row.marks if it.shown_as == "id"}

    def name_places_by_bookings(self) -> None:
        """A practice that sends messages tells of places in those of bookings alone: what a booking calls a
        place is the place's name, and nobody's.
        """
        place = next(row for row in self.rows if (row.source, row.kind) == ("pms", "Location"))
        for row in self.rows:
            for mark in [it for it in row.marks if it.element == "location.name"]:
                self.marks.by_text[mark.text.encode()] = replace(mark, record=place.number)
                place.marks.append(replace(mark, record=place.number, shown_as="name"))

    def known(self, source: str, *, keys: bool | None = None) -> list[str]:
        """The texts of a source's marks; with *keys*, of those that are keys, or are none."""
        marks = self.marks.by_text.values()
        return [it.text for it in marks if it.source == source and keys in (None, it.is_key)]


def facts(rng: Random, *, has_label: bool = True) -> dict[str, Any]:
    """What a random row tells: its labels, its diagnosis and its year."""
    code, about = rng.choice(DIAGNOSES)
    found = frozenset(about.split())
    label = rng.choice(LABELS) if has_label else Label()
    return {"label": label, "diagnosis": code, "about": found, "year": rng.choice((2020, 2025))}


__all__ = ["NPI_SYSTEM", "Clinic", "Row", "World", "Writer", "care_key", "facts", "southern"]
