"""What is mutated, and which tests are run on it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.mutants.operators import Enums, Mutant, enums_of, mutants

ROOT = Path(__file__).resolve().parents[2]

LOADERS = tuple(
    f"resolvers/{name}.py"
    for name in (
        "accounts",
        "admitting",
        "bookings",
        "charts",
        "cohort",
        "consents",
        "counting",
        "gate",
        "loaders",
        "records",
        "request",
        "searching",
    )
)
"""Where rows come in, and where they are held against the conditions."""

TESTS = {"policies": ("tests/policies", "tests/resolvers"), "resolvers": ("tests/resolvers",)}
"""Fast tests, without a socket, that may notice a change in a room."""

OURS = ("gateway", "policies", "resolvers", "sandbox", "sources", "tests")


class Target(NamedTuple):
    """One change to one file."""

    path: str
    mutant: Mutant

    @property
    def name(self) -> str:
        return f"{self.path}:{self.mutant.line}"

    @property
    def is_imported(self) -> bool:
        """Whether the change is in what is run on import: a table, most of the time."""
        return self.mutant.function is None


def policies() -> tuple[str, ...]:
    return tuple(sorted(str(path.relative_to(ROOT)) for path in (ROOT / "policies").glob("*.py")))


def tests(paths: Iterable[str]) -> list[str]:
    """The folders of tests that may notice a change in one of these files."""
    return sorted({folder for path in paths for folder in TESTS[path.split("/")[0]]})


def source(path: str) -> bytes:
    return (ROOT / path).read_bytes()


def targets(paths: Sequence[str], *, words: bool) -> Iterator[Target]:
    """Every mutant of these files."""
    enums: Enums = enums_of([source(path) for path in policies()])
    for path in paths:
        yield from (Target(path, mutant) for mutant in mutants(source(path), enums, words=words))


def module_of(path: str) -> str:
    return path.removesuffix(".py").replace(os.sep, ".")


def difference(target: Target) -> str:
    """The lines that change, before and after."""
    before = source(target.path)
    mutant = target.mutant
    first = before.rfind(b"\n", 0, mutant.start) + 1
    last = before.find(b"\n", mutant.end)
    after = mutant.applied(before)
    was = before[first:last].decode().splitlines()
    now = after[first : last + len(after) - len(before)].decode().splitlines()
    return "\n".join([*(f"- {line.strip()}" for line in was), *(f"+ {line.strip()}" for line in now)])
