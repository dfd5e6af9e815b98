"""What the house asks of its sources: small protocols, many keys in, a mapping out.

In every mapping a key without a record is absent; a key whose record could not be read maps to the
`SourceError` that says why, so that one bad record costs one field. A call that failed as a whole raises.
`Wanted` names the attributes of the record the caller will read: a source asks upstream for no others, and
may leave all others empty. Every method may raise any of the four errors of `sources.errors`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Generic, NamedTuple, Protocol, TypeAlias, TypeVar

import msgspec

from sources.errors import SourceError
from sources.model import (
    Appointment,
    Balance,
    CareKey,
    Change,
    Coverage,
    Engagement,
    Location,
    Mrn,
    Patient,
    PatientId,
    Resource,
)

K = TypeVar("K")
V = TypeVar("V")
R = TypeVar("R", bound=Resource)

Wanted: TypeAlias = frozenset[str]
Found: TypeAlias = Mapping[K, V | SourceError]


class Listed(msgspec.Struct, Generic[V], frozen=True):
    """The rows of one key, in the source's order. Not `complete`: a cap was reached and there are more, or
    one of several sources could not tell; `missing` holds why.
    """

    rows: tuple[V, ...] = ()
    complete: bool = True
    missing: tuple[SourceError, ...] = ()


class Page(msgspec.Struct, Generic[V], frozen=True):
    """One page of a search. `next` is the source's own bookmark for the page after it, None on the last;
    `missing` holds why rows of it are not there: they could not be read, or one of several sources could not
    tell.
    """

    rows: tuple[V, ...] = ()
    next: str | None = None
    missing: tuple[SourceError, ...] = ()


class Narrowing(msgspec.Struct, frozen=True):
    """FHIR search parameters that narrow a search: a name's values are alternatives, all names must match.

    Values are in FHIR search syntax, escaped: `system|code`, `ge2026-01-01`.
    """

    parameters: tuple[tuple[str, tuple[str, ...]], ...] = ()


class SourceStatus(Enum):
    """How a source stands with us, in a word."""

    ANSWERING = "answering"
    FAILING = "failing"
    STALE = "stale"
    """It tells by itself, cannot be asked, and has been silent for too long."""
    QUOTA_USED_UP = "quota used up"
    """Our quota of calls to it is used up, or it asked us to stay away for a while."""
    LEFT_ALONE = "left alone"
    """It failed several times in a row, and is asked now and then to see."""


class Health(NamedTuple):
    """Whether a source answered lately: `since` is the instant from which it has been so.

    Instants, too: `left_alone_since` while it is left alone, `quota_used_up_until` while we may not call it,
    `as_of` when it told last, if it tells by itself. `is_stale`: it has been silent for too long since.
    """

    name: str
    kind: str
    up: bool
    since: str
    left_alone_since: str | None = None
    quota_used_up_until: str | None = None
    as_of: str | None = None
    is_stale: bool = False

    @property
    def status(self) -> SourceStatus:
        """The same in a word: of several, what keeps calls from it the most."""
        if self.left_alone_since is not None:
            return SourceStatus.LEFT_ALONE
        if self.quota_used_up_until is not None:
            return SourceStatus.QUOTA_USED_UP
        if not self.up:
            return SourceStatus.FAILING
        return SourceStatus.STALE if self.is_stale else SourceStatus.ANSWERING


class Checked(NamedTuple):
    """What a source was found to be: whether it can be used as configured, and what it said, a line each.

    The lines are ours, for an operator: `software HAPI FHIR 7.2.0`, `asks by or-list`.
    """

    ok: bool
    said: tuple[str, ...] = ()


class Source(Protocol):
    """What every source can say of itself."""

    name: str
    kind: str

    def health(self) -> Health: ...

    async def check(self) -> Checked:
        """Ask the source something cheap, and say what it is. Raises a SourceError if it does not answer."""
        ...


class PatientQuery(msgspec.Struct, frozen=True):
    """A search for patients; None does not narrow. Dates are FHIR dates, identifiers `system|value`."""

    name: str | None = None
    family: str | None = None
    given: str | None = None
    birth_date: str | None = None
    gender: str | None = None
    identifier: str | None = None
    id: PatientId | None = None

    def only(self, patient: PatientId) -> PatientQuery:
        """The same search among that one patient."""
        return msgspec.structs.replace(self, id=patient)


class ClinicalRecords(Source, Protocol):
    """An EHR: FHIR resources by id, by patient, by identifier, and a search for patients."""

    async def read(self, kind: type[R], ids: Sequence[str], wanted: Wanted) -> Found[str, R]:
        """The resources of that type with those logical ids."""
        ...

    async def of_patients(
        self, kind: type[R], patients: Sequence[PatientId], narrowing: Narrowing, wanted: Wanted
    ) -> Found[PatientId, Listed[R]]:
        """Each patient's resources of that type, narrowed; a patient who has none is absent."""
        ...

    async def identified(self, kind: type[R], identifiers: Sequence[str], wanted: Wanted) -> Found[str, R]:
        """The resource that bears each identifier (`system|value`), keyed by it as it was asked for."""
        ...

    async def search_patients(
        self, query: PatientQuery, count: int, bookmark: str | None, wanted: Wanted
    ) -> Page[Patient]:
        """One page of the patients who match, at most *count*."""
        ...

    def mrn_identifier(self, mrn: Mrn) -> str:
        """The identifier (`system|value`) under which this EHR knows an MRN of the PMS."""
        ...

    def visit_identifier(self, visit_number: str) -> str:
        """The identifier under which this EHR knows a visit number of the PMS."""
        ...


