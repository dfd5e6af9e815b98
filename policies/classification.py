"""What each coordinate of the schema is: the class of the data it shows, and the scopes it needs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, NamedTuple, TypeAlias

from policies.scopes import PrivateScope, private_scope


class Coordinate(NamedTuple):
    """A schema coordinate: a field, an argument of a field, or a field of an input type."""

    type: str
    field: str
    argument: str | None = None

    def __str__(self) -> str:
        return f"{self.type}.{self.field}" + (f"({self.argument}:)" if self.argument is not None else "")


class DataClass(Enum):
    """What kind of knowledge about a person a coordinate gives. The value is the name used in rule ids."""

    meaning: str

    def __new__(cls, value: str, meaning: str) -> DataClass:
        member = object.__new__(cls)
        member._value_ = value
        member.meaning = meaning
        return member

    REFERENCE = (
        "reference",
        "Opaque ids, cursors, page information and type names: they say nothing of a person.",
    )
    PART = "part", "A part of a datatype, such as the city of an address: the field that holds it is decided."
    DIRECTORY = "directory", "Practitioners, organizations and locations: who and where care can be had."
    IDENTITY = "identity", "Names, medical record numbers and other identifiers of a person."
    CONTACT = "contact", "Telephone numbers, e-mail and postal addresses of a person."
    DEMOGRAPHICS = (
        "demographics",
        "Birth date, age, gender, marital status, postal code, and whether and when a person died.",
    )
    SCHEDULE = (
        "schedule",
        "When an appointment is, its status and with whom; who usually looks after a person.",
    )
    JOINING = "joining", "A link that lets in whoever has it, such as that to a video visit."
    REASON = "reason", "Why someone comes and for which service: it can reveal a condition."
    VISIT = "visit", "That an encounter took place: its status, class, period and place."
    CLINICAL = "clinical", "Conditions, results, medications, allergies, procedures and plans."
    NOTES = "notes", "Clinical notes, documents, and whatever else is written in words: it can hold anything."
    WORDING = (
        "wording",
        "A concept in somebody's words, beside its codes: usually a term, but anything may have been typed.",
    )
    FINANCIAL = "financial", "Insurance coverage, balances and what was paid."
    ENGAGEMENT = (
        "engagement",
        "The relationship with the practice: attendance, score, satisfaction, consent flags.",
    )
    HISTORY = (
        "history",
        "When a person last visited or was in touch with the practice: dates of care, whoever keeps them.",
    )
    OUTCOMES = (
        "outcomes",
        "What came of all patients' appointments together: counts in ranges, none of fewer than eleven "
        "patients, with nobody's key.",
    )
    OPERATIONS = "operations", "How the gateway and its sources are doing: nothing about persons."


class Requirement(NamedTuple):
    """Permissions on one FHIR resource type, all of which must be held, by one scope or by several."""

    type: str
    letters: str

    def __str__(self) -> str:
        return f"{self.type}.{self.letters}"


Need: TypeAlias = Requirement | PrivateScope


@dataclass(frozen=True, slots=True)
class Needs:
    """The scopes a coordinate needs: any one of `any_of`; without any, no scope is needed."""

    any_of: tuple[Need, ...]

    NOTHING: ClassVar[Needs]
    """For plumbing, whose data is that of the fields below it."""

    @classmethod
    def parse(cls, text: str) -> Needs:
        """Read needs such as `Encounter.rs` or `Patient.r or __engagement.read`.

        Raises:
            ValueError: the text is empty or one of its parts is neither a requirement nor a private scope.
        """
        return cls(tuple(_need(part) for part in text.split(" or ")))

    def __str__(self) -> str:
        return " or ".join(str(need) for need in self.any_of) or "nothing"


Needs.NOTHING = Needs(())

_REQUIREMENT = re.compile(r"([A-Z][A-Za-z]+)\.((?=[cruds])c?r?u?d?s?)")


def _need(text: str) -> Need:
    if (match := _REQUIREMENT.fullmatch(text)) is not None:
        return Requirement(match[1], match[2])
    if (private := private_scope(text)) is not None:
        return private
    raise ValueError(f"`{text}` is no requirement; write one such as `Encounter.rs` or `__engagement.read`")


@dataclass(frozen=True, slots=True)
class Classified:
    """The classification of one coordinate."""

    data: DataClass
    needs: Needs

    @classmethod
    def of(cls, data: DataClass, needs: str | Needs) -> Classified:
        """Classify, with the needs as text. Raises ValueError as `Needs.parse` does."""
        return cls(data, needs if isinstance(needs, Needs) else Needs.parse(needs))
