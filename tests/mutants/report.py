"""The score of a run in words, and which survivors nobody has explained."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from enum import Enum

from tests.mutants.targets import Target, difference


class Fate(Enum):
    """What became of a mutant."""

    KILLED = "killed"
    LATE = "timed out"
    SURVIVED = "survived"
    NO_TEST = "no test"


HEAD = "| room | mutants | killed | timed out | survived | no test | score |"
ALIVE = (Fate.SURVIVED, Fate.NO_TEST)


def explained(document: str) -> frozenset[str]:
    """The changes that a document explains: each a block of code that names a file and its difference."""
    blocks = re.findall(r"^```diff\n(.*?)^```", document, re.MULTILINE | re.DOTALL)
    return frozenset(block.strip() for block in blocks)


def told(target: Target) -> str:
    """A change as a document explains it: without its line, which moves."""
    return f"{target.path}\n{difference(target)}"


def report(fates: Sequence[tuple[Target, Fate]], known: frozenset[str]) -> tuple[str, bool]:
    """The score by room and every survivor; whether each of them is explained."""
    lines = [HEAD, "|---|--:|--:|--:|--:|--:|--:|"]
    rooms = sorted({target.path.split("/")[0] for target, _ in fates})
    lines += [
        _score(room, [fate for target, fate in fates if target.path.startswith(room)]) for room in rooms
    ]
    alive = [(target, fate) for target, fate in fates if fate in ALIVE]
    for target, fate in alive:
        note = " (explained)" if told(target) in known else ""
        lines += ["", f"{target.name} {fate.value}{note}", difference(target)]
    return "\n".join([*lines, ""]), all(told(target) in known for target, _ in alive)


def _score(room: str, fates: Sequence[Fate]) -> str:
    count = Counter(fates)
    dead = count[Fate.KILLED] + count[Fate.LATE]
    cells = [len(fates), *(count[fate] for fate in (Fate.KILLED, Fate.LATE, Fate.SURVIVED, Fate.NO_TEST))]
    return f"| {room} | {' | '.join(map(str, cells))} | {100 * dead / len(fates):.1f} % |"
