"""`caregraph policy diff OLD [NEW]`: what became more open between two policies, and what else changed."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from policies.comparing import compared
from policies.differences import Change, Kind
from policies.snapshot import Snapshot, SnapshotUnreadable, read, snapshot
from resolvers.schema import build, classify, core_of

KEPT = "docs/policies.json"
"""Where each revision keeps its policy as data; `scripts/check` holds that it is current."""

SAME, CHANGED, UNUSABLE, OPENED = 0, 1, 2, 3


class Unusable(Exception):
    """A policy can't be had; the text says what to do."""


def run(chosen: argparse.Namespace) -> int:
    """0: the same; 1: nothing became more open; 2: a policy can't be had; 3: something became more open."""
    try:
        old, new = _policy(chosen.old), _policy(chosen.new)
    except Unusable as fault:
        print(fault, file=sys.stderr)
        return UNUSABLE
    changes = compared(old, new)
    print(_text(changes))
    if not changes:
        return SAME
    return OPENED if changes[0].kind is Kind.OPENED else CHANGED


def _policy(named: str | None) -> Snapshot:
    """The policy of a file, else of a git revision; of this code where none is named.

    Raises:
        Unusable: there is none.
    """
    if named is None:
        return snapshot(classify(core_of(build())))
    text = Path(named).read_bytes() if Path(named).is_file() else _at(named)
    try:
        return read(text)
    except SnapshotUnreadable:
        raise Unusable(
            f"`{named}` holds no policy that can be read here; render it anew: caregraph policy matrix --json"
        ) from None


def _at(revision: str) -> bytes:
    """The policy's text at a revision; nothing of the revision's code is run."""
    commit = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if commit is None:
        raise Unusable(f"`{revision}` is neither a file nor a revision of the git repository here")
    text = _git("cat-file", "blob", f"{commit.decode().strip()}:{KEPT}")
    if text is None:
        raise Unusable(
            f"revision `{revision}` has no {KEPT}; check it out, render it to a file with "
            "caregraph policy matrix --json, and name the file"
        )
    return text


def _git(*arguments: str) -> bytes | None:
    """What git prints; None where it fails."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False)  # noqa: S603, S607 - git, as the user has it
    except FileNotFoundError:
        raise Unusable("git is not installed; name files instead of revisions") from None
    return done.stdout if done.returncode == 0 else None


def _text(changes: Sequence[Change]) -> str:
    if not changes:
        return "the policies are the same"
    return "\n\n".join(
        "\n".join(_section(kind, list(of))) for kind, of in groupby(changes, key=lambda change: change.kind)
    )


def _section(kind: Kind, changes: Sequence[Change]) -> list[str]:
    count = f"{len(changes)} change{'s' if len(changes) > 1 else ''}"
    review = "; review each of them" if kind is Kind.OPENED else ""
    lines = [f"{kind.value} ({count}{review})"]
    for audience, of in groupby(changes, key=lambda change: change.audience):
        lines.append(f"  {audience}")
        lines += [f"    {change.what}: {change.how}" for change in of]
    return lines
