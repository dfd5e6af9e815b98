"""Owns the reading of OperationOutcomes: what a server says about an answer, or in place of one.

Only codes of the vendor's table are looked at; no word of the server's gets any further.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from sources.errors import SourceRejected
from sources.fhir.vendors import Meaning


class _Coding(msgspec.Struct, frozen=True, gc=False):
    code: str | None = None


class _Concept(msgspec.Struct, frozen=True, gc=False):
    coding: tuple[_Coding, ...] = ()


class _Issue(msgspec.Struct, frozen=True, gc=False):
    severity: str | None = None
    details: _Concept | None = None


class Outcome(msgspec.Struct, frozen=True, gc=False, tag_field="resourceType", tag="OperationOutcome"):
    """Remarks on a search, among its rows or in their place; it is no row."""

    issue: tuple[_Issue, ...] = ()

    @property
    def codes(self) -> frozenset[str]:
        """Every code of the server's own that it names."""
        details = [issue.details for issue in self.issue if issue.details is not None]
        return frozenset(it.code for concept in details for it in concept.coding if it.code is not None)

    @property
    def is_error(self) -> bool:
        """Whether it says that the search failed, wholly or in part."""
        return any(issue.severity in ("error", "fatal") for issue in self.issue)


class Refused(SourceRejected):
    """The server refuses the question as it was put; put in another way it may answer.

    `lists`: what it refuses is several keys in one search.
    """

    def __init__(self, source: str, why: str, *, lists: bool = False) -> None:
        super().__init__(source, why)
        self.lists = lists


class Expired(SourceRejected):
    """The pages of a search can no longer be had; the search can be made again."""


def meanings(outcomes: Iterable[Outcome], codes: Mapping[str, Meaning]) -> dict[Meaning, str]:
    """What *outcomes* mean by the vendor's table *codes*, each with the code that says so."""
    said = {code for outcome in outcomes for code in outcome.codes}
    return {codes[code]: code for code in sorted(said) if code in codes}


def outcome_of(body: bytes | memoryview) -> Outcome:
    """The OperationOutcome in *body*; an empty one, if it is something else."""
    try:
        return _OUTCOME.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Outcome()


_OUTCOME: msgspec.json.Decoder[Outcome] = msgspec.json.Decoder(Outcome)


def final(source: str, said: Mapping[Meaning, str]) -> SourceRejected | None:
    """The refusal that no other way of asking can help, if *said* holds one."""
    for meaning in (Meaning.WITHHELD, Meaning.FORBIDDEN, Meaning.INVALID):
        if (code := said.get(meaning)) is not None:
            return SourceRejected(source, f"{meaning.value} (code {code})")
    return None
