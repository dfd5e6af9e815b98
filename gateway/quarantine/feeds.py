"""Owns what feeds keep whole of what they refused, under the entries that tell of refusals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from gateway.quarantine.store import Entry, fingerprint
from sources.calling import Flaw
from sources.errors import SourceError
from sources.quarantine import Kept, Quarantine, Retried

_AT_ONCE = 1_000


class Group(msgspec.Struct, frozen=True):
    """What one *source* keeps of one kind for one reason, oldest first."""

    source: str
    kept: tuple[Kept, ...]

    @property
    def entry(self) -> Entry:
        """The entry that tells of them, as far as they themselves do."""
        first = self.kept[0]
        flaw = Flaw(first.kind, first.kind, first.why)
        return Entry(
            id=fingerprint(self.source, flaw),
            source=self.source,
            kind=flaw.kind,
            field=flaw.field,
            why=flaw.why,
            is_extra=False,
            count=len(self.kept),
            first_seen=min(each.received for each in self.kept),
            last_seen=max(each.received for each in self.kept),
            record=None,
            lists="none",
        )


class Feeds:
    """The *quarantines* of feeds, by the source's name."""

    def __init__(self, quarantines: Mapping[str, Quarantine]) -> None:
        self._quarantines = quarantines

    async def groups(self, source: str | None = None) -> tuple[dict[str, Group], Sequence[SourceError]]:
        """What is kept by the id of its entry, of one *source* or all; and why that of some is not known."""
        found: dict[str, Group] = {}
        unknown: list[SourceError] = []
        for name, quarantine in self._quarantines.items():
            if source not in (None, name):
                continue
            try:
                found |= _grouped(name, await _every(quarantine))
            except SourceError as error:
                unknown.append(error)
        return found, unknown

    async def release(self, groups: Sequence[Group], *, anyway: bool) -> list[tuple[str, Kept, Retried]]:
        """Try again what is in *groups*, source by source, each in its order; what became of each.

        Raises:
            SourceError: a source's quarantine cannot be read or written now.
        """
        ids: dict[str, list[int]] = {}
        for group in groups:
            ids.setdefault(group.source, []).extend(each.id for each in group.kept)
        return [
            (source, *each)
            for source, mine in ids.items()
            for each in await self._quarantines[source].release(mine, anyway=anyway)
        ]

    async def discard(self, group: Group) -> None:
        """Let go of what is in *group*. Raises: SourceError."""
        await self._quarantines[group.source].discard([each.id for each in group.kept])

    async def body(self, group: Group, id_: int) -> bytes | None:
        """What is kept under that id in *group*, as it came. Raises: SourceError."""
        if id_ not in {each.id for each in group.kept}:
            return None
        return await self._quarantines[group.source].body(id_)


async def _every(quarantine: Quarantine) -> list[Kept]:
    every: list[Kept] = []
    while page := await quarantine.kept(every[-1].id if every else 0, _AT_ONCE):
        every += page
    return every


def _grouped(source: str, every: Sequence[Kept]) -> dict[str, Group]:
    alike: dict[tuple[str, str], list[Kept]] = {}
    for each in every:
        alike.setdefault((each.kind, each.why), []).append(each)
    groups = [Group(source, tuple(kept)) for kept in alike.values()]
    return {group.entry.id: group for group in groups}
