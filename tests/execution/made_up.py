"""Sources of records made up from a seed: every element of every record, links between them, faults."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints
from zlib import crc32

import msgspec

from resolvers.cursors import Place
from resolvers.faults import BadInput
from sources.errors import SourceError, SourceMisread, SourceTimeout, SourceUnavailable
from sources.memory.standing import AlwaysUp
from sources.model import (
    NPI,
    Appointment,
    Balance,
    CareKey,
    CodeableConcept,
    Coding,
    Coverage,
    Engagement,
    Identifier,
    Location,
    Mrn,
    Patient,
    PatientId,
    Practitioner,
    Reference,
)
from sources.ports import AppointmentQuery, Listed, Narrowing, Page, PatientQuery, Wanted

PATIENTS = tuple(PatientId(f"p{n}") for n in range(4))
PRACTITIONERS = ("d0", "d1", "d2")
WORDS = ("", "a word", "12345", "2026-01-31", "1931-02-03T10:00:00Z", "booked")
LINKED = ("Practitioner", "Encounter", "Condition", "Organization", "Location", "Patient")

BEHIND: dict[str, tuple[str, ...]] = {
    "deceased": ("deceased_boolean", "deceased_date_time"),
    "last_updated": ("meta",),
    "mrn": ("identifier",),
    "npi": ("identifier",),
    "security": ("meta",),
    "visit_number": ("identifier",),
}
"""The elements behind the properties that may be wanted."""

ALWAYS = frozenset({"id", "subject", "patient", "patient_mrn", "care_key", "encounter", "context"})
"""What a record has whether it is wanted or not: what it is known by, and whose it is."""


@cache
def elements(kind: Any) -> dict[str, tuple[Any, bool]]:
    """The type of each element of a record, and whether it must be there."""
    hints = get_type_hints(kind)
    return {field.name: (hints[field.name], field.required) for field in msgspec.structs.fields(kind)}


class MadeUp(AlwaysUp):
    """All ports at once. It fills what is wanted of a record and nothing else, and notes what that was."""

    def __init__(self, seed: int, faults: int) -> None:
        super().__init__("made up", "of nothing")
        self._seed = seed
        self._faults = faults
        self.wanted: list[tuple[str, Wanted]] = []

    # -- the ports -----------------------------------------------------------------------

    async def read(self, kind: type[Any], ids: Sequence[str], wanted: Wanted) -> dict[str, Any]:
        self._called("read", kind, wanted)
        return self._found(kind, {id_: id_ for id_ in ids}, wanted)

    async def identified(self, kind: type[Any], identifiers: Sequence[str], wanted: Wanted) -> dict[str, Any]:
        self._called("identified", kind, wanted)
        return self._found(kind, {token: token.rpartition("|")[2] for token in identifiers}, wanted)

    async def of_patients(
        self, kind: type[Any], patients: Sequence[PatientId], narrowing: Narrowing, wanted: Wanted
    ) -> dict[PatientId, Any]:
        self._called(f"of patients {narrowing!r}", kind, wanted)
        return {patient: self._listed(kind, patient, wanted) for patient in patients}

    async def search_patients(
        self, query: PatientQuery, count: int, bookmark: str | None, wanted: Wanted
    ) -> Page[Patient]:
        self._called(f"search {query!r}", Patient, wanted)
        rows = [self._made(Patient, id_, wanted) for id_ in PATIENTS if query.id in (None, id_)]
        start = int(bookmark or 0)
        end = start + count
        return Page(tuple(rows[start:end]), str(end) if end < len(rows) else None)

    async def appointments(self, ids: Sequence[str], wanted: Wanted) -> dict[str, Any]:
        self._called("appointments", Appointment, wanted)
        return self._found(Appointment, {id_: id_ for id_ in ids}, wanted)

    async def appointments_of(
        self, mrns: Sequence[Mrn], query: AppointmentQuery, wanted: Wanted
    ) -> dict[Mrn, Any]:
        self._called(f"appointments of {query!r}", Appointment, wanted)
        return {mrn: self._listed(Appointment, mrn, wanted) for mrn in mrns}

    async def appointments_by_visit(self, visit_numbers: Sequence[str], wanted: Wanted) -> dict[str, Any]:
        self._called("by visit", Appointment, wanted)
        return self._found(Appointment, {number: number for number in visit_numbers}, wanted)

    async def search_appointments(
        self, query: AppointmentQuery, count: int, bookmark: str | None, wanted: Wanted
    ) -> Page[Appointment]:
        self._called(f"search {query!r}", Appointment, wanted)
        rows = [self._made(Appointment, f"{patient}-0", wanted) for patient in PATIENTS]
        start = int(bookmark or 0)
        end = start + count
        return Page(tuple(rows[start:end]), str(end) if end < len(rows) else None)

    async def locations(self, ids: Sequence[str], wanted: Wanted) -> dict[str, Any]:
        self._called("locations", Location, wanted)
        return self._found(Location, {id_: id_ for id_ in ids}, wanted)

    async def coverages_of(self, mrns: Sequence[Mrn], wanted: Wanted) -> dict[Mrn, Any]:
        self._called("coverages", Coverage, wanted)
        return {mrn: self._listed(Coverage, mrn, wanted) for mrn in mrns}

    async def balances(self, mrns: Sequence[Mrn], wanted: Wanted) -> dict[Mrn, Any]:
        self._called("balances", Balance, wanted)
        return self._found(Balance, {mrn: mrn for mrn in mrns}, wanted)

    async def engagements(self, keys: Sequence[CareKey], wanted: Wanted) -> dict[CareKey, Any]:
        self._called("engagements", Engagement, wanted)
        return self._found(Engagement, {key: key for key in keys}, wanted)

    def mrn_identifier(self, mrn: Mrn) -> str:
        return f"mrn|{mrn}"

    def visit_identifier(self, visit_number: str) -> str:
        return f"visit|{visit_number}"

    # -- records -------------------------------------------------------------------------

    def _called(self, how: str, kind: type[Any], wanted: Wanted) -> None:
        self.wanted.append((kind.__name__, wanted))
        if self._draw(f"{how} {kind.__name__}", 1000) < self._faults:
            raise SourceUnavailable(self.name, how.partition(" ")[0])

    def _found(self, kind: type[Any], ids: dict[Any, str], wanted: Wanted) -> dict[Any, Any]:
        found = {}
        for key, id_ in ids.items():
            drawn = self._draw(f"{kind.__name__} {id_}", 1000)
            if drawn < self._faults:
                found[key] = SourceMisread(self.name, "made so")
            elif drawn < 900:
                found[key] = self._made(kind, id_, wanted)
        return found

    def _listed(self, kind: type[Any], of: str, wanted: Wanted) -> Listed[Any] | SourceError:
        drawn = self._draw(f"list of {kind.__name__} {of}", 1000)
        if drawn < self._faults:
            return SourceTimeout(self.name, "made so")
        rows = tuple(self._made(kind, f"{of}-{n}", wanted) for n in range(drawn % 4))
        return Listed(rows, complete=drawn % 7 != 0)

    def _made(self, kind: type[Any], id_: str, wanted: Wanted) -> Any:
        """The record of that id; whose it is begins its id."""
        names = ALWAYS | {behind for name in wanted for behind in BEHIND.get(name, (name,))}
        described: dict[str, tuple[Any, bool]] = elements(kind)  # type: ignore[arg-type, unused-ignore]
        given = {
            name: self._element(kind, name, type_, id_)
            for name, (type_, required) in described.items()
            if required or name in names
        }
        return kind(**given)

    def _element(self, kind: type[Any], name: str, type_: Any, id_: str) -> Any:
        owner = id_.partition("-")[0]
        at = f"{kind.__name__} {id_} {name}"
        match name:
            case "id":
                return id_
            case "patient_mrn" | "care_key":
                return owner
            case "subject" | "patient":
                return None if self._draw(at, 12) == 0 else Reference(reference=f"Patient/{owner}")
            case "identifier":
                return self._identifiers(kind, id_, at)
            case "visit_number":
                return f"{owner}-{self._draw(at, 3)}"
            case _:
                pass
        return self._value(type_, at, owner)

    def _identifiers(self, kind: type[Any], id_: str, at: str) -> tuple[Identifier, ...]:
        code = {"Patient": "MR", "Encounter": "VN"}.get(kind.__name__)
        if self._draw(at, 8) == 0 or (code is None and kind is not Practitioner):
            return ()
        if code is None:
            return (Identifier(system=NPI, value=id_),)
        return (Identifier(type=CodeableConcept(coding=(Coding(code=code),)), value=id_),)

    def _value(self, type_: Any, at: str, owner: str) -> Any:
        if get_origin(type_) is UnionType:
            if self._draw(at, 5) == 0:
                return None
            (type_,) = (each for each in get_args(type_) if each is not NoneType)
        if get_origin(type_) is tuple:
            item = get_args(type_)[0]
            return tuple(self._value(item, f"{at} {n}", owner) for n in range(self._draw(at, 3)))
        if type_ is Reference:
            return self._reference(at, owner)
        if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
            return type_(**{n: self._value(t, f"{at} {n}", owner) for n, (t, _) in elements(type_).items()})
        number = self._draw(at, 60)
        if type_ is bool:
            return number > 30
        if type_ in (int, float):
            return type_(number)
        return WORDS[number % len(WORDS)]

    def _reference(self, at: str, owner: str) -> Reference:
        kind = LINKED[self._draw(at, len(LINKED))]
        number = self._draw(f"{at} of", 4)
        id_ = f"{owner}-{number}"
        if kind == "Practitioner":
            id_ = PRACTITIONERS[number % len(PRACTITIONERS)]
        elif kind == "Patient":
            id_ = owner
        return Reference(reference="#inside" if number == 3 else f"{kind}/{id_}", display=WORDS[number])

    def _draw(self, at: str, below: int) -> int:
        return (((crc32(at.encode(), self._seed) * 2654435761) & 0xFFFFFFFF) >> 7) % below


class OpenSeal:
    """Cursors that say the same each time, so that two answers can be compared (`resolvers.cursors.Seal`).

    Those of other lists, `at:2`, are taken too: a request can be made up that goes on from somewhere.
    """

    def close(self, search: str, place: Place) -> str:
        return f"{crc32(search.encode())}:{place.bookmark or ''}:{place.skip}"

    def open(self, search: str, cursor: str) -> Place:
        made_for, *rest = cursor.split(":")
        if made_for == "at" and rest[0].isdigit():
            return Place(None, int(rest[0]))
        if made_for != str(crc32(search.encode())) or len(rest) != 2:
            raise BadInput("`after` is no cursor of this search")
        return Place(rest[0] or None, int(rest[1]))
