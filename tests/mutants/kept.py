"""The file of results that a run leaves behind, so that one that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from tests.mutants.report import Fate
from tests.mutants.targets import Target, source

DEAD = (Fate.KILLED,)
"""Only these need not be tried again: a survivor may have a test by now, and one that timed out may end."""


def key(target: Target) -> str:
    """Names a change by the whole file with it: where anything else in the file changes, it is another."""
    return hashlib.sha256(
        target.path.encode() + b"\n" + target.mutant.applied(source(target.path))
    ).hexdigest()


class Kept:
    """One line of JSON for each mutant that was tried, written as soon as its fate is known."""

    def __init__(self, path: Path, *, resume: bool) -> None:
        self._path = path
        self._before = _read(path) if resume else {}
        if not resume:
            path.write_text("")

    def fate(self, target: Target) -> Fate | None:
        """The fate of one that a run before this one has killed."""
        before = self.before(target)
        return before if before in DEAD else None

    def before(self, target: Target) -> Fate:
        """What the runs before this one found of it."""
        return self._before.get(key(target), Fate.NOT_TRIED)

    def keep(self, target: Target, fate: Fate) -> None:
        line = {"key": key(target), "place": target.name, "fate": fate.value}
        with self._path.open("a") as file:
            file.write(json.dumps(line) + "\n")


def _read(path: Path) -> Mapping[str, Fate]:
    """The last that was written of each; a line that was cut off in the middle is none."""
    found: dict[str, Fate] = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            told = json.loads(line)
        except ValueError:
            continue
        found[told["key"]] = Fate(told["fate"])
    return found
