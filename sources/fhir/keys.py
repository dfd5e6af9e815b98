"""Owns how a FHIR row tells whose it is: by its id, by an identifier it bears, by its patient. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, TypeVar

from sources.calling import Dropped, many_each, one_each
from sources.errors import SourceError
from sources.fhir.asking import escaped, possible_ids
from sources.fhir.bundles import Unread
from sources.model import Identifier, PatientId, Resource

R = TypeVar("R", bound=Resource)

_NAMED = attrgetter("subject.reference")


def by_id(
    source: str, rows: Iterable[R], unread: Iterable[Unread], ids: Sequence[str], dropped: Dropped
) -> dict[str, R | SourceError]:
    """Each row under its id.

    Raises:
        Unasked: most rows have another id.
    """
    bad = ((row.identity.id, row.why) for row in unread)
    return one_each(source, ((row.id, row) for row in rows), bad, frozenset(ids), dropped)


def by_identifier(
    source: str, rows: Iterable[R], unread: Iterable[Unread], identifiers: Sequence[str], dropped: Dropped
) -> dict[str, R | SourceError]:
    """Each row under those of *identifiers* it bears.

    Raises:
        Unasked: most rows bear none.
    """
    asked = frozenset(identifiers)
    pairs = ((key, row) for row in rows for key in _borne(getattr(row, "identifier", ()), asked))
    bad = ((key, row.why) for row in unread for key in _borne(row.identity.identifier, asked))
    return one_each(source, pairs, bad, asked, dropped)


def _borne(identifiers: Iterable[Any], asked: frozenset[str]) -> Sequence[str | None]:
    keys = {key for one in identifiers if one.value and (key := identifier_key(one)) in asked}
    return list(keys) or [None]


def identifier_key(identifier: Identifier) -> str:
    """*identifier* in FHIR search syntax: `system|value`, escaped."""
    return f"{escaped(identifier.system or '')}|{escaped(identifier.value or '')}"


def owners(base_url: str, patients: Iterable[PatientId]) -> dict[str, PatientId]:
    """Every reference by which a row of this server may name one of *patients*."""
    named = {f"Patient/{patient}": patient for patient in patients}
    return named | {f"{base_url}/{reference}": patient for reference, patient in named.items()}


def patient_named(base_url: str, reference: str | None) -> PatientId | None:
    """The patient of this server whom *reference* names; None, if it names none."""
    local = (reference or "").removeprefix(f"{base_url}/").partition("/_history/")[0]
    type_, _, id_ = local.partition("/")
    return PatientId(id_) if type_ == "Patient" and possible_ids([id_]) else None


def by_patient(
    source: str,
    rows: Sequence[R],
    unread: Iterable[Unread],
    owners: Mapping[str, PatientId],
    dropped: Dropped,
) -> dict[PatientId, list[R] | SourceError]:
    """Each patient's rows in the order they came; a patient with a row that could not be read has the error.

    Raises:
        Unasked: most rows are about somebody else, or do not say about whom.
    """
    bad = ((_owner(row.identity.owner, owners), row.why) for row in unread)
    return many_each(source, _owned(rows, owners), bad, frozenset(owners.values()), dropped)


def _owned(rows: Sequence[R], owners: Mapping[str, PatientId]) -> Iterable[tuple[PatientId | None, R]]:
    """Each row with whom it is about, once for each of them."""
    try:
        # Nearly always each is about one patient, named in the plainest way.
        return zip([owners[named] for named in map(_NAMED, rows)], rows, strict=True)
    except (AttributeError, KeyError):
        return _owned_one_by_one(rows, owners)


def _owned_one_by_one(
    rows: Iterable[R], owners: Mapping[str, PatientId]
) -> Iterator[tuple[PatientId | None, R]]:
    for row in rows:
        named = references(row)
        if len(named) == 1:
            yield _owner(named[0], owners), row
        else:
            mine = dict.fromkeys(owner for each in named if (owner := _owner(each, owners)) is not None)
            yield from ((owner, row) for owner in mine or (None,))


def _owner(reference: str | None, owners: Mapping[str, PatientId]) -> PatientId | None:
    if reference is None:
        return None
    return owners.get(reference) or owners.get(reference.partition("/_history/")[0])


def references(row: Resource) -> Sequence[str | None]:
    """The references by which a row says whom it is about, by whichever element its type has for that.

    An appointment or an account may be about several patients.
    """
    subject: Any = (
        getattr(row, "subject", None) or getattr(row, "patient", None) or getattr(row, "beneficiary", None)
    )
    if isinstance(subject, tuple):
        return [each.reference for each in subject]
    if subject is not None:
        return (subject.reference,)
    if (participants := getattr(row, "participant", ())) and hasattr(row, "actors"):
        return [each.actor.reference for each in participants if each.actor is not None]
    return (f"Patient/{row.id}",) if type(row).__name__ == "Patient" else ()
