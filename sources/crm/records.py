"""Owns CRM records with typed columns as engagements under the keys that were asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

from sources.calling import Nonconforming, Unasked, Upstream, one_each
from sources.calling.answers import not_asked
from sources.crm.columns import Columns
from sources.crm.parts import TypedParts, engagement
from sources.errors import SourceError
from sources.model import CareKey, Engagement

Record: TypeAlias = Mapping[str, object]
"""One record as JSON has it: values by column, and what the vendor adds."""


@dataclass(frozen=True)
class Layout:
    """How one kind of record is cut: *noun* names it in messages, *key* is the column of the care key."""

    noun: str
    key: str
    columns: Columns
    choices: Mapping[str, str] = field(default_factory=dict)


class Records:
    """Reads records of *layout*; *plain* gives a record's columns alone, given the names asked for."""

    def __init__(
        self,
        layout: Layout,
        plain: Callable[[Record, Sequence[str]], dict[str, object]],
        upstream: Upstream,
    ) -> None:
        self._layout = layout
        self._plain = plain
        self._upstream = upstream

    def found(
        self, records: Iterable[Record], keys: Sequence[CareKey], names: Sequence[str]
    ) -> dict[CareKey, Engagement | SourceError]:
        """The engagement of each of *keys* that has a record with the columns *names* and the key's.

        A key whose record does not conform, or that several records bear, has the error.

        Raises:
            SourceMisread: most records are nobody's, or of people who were not asked for.
        """
        noun = self._layout.noun
        rows: list[tuple[CareKey | None, Engagement]] = []
        unread: list[tuple[CareKey | None, str]] = []
        seen: set[CareKey | None] = set()
        for record in records:
            key = self._key(record)
            try:
                rows.append((key, self._engagement(key, record, names)))
                if key in seen:
                    raise Nonconforming(f"{noun}.{self._layout.key}: several records bear one value")
            except Nonconforming as fault:
                unread.append((key, str(fault)))
            seen.add(key)
        self._upstream.took(len(rows))
        for _, why in unread:
            self._upstream.misread(why)
        try:
            return one_each(
                self._upstream.name, rows, unread, frozenset(keys), partial(self._upstream.foreign, noun)
            )
        except Unasked:
            raise self._upstream.misread(f"{noun}: most rows are not what was asked for") from None

    def _key(self, record: Record) -> CareKey | None:
        key = record.get(self._layout.key)
        return CareKey(key) if isinstance(key, str) else None

    def _engagement(self, key: CareKey | None, record: Record, names: Sequence[str]) -> Engagement:
        layout = self._layout
        columns = self._plain(record, names)
        asked = {layout.key, *names}
        unasked = not_asked(layout.noun, columns, asked, self._upstream.allowed.fields)
        if unasked is not None:
            raise Nonconforming(unasked)
        missing = next((name for name in names if name not in columns), None)
        if missing is not None:
            raise Nonconforming(f"{layout.noun}: `{missing}` is missing")
        return engagement(
            key or CareKey(""), TypedParts(layout.noun, columns, layout.choices), layout.columns
        )
