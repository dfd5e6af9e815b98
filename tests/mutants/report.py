"""The score of a run in words, and which survivors nobody has explained."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from enum import Enum
from hashlib import sha256

from tests.mutants.targets import Target, difference


class Fate(Enum):
    """What became of a mutant."""

    KILLED = "killed"
    LATE = "timed out"
    SURVIVED = "survived"
    NO_TEST = "no test"
    NOT_TRIED = "not tried"


HEAD = (
    "| part | mutants | not tried | killed | timed out | survived, explained | survived, unexplained "
    "| score of those tried |"
)
ALIVE = (Fate.SURVIVED, Fate.NO_TEST)


def explained(document: str) -> frozenset[str]:
    """The changes that a document explains: each a block of code that names a file and its difference."""
    blocks = re.findall(r"^```diff\n(.*?)^```", document, re.MULTILINE | re.DOTALL)
    return frozenset(block.strip() for block in blocks)


def told(target: Target) -> str:
    """A change as a document explains it: without its line, which moves."""
    return f"{target.path}\n{difference(target)}"


def sample(targets: Sequence[Target], size: int, seed: int) -> list[Target]:
    """So many of the changes, by their text alone: a line that is written anew changes no other's lot."""
    return sorted(targets, key=lambda one: sha256(f"{seed} {told(one)}".encode()).digest())[:size]


def report(fates: Sequence[tuple[Target, Fate]], known: frozenset[str]) -> tuple[str, bool]:
    """The score by part and every survivor; whether all were tried and each survivor is explained."""
    parts: dict[str, list[tuple[Target, Fate]]] = {}
    for target, fate in fates:
        parts.setdefault(_part(target), []).append((target, fate))
    lines = [HEAD, "|---|--:|--:|--:|--:|--:|--:|--:|"]
    lines += [_score(part, parts[part], known) for part in sorted(parts)]
    if len(parts) > 1:
        lines.append(_score("all", fates, known))
    alive = [(target, fate) for target, fate in fates if fate in ALIVE]
    for target, fate in alive:
        note = " (explained)" if told(target) in known else ""
        lines += ["", f"{target.name} {fate.value}{note}", difference(target)]
    is_whole = all(fate is not Fate.NOT_TRIED for _, fate in fates)
    return "\n".join([*lines, ""]), is_whole and all(told(target) in known for target, _ in alive)


def _part(target: Target) -> str:
    room = target.path.split("/")[0]
    return f"{room}: {'tables, and what runs on import' if target.is_imported else 'bodies of functions'}"


def _score(part: str, tried: Sequence[tuple[Target, Fate]], known: frozenset[str]) -> str:
    count = Counter(fate for _, fate in tried)
    alive = [target for target, fate in tried if fate in ALIVE]
    explained = sum(told(target) in known for target in alive)
    dead, untried = count[Fate.KILLED] + count[Fate.LATE], count[Fate.NOT_TRIED]
    cells = [len(tried), untried, count[Fate.KILLED], count[Fate.LATE], explained, len(alive) - explained]
    score = f"{100 * dead / (len(tried) - untried):.1f} %" if untried < len(tried) else "none"
    return f"| {part} | {' | '.join(map(str, cells))} | {score} |"
