"""Owns the reading of lists of records: all at once or, if that fails, one by one; a bad row costs one."""

from __future__ import annotations

from typing import Any, Generic, NamedTuple, TypeVar

from msgspec import Raw

from sources.calling.answers import Nonconforming, Reader

T = TypeVar("T")
I = TypeVar("I")  # noqa: E741 (an identity)


class Unread(NamedTuple, Generic[I]):
    """A row that does not conform, and whose it is."""

    why: str
    identity: I


class Rows(NamedTuple, Generic[T, I]):
    """What was read: the envelope (its rows are in `rows`), the rows, and those that could not be read."""

    envelope: Any
    rows: list[T]
    unread: list[Unread[I]]


class RowReader(Generic[T, I]):
    """Reads *envelope*, a generic struct whose list of rows is its attribute *attribute*.

    *identity* is the lenient type of what tells whose a row is; *root* and *name* are how messages name the
    envelope and a row.
    """

    def __init__(
        self, envelope: Any, attribute: str, row: type[T], identity: type[I], root: str, name: str
    ) -> None:
        self._attribute = attribute
        self._whole: Reader[Any] = Reader(envelope[row], root)
        self._loose: Reader[Any] = Reader(envelope[Raw], root)
        self._row: Reader[T] = Reader(row, name)
        self._identity: Reader[I] = Reader(identity, name)

    def read(self, body: bytes | memoryview, allowed: frozenset[str] = frozenset()) -> Rows[T, I]:
        """The rows in *body*, without the *allowed* fields that their type does not know.

        Raises:
            Nonconforming: the envelope does not conform, or a row does not even tell whose it is.
        """
        try:
            envelope = self._whole.read(body)
        except Nonconforming:
            return self._one_by_one(body, allowed)
        return Rows(envelope, list(getattr(envelope, self._attribute)), [])

    def _one_by_one(self, body: bytes | memoryview, allowed: frozenset[str]) -> Rows[T, I]:
        envelope = self._loose.read(body, allowed)
        rows: list[T] = []
        unread: list[Unread[I]] = []
        for raw in getattr(envelope, self._attribute):
            try:
                rows.append(self._row.read(raw, allowed))
            except Nonconforming as fault:
                unread.append(Unread(str(fault), self._identity.read(raw)))
        return Rows(envelope, rows, unread)
