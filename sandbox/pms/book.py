"""Owns the practice's appointments: indexes, search in pages, changes and the practice's clock."""

import base64
import binascii
import hashlib
import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias
from zoneinfo import ZoneInfo

import msgspec

from sandbox.bodies import Unreadable
from sandbox.pms.queries import AppointmentChange, AppointmentSearch
from sandbox.records import Json

Key: TypeAlias = tuple[str, int]


@dataclass(frozen=True)
class Page:
    """Some of the appointments that were asked for, and where the rest begins."""

    appointments: list[Json]
    next_cursor: str | None


class AppointmentBook:
    """Appointments by id, patient, visit and practitioner. Holds copies, so that a data set serves twice."""

    def __init__(self, appointments: Iterable[Json], time_zone: str) -> None:
        self._zone = ZoneInfo(time_zone)
        self._by_id: dict[int, Json] = {row["id"]: dict(row) for row in appointments}
        self._by_mrn = self._index(lambda row: row["patient"]["mrn"])
        self._by_visit = self._index(lambda row: row["visit_number"])
        self._by_npi = self._index(lambda row: row["practitioner"]["npi"])

    def _index(self, key: Callable[[Json], str | None]) -> dict[str | None, list[Json]]:
        index: dict[str | None, list[Json]] = defaultdict(list)
        for row in self._by_id.values():
            index[key(row)].append(row)
        return dict(index)

    def now(self) -> str:
        """The practice's wall clock: naive local time, to the second."""
        return datetime.now(self._zone).replace(tzinfo=None).isoformat(timespec="seconds")

    def get(self, id: int) -> Json | None:
        """The appointment of that id, if there is one."""
        return self._by_id.get(id)

    def every(self) -> Iterable[Json]:
        """All appointments, as they are now."""
        return self._by_id.values()

    def search(self, asked: AppointmentSearch) -> Page:
        """One page of what *asked* matches, in its order; equal times go by id.

        Raises:
            Unreadable: the cursor is not one of ours, or belongs to another search.
        """
        last = _opened(asked)
        backwards = asked.order.startswith("-")
        by = asked.order.removeprefix("-")

        def key(row: Json) -> Key:
            return row[by], row["id"]

        found = list(self._candidates(asked))
        for test in _tests(asked):
            found = [row for row in found if test(row)]
        if last is not None:
            found = [row for row in found if (key(row) < last if backwards else key(row) > last)]
        first = heapq.nlargest if backwards else heapq.nsmallest
        page = first(asked.limit, found, key)
        more = len(found) > len(page)
        return Page(page, _sealed(asked, key(page[-1])) if more else None)

    def _candidates(self, asked: AppointmentSearch) -> Iterable[Json]:
        """The shortest list at hand that holds everything *asked* can match, each row once."""
        if asked.ids is not None:
            return [self._by_id[id] for id in dict.fromkeys(asked.ids) if id in self._by_id]
        for index, keys in (
            (self._by_visit, asked.visit_numbers),
            (self._by_mrn, asked.patient_mrns),
            (self._by_npi, asked.practitioner_npis),
        ):
            if keys is not None:
                return [row for key in dict.fromkeys(keys) for row in index.get(key, ())]
        return self._by_id.values()

    def change(self, id: int, change: AppointmentChange) -> Json | None:
        """Apply *change*, raise the version and the time of update; None if there is no such appointment."""
        row = self._by_id.get(id)
        if row is None:
            return None
        changed = {name: value for name, value in msgspec.to_builtins(change).items() if value != row[name]}
        if changed:
            row.update(changed, version=row["version"] + 1, updated_at=self.now())
        return row


def _tests(asked: AppointmentSearch) -> list[Callable[[Json], bool]]:
    """One predicate for each key of the search that is there; lists become sets once, not once a row."""
    members: tuple[tuple[Sequence[object] | None, Callable[[Json], object]], ...] = (
        (asked.ids, lambda row: row["id"]),
        (asked.patient_mrns, lambda row: row["patient"]["mrn"]),
        (asked.visit_numbers, lambda row: row["visit_number"]),
        (asked.practitioner_npis, lambda row: row["practitioner"]["npi"]),
        (asked.statuses, lambda row: row["status"]),
    )
    tests = [_one_of(frozenset(wanted), read) for wanted, read in members if wanted is not None]
    if asked.starts_from is not None:
        tests.append(_from("starts_at", asked.starts_from))
    if asked.starts_before is not None:
        is_late = _from("starts_at", asked.starts_before)
        tests.append(lambda row: not is_late(row))
    if asked.updated_since is not None:
        tests.append(_from("updated_at", asked.updated_since))
    return tests


def _one_of(wanted: frozenset[object], read: Callable[[Json], object]) -> Callable[[Json], bool]:
    return lambda row: read(row) in wanted


def _from(name: str, start: datetime) -> Callable[[Json], bool]:
    """ISO times of one zone and form sort as text."""
    text = start.isoformat()
    return lambda row: row[name] >= text


def _sealed(asked: AppointmentSearch, last: Key) -> str:
    packed = msgspec.json.encode([_digest(asked), *last])
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def _opened(asked: AppointmentSearch) -> Key | None:
    if asked.cursor is None:
        return None
    padded = asked.cursor + "=" * (-len(asked.cursor) % 4)
    try:
        packed = base64.b64decode(padded, altchars=b"-_", validate=True)
        digest, time, id = msgspec.json.decode(packed, type=tuple[str, str, int])
    except (binascii.Error, ValueError):
        raise Unreadable("the cursor is not one of ours; start again without it", "cursor") from None
    if digest != _digest(asked):
        raise Unreadable("the cursor belongs to another search; start again without it", "cursor")
    return time, id


def _digest(asked: AppointmentSearch) -> str:
    """What ties a cursor to its search; the page size may change on the way."""
    search = msgspec.structs.replace(asked, cursor=None, limit=1)
    return hashlib.sha256(msgspec.json.encode(search)).hexdigest()[:16]