class AppointmentQuery(msgspec.Struct, frozen=True):
    """A search for appointments: instants (`start` inclusive, `end` exclusive), FHIR status codes, NPIs."""

    start: str | None = None
    end: str | None = None
    statuses: tuple[str, ...] = ()
    npis: tuple[str, ...] = ()
    mrns: tuple[Mrn, ...] = ()

    def matches(self, appointment: Appointment) -> bool:
        """Whether *appointment* is one of those asked for, of whichever patient."""
        if self.statuses and appointment.status not in self.statuses:
            return False
        if self.npis and not set(appointment.npis) & set(self.npis):
            return False
        if self.start is None and self.end is None:
            return True
        if appointment.start is None:
            return False
        begins = datetime.fromisoformat(appointment.start)
        is_early = self.start is not None and begins < datetime.fromisoformat(self.start)
        return not is_early and (self.end is None or begins < datetime.fromisoformat(self.end))

    def within(self, mrns: tuple[Mrn, ...]) -> AppointmentQuery:
        """The same search among those patients: all of them, or those of them it already names."""
        named = tuple(mrn for mrn in self.mrns if mrn in mrns) if self.mrns else mrns
        return msgspec.structs.replace(self, mrns=named)


class Appointments(Source, Protocol):
    """A PMS's book: appointments by id, by patient, by visit, and a search. Rows come ordered by start."""

    async def appointments(self, ids: Sequence[str], wanted: Wanted) -> Found[str, Appointment]: ...

    async def appointments_of(
        self, mrns: Sequence[Mrn], query: AppointmentQuery, wanted: Wanted
    ) -> Found[Mrn, Listed[Appointment]]: ...

    async def appointments_by_visit(
        self, visit_numbers: Sequence[str], wanted: Wanted
    ) -> Found[str, Appointment]: ...

    async def search_appointments(
        self, query: AppointmentQuery, count: int, bookmark: str | None, wanted: Wanted
    ) -> Page[Appointment]: ...

    async def locations(self, ids: Sequence[str], wanted: Wanted) -> Found[str, Location]: ...


class Billing(Source, Protocol):
    """A PMS's money: what covers a patient and what a patient owes."""

    async def coverages_of(self, mrns: Sequence[Mrn], wanted: Wanted) -> Found[Mrn, Listed[Coverage]]: ...

    async def balances(self, mrns: Sequence[Mrn], wanted: Wanted) -> Found[Mrn, Balance]: ...


class Engagements(Source, Protocol):
    """A CRM: engagement by the opaque key alone."""

    async def engagements(self, keys: Sequence[CareKey], wanted: Wanted) -> Found[CareKey, Engagement]: ...


class Noticed(NamedTuple):
    """A change as a source tells it: by the source's own key of the patient, which is not yet ours.

    A change of a patient, told by the MRN, has no `id`: it is the patient's, as soon as that is known.
    """

    change: Change
    mrn: Mrn | None


class Changes(Source, Protocol):
    """A source that can be asked what changed."""

    async def changes(self, bookmark: str | None) -> tuple[Sequence[Noticed], str]:
        """What changed after *bookmark* (None: from now on), oldest first, and the bookmark after it.

        A change may come twice: its `key` tells. The change's `patient_id` is empty where `mrn` is given.
        """
        ...
