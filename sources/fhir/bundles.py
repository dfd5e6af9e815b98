"""Owns the reading of searchset Bundles: bytes in, rows of one type out, one bad row at a time.

Pure. The fast road decodes a whole Bundle at once, and looks at all its parts together; only if that fails is
it read entry by entry.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, lru_cache, partial
from typing import Any, Generic, Literal, NamedTuple, TypeVar

import msgspec
from msgspec import UNSET, Raw, UnsetType

from sources.calling import Nonconforming, Reader
from sources.fhir.identity import Identity
from sources.fhir.inspection import Inspection
from sources.fhir.outcomes import Outcome
from sources.fhir.reading import WHOLE, Reading
from sources.fhir.wire import inspected, kept, projected, wire_types
from sources.model import Resource
from sources.naming import Practice

R = TypeVar("R", bound=Resource)
T = TypeVar("T")

_Skipped = Raw | UnsetType


class _Part(msgspec.Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True, rename="camel"):
    """What every part of a Bundle may carry and nobody reads."""

    id: _Skipped = UNSET
    extension: _Skipped = UNSET


class _Link(_Part, frozen=True, kw_only=True, gc=False):
    relation: str
    url: str


class _Entry(_Part, Generic[T], frozen=True, kw_only=True, gc=False):
    resource: T
    full_url: _Skipped = UNSET
    search: _Skipped = UNSET
    link: _Skipped = UNSET


class _Bundle(_Part, Generic[T], frozen=True, kw_only=True, gc=False, tag_field="resourceType", tag="Bundle"):
    type: Literal["searchset"]
    entry: tuple[_Entry[T], ...] = ()
    link: tuple[_Link, ...] = ()
    meta: _Skipped = UNSET
    implicit_rules: _Skipped = UNSET
    language: _Skipped = UNSET
    identifier: _Skipped = UNSET
    timestamp: _Skipped = UNSET
    total: int | UnsetType = UNSET
    signature: _Skipped = UNSET


class Unread(NamedTuple):
    """A row that does not conform, and whose it is."""

    why: str
    identity: Identity


class Page(NamedTuple, Generic[R]):
    """One page of a search: its rows, those that could not be read, the links to the next page and to itself,
    which says what the server understood of the search, and how many rows the server says it found in all.
    """

    rows: list[R]
    unread: list[Unread]
    next: str | None = None
    self: str | None = None
    outcomes: tuple[Outcome, ...] = ()
    complete: bool = True
    total: int | None = None


class PageReader(Generic[R]):
    """Reads the pages of a search for *kind*: of each row *elements*, or all the model has."""

    def __init__(
        self,
        kind: type[R],
        elements: str | None = None,
        practices: tuple[Practice, ...] | None = None,
        reading: Reading = WHOLE,
    ) -> None:
        self.name = kind.__name__
        self._allowed = reading.allow
        self._of = (kind, elements, practices, reading)
        row, self._inspection = _quick(*self._of)
        self._kept: Callable[[list[R]], list[R]] = (
            _as_they_are if elements is None else kept(kind, frozenset(elements.split(",")), practices)
        )
        wire: Any = row | Outcome
        self._whole: Reader[_Bundle[R | Outcome]] = Reader(_Bundle[wire], "Bundle")
        self._loose: Reader[_Bundle[Raw]] = Reader(_Bundle[Raw], "Bundle")
        self._identity: Reader[Identity] = Reader(Identity, self.name)

    @cached_property
    def _row(self) -> Reader[R | Outcome]:
        """Reads one row with all patterns in place; most pages are read without it."""
        wire: Any = _strict(*self._of) | Outcome
        return Reader(wire, self.name)

    def read(self, body: bytes | memoryview) -> Page[R]:
        """The page in *body*.

        Raises:
            Nonconforming: it is no searchset, or a row is no resource at all.
        """
        try:
            bundle = self._inspection.read(partial(self._whole.read, body))
        except Nonconforming:
            bundle = None
        if bundle is None:
            return self._one_by_one(body)
        page: Page[R] = _page([entry.resource for entry in bundle.entry], [], bundle.link, bundle.total)
        return page._replace(rows=self._kept(page.rows))

    def read_one(self, body: bytes | memoryview) -> Page[R]:
        """The one resource in *body*, as a page.

        Raises:
            Nonconforming: it is no resource at all.
        """
        raw = Raw(bytes(body))
        try:
            return _page([self._one(raw)], [], ())
        except Nonconforming as fault:
            return Page([], [Unread(str(fault), self._identity.read(raw))])

    def _one_by_one(self, body: bytes | memoryview) -> Page[R]:
        bundle = self._loose.read(body, self._allowed)
        read: list[R | Outcome] = []
        unread: list[Unread] = []
        for entry in bundle.entry:
            try:
                read.append(self._one(entry.resource))
            except Nonconforming as fault:
                unread.append(Unread(str(fault), self._identity.read(entry.resource)))
        return _page(read, unread, bundle.link, bundle.total)

    def _one(self, resource: Raw) -> R | Outcome:
        try:
            return self._row.read(resource)
        except Nonconforming:
            if b"null" not in bytes(resource):
                raise
        return self._row.read(msgspec.json.encode(_without_placeholders(msgspec.json.decode(resource))))


@lru_cache(maxsize=1024)
def page_reader(
    kind: type[R],
    elements: str | None = None,
    practices: tuple[Practice, ...] | None = None,
    reading: Reading = WHOLE,
) -> PageReader[R]:
    """The reader for *kind* and *elements*; making one takes longer than reading a page."""
    return PageReader(kind, elements, practices, reading)


def _strict(
    kind: type[Resource], elements: str | None, practices: tuple[Practice, ...] | None, reading: Reading
) -> Any:
    if elements is None:
        return wire_types(reading)[kind]
    return projected(kind, frozenset(elements.split(",")), practices, reading)


def _quick(
    kind: type[Resource], elements: str | None, practices: tuple[Practice, ...] | None, reading: Reading
) -> tuple[Any, Inspection]:
    """The wire type that leaves to the look at the whole page what types cannot say."""
    if elements is None:
        return wire_types(reading)[kind], Inspection()
    return inspected(kind, frozenset(elements.split(",")), practices, reading)


def _as_they_are(rows: list[R]) -> list[R]:
    return rows


def _page(
    read: list[R | Outcome], unread: list[Unread], links: tuple[_Link, ...], total: int | UnsetType = UNSET
) -> Page[R]:
    rows = [row for row in read if not isinstance(row, Outcome)]
    outcomes = tuple(row for row in read if isinstance(row, Outcome)) if len(rows) < len(read) else ()
    said = None if total is UNSET else total
    return Page(rows, unread, _link(links, "next"), _link(links, "self"), outcomes, total=said)


def _link(links: tuple[_Link, ...], relation: str) -> str | None:
    return next((link.url for link in links if link.relation == relation), None)


def _without_placeholders(value: Any) -> Any:
    """*value* without the nulls by which a list of primitives keeps step with its list of extensions.

    Nowhere else may FHIR JSON hold a null (https://hl7.org/fhir/R4/json.html#primitive).
    """
    if isinstance(value, list):
        return [_without_placeholders(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: [item for item in inner if item is not None]
        if isinstance(inner, list) and (f"_{name}" in value or name.startswith("_"))
        else _without_placeholders(inner)
        for name, inner in value.items()
    }
