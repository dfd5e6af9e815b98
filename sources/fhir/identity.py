"""Owns what tells whose a row is when the rest of it cannot be read: only what tells it is looked at."""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec
from msgspec import UNSET, Raw, UnsetType

from sources.fhir.primitives import ID

T = TypeVar("T")

_Part = Raw | UnsetType


class Untold(Exception):
    """A row that cannot be read does not tell whose it is either: it could be anybody's."""


class _Reference(msgspec.Struct, frozen=True, gc=False):
    reference: str | None = None


class _Participant(msgspec.Struct, frozen=True, gc=False):
    actor: _Reference | None = None


class _Identifier(msgspec.Struct, frozen=True, gc=False):
    system: str | None = None
    value: str | None = None


class Updated(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A row's version, and the instant it was updated at."""

    version_id: str | None = None
    last_updated: str | None = None


class Identity(msgspec.Struct, frozen=True, gc=False):
    """The parts of a row by which it is somebody's, as they came."""

    raw_id: _Part = msgspec.field(name="id", default=UNSET)
    raw_meta: _Part = msgspec.field(name="meta", default=UNSET)
    subject: _Part = UNSET
    patient: _Part = UNSET
    beneficiary: _Part = UNSET
    participant: _Part = UNSET
    raw_identifier: _Part = msgspec.field(name="identifier", default=UNSET)

    @property
    def id(self) -> str:
        """The row's logical id.

        Raises:
            Untold: it has none.
        """
        if (id_ := _read(self.raw_id, _ID)) is None:
            raise Untold
        return id_

    @property
    def record(self) -> str | None:
        """The same, if it has one."""
        try:
            return self.id
        except Untold:
            return None

    @property
    def updated(self) -> Updated | None:
        """When it was updated, if it says so.

        Raises:
            Untold: what says so cannot be read.
        """
        return _read(self.raw_meta, _UPDATED)

    @property
    def owner(self) -> str | None:
        """The reference to whom the row is about, if it is about somebody; of several, to the first patient.

        Raises:
            Untold: what says so cannot be read.
        """
        subject = _read(self.subject, _SUBJECTS) or ()
        subjects = subject if isinstance(subject, tuple) else (subject,)
        actors = tuple(each.actor for each in _read(self.participant, _PARTICIPANTS) or ())
        one_each = (_read(self.patient, _REFERENCE), _read(self.beneficiary, _REFERENCE))
        named = (*subjects, *one_each, *actors)
        references = [each.reference for each in named if each is not None and each.reference is not None]
        patients = (each for each in references if "Patient/" in each)
        return next(patients, None) or next(iter(references), None)

    @property
    def identifier(self) -> tuple[_Identifier, ...]:
        """Its business identifiers.

        Raises:
            Untold: they cannot be read.
        """
        return _read(self.raw_identifier, _IDENTIFIERS) or ()


_ID: msgspec.json.Decoder[str] = msgspec.json.Decoder(Annotated[str, msgspec.Meta(pattern=ID)])
_UPDATED = msgspec.json.Decoder[Updated](Updated)
_REFERENCE = msgspec.json.Decoder[_Reference](_Reference)
_SUBJECTS = msgspec.json.Decoder[_Reference | tuple[_Reference, ...]](_Reference | tuple[_Reference, ...])
_PARTICIPANTS = msgspec.json.Decoder[tuple[_Participant, ...]](tuple[_Participant, ...])
_IDENTIFIERS = msgspec.json.Decoder[tuple[_Identifier, ...]](tuple[_Identifier, ...])


def _read(part: _Part, decoder: msgspec.json.Decoder[T]) -> T | None:
    if part is UNSET:
        return None
    try:
        return decoder.decode(part)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Untold from None
