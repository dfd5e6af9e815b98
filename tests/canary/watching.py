"""Where marks may be found and where not: answers, logs, spans, metrics, audit, caches, sources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

import redis as redis_client

from tests.canary.asking import Asked
from tests.canary.keeping import kept_in
from tests.canary.marks import Mark
from tests.canary.oracle import allowed
from tests.canary.records import World
from tests.canary.stage import Stage, encoded

IDS, OPAQUE = ("id",), ("care_key",)
MAY_BE_KEYS = {
    "KeptConsents._known": IDS,
    "OwnEmergencies._open": IDS,
    "MemoryLog._keys": IDS,
    "Intake._waiting": IDS,
    "Pseudonyms.patient": IDS,
    "Pseudonyms.chart": ("identifier",),
}
"""What is kept of a patient is kept by their id; a chart's pseudonym by the MRN it is made of."""


@dataclass(frozen=True)
class Leak:
    """A mark where it may not be. The text itself is made up, so it may be told."""

    where: str
    mark: Mark
    how: str = ""

    def __str__(self) -> str:
        stands = f"{self.mark.source} {self.mark.kind}.{self.mark.element} ({self.mark.text})"
        return f"{self.where}: {stands} {self.how}"


@dataclass
class Watch:
    """Looks for marks, and counts what it looked at."""

    world: World
    leaks: list[Leak] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    shown: set[bytes] = field(default_factory=set)
    strangers: str = ""
    missing: list[Mark] = field(default_factory=list)
    _may: dict[Any, frozenset[bytes]] = field(default_factory=dict)
    _owners: dict[int, str | None] = field(default_factory=dict)
    _clinics: dict[int, int] = field(default_factory=dict)
    _sent: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._owners = {row.number: row.owner for row in self.world.rows}
        self._clinics = {row.number: row.clinic for row in self.world.rows}

    def may(self, asked: Asked) -> frozenset[bytes]:
        """What the actor may be shown in that request, and told again of what they said themselves."""
        key = (asked.who, self.strangers)
        found = self._may.get(key)
        if found is None:
            found = self._may[key] = allowed(self.world, asked.who, strangers=self.strangers)
        said = {one.encode() for one in (asked.who.emergency, asked.operation.sent) if one is not None}
        return found | said

    def told(self, asked: Asked, data: bytes) -> None:
        """An answer, or a part of one."""
        may = self.may(asked)
        if asked.operation.sent is not None:
            self._sent.add(asked.operation.sent)
        found = self.world.marks.in_(data)
        self._count(asked, data, len(found))
        for mark in found:
            if mark.text.encode() not in may:
                who, operation = asked.who, asked.operation
                how = f"{_around(data, mark)} {operation.kind} as {who} by {operation.document[:2000]}"
                self.leaks.append(Leak(f"answer by {asked.transport}", mark, how))
            elif not self._is_at_home(asked, mark):
                self.leaks.append(Leak("another patient's row", mark, asked.operation.document[:2000]))
        self.shown.update(mark.text.encode() for mark in found)
        self.seen.update(f"marks of the {mark.source} shown" for mark in found)

    def _is_at_home(self, asked: Asked, mark: Mark) -> bool:
        mine = (None, asked.operation.about, asked.who.emergency)
        return asked.operation.about is None or self._owners[mark.record] in mine

    def _count(self, asked: Asked, data: bytes, shown: int) -> None:
        audience = asked.who.audience
        self.seen["marks shown"] += shown
        self.seen[f"{audience} answers"] += 1
        self.seen[f"{audience} showing"] += bool(shown)
        self.seen[f"{audience} denied"] += b'"FORBIDDEN"' in data
        self.seen[f"{audience} masked"] += b'"masked":' in data
        self.seen["refused tokens"] += b"UNAUTHENTICATED" in data or b"Unauthorized" in data
        self.seen["in emergencies"] += b'"breakGlass":' in data
        if asked.operation.kind == "subscription":
            self.seen[f"{audience} events"] += b'"cursor"' in data

    def none_in(self, where: str, data: bytes, *, but: Collection[str] = ()) -> None:
        """No mark may be there; *but* keys that stand in such elements, and what was sent for one."""
        self.seen[f"bytes of {where}"] += len(data)
        for mark in self.world.marks.in_(data):
            may_be = but and ((mark.is_key and mark.element in but) or mark.text in self._sent)
            if not may_be:
                self.leaks.append(Leak(where, mark, _around(data, mark)))

    def behind(self, stage: Stage) -> None:
        """What was written, measured and asked upstream since it was last looked at."""
        lines, stage.logs.lines[:] = list(stage.logs.lines), []
        self.none_in("logs", "\n".join(lines).encode())
        stage.flush()
        spans = "".join(span.to_json(indent=None) for span in stage.spans.get_finished_spans())
        stage.spans.clear()
        self.none_in("spans", spans.encode())
        self.none_in("metrics", stage.metrics().encode())
        if stage.feed is not None:
            said, stage.feed.said[:] = list(stage.feed.said), []
            self.none_in("answers to the practice", "\n".join(said).encode())
        for source in stage.knobs:
            self._upstream(source, stage.requests(source))

    def _upstream(self, source: str, requests: list[Any]) -> None:
        """Each is told its own keys, the EHR what it is searched for; no address has any but opaque ones."""
        role, _, south = source.partition(" ")
        self.seen[f"{role} requests"] += len(requests)
        for one in requests:
            if one["method"] == "PATCH":  # the practice's own staff
                continue
            address = unquote_plus(f"{one['path']}?{one['query']}")
            self.none_in(f"{role} addresses", address.encode(), but=OPAQUE if role == "crm" else ())
            self.none_in(f"{role} headers", "\n".join(one["headers"].values()).encode())
            for mark in self.world.marks.plainly_in(one["body"].encode()):
                # A practitioner may work at both clinics: the NPI is the same everywhere, and public.
                is_house_wide = mark.kind == "Practitioner" or mark.text in self._sent
                is_theirs = is_house_wide or self._clinics[mark.record] == bool(south)
                if not _may_be_told(role, mark) or (role == "pms" and not is_theirs):
                    self.leaks.append(Leak(f"requests to the {source}", mark, one["path"]))

    def kept(self, stage: Stage, redis_url: str | None) -> None:
        """What stays: the audit's files, the keys of caches, and the log of changes."""
        for file in stage.trail.rglob("*"):
            if file.is_file():
                self.none_in("audit", file.read_bytes())
        for kept in kept_in(stage.graph):
            self.seen[f"keys kept in {kept.where}"] += len(kept.texts)
            self.none_in("cache keys", "\n".join(kept.texts).encode(), but=MAY_BE_KEYS.get(kept.where, ()))
        self.none_in("change log", _changes(stage, redis_url), but=IDS)


def _may_be_told(source: str, mark: Mark) -> bool:
    if source == "crm":
        return mark.element == "care_key"
    if source == "pms":
        return mark.is_key and (mark.source == "pms" or mark.element == "identifier")
    return mark.source == "ehr" or (mark.is_key and mark.element == "visit_number")


def _changes(stage: Stage, redis_url: str | None) -> bytes:
    """All that the log of changes holds."""
    if redis_url is None:
        hub: Any = stage.graph.feed._hub
        return repr(vars(hub._hub._log)).encode()
    client = redis_client.Redis.from_url(redis_url)
    keys = list(client.scan_iter())
    return b"".join(key + encoded(str(_of(client, key))) for key in keys)


def _of(client: Any, key: bytes) -> object:
    read = {b"stream": client.xrange, b"string": client.get, b"hash": client.hgetall}
    kind = client.type(key)
    return read[kind](key) if kind in read else client.dump(key)


def _around(data: bytes, mark: Mark) -> str:
    at = data.find(mark.text.encode())
    return repr(data[max(0, at - 120) : at + 60])
