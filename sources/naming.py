"""Owns the names of ids where one role has several sources: `north:5001` is id 5001 of the source `north`.

The ids of one source of a role may go bare: of the only one, or of the one that was there first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

NAME = re.compile(r"[a-z][a-z0-9]{0,31}")
"""What a source may be called."""

_MARK = ":"


class Ambiguous(ValueError):
    """An id that is to go bare would be read as another source's."""


@dataclass(frozen=True)
class Naming:
    """How the ids of one role's sources are told apart.

    `sources` are their names; `bare` the one whose ids go as they are. Others bear their source's name.
    """

    sources: frozenset[str]
    bare: str | None

    def given(self, source: str, local: str) -> str:
        """The id under which the house knows the source's *local* id.

        Raises:
            Ambiguous: it is to go bare, and reads as another source's.
        """
        if source != self.bare:
            return f"{source}{_MARK}{local}"
        if self._named(local) is not None:
            raise Ambiguous("an id begins with the name of another source")
        return local

    def local(self, id_: str) -> tuple[str, str] | None:
        """The source of an id of the house, and the id there; None where no source can have given it."""
        named = self._named(id_)
        if named is not None:
            return named
        return (self.bare, id_) if self.bare is not None else None

    def _named(self, id_: str) -> tuple[str, str] | None:
        source, mark, local = id_.partition(_MARK)
        return (source, local) if mark and source in self.sources - {self.bare} else None


@dataclass(frozen=True)
class Practice:
    """A practice management system as an EHR knows it: the systems under which its MRNs and visit numbers are
    kept there, and how they are named in the house.
    """

    name: str
    mrn_system: str
    visit_system: str
    naming: Naming

    def given(self, number: str) -> str:
        """What the house calls one of its MRNs or visit numbers. Raises Ambiguous (`Naming.given`)."""
        return self.naming.given(self.name, number)


def alone(name: str, mrn_system: str, visit_system: str) -> tuple[Practice]:
    """The practices of a house that has one."""
    return (Practice(name, mrn_system, visit_system, Naming(frozenset({name}), name)),)


def of_practice(practices: Iterable[Practice], number: str) -> tuple[Practice, str]:
    """The practice whose MRN or visit number that is, and the number there.

    Raises:
        LookupError: it is of none of *practices*.
    """
    for practice in practices:
        if (found := practice.naming.local(number)) is not None and found[0] == practice.name:
            return practice, found[1]
    raise LookupError("a number of no practice that is known here")
