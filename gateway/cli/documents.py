"""`caregraph schema` and `caregraph policy matrix`: what is made from code, printed or checked."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from gateway.cli.explaining import actor_of
from gateway.visibility.view import view
from policies import Policy, render
from policies.snapshot import snapshot, written
from resolvers.schema import build, classify, core_of, sdl
from sandbox.idp import personas


def schema(chosen: argparse.Namespace) -> int:
    """The schema definition language text of the graph, or of what a persona sees of it."""
    full = core_of(build())
    if chosen.persona is None:
        return _printed(sdl(full), chosen.check)
    grant = Policy(classify(full)).grant(actor_of(personas()[chosen.persona]))
    return _printed(sdl(view(full, grant)), chosen.check)


def matrix(chosen: argparse.Namespace) -> int:
    """Who may read what, for review."""
    coordinates = classify(core_of(build()))
    text = written(snapshot(coordinates)) if chosen.json else render(coordinates)
    return _printed(text, chosen.check)


def _printed(text: str, check: Path | None) -> int:
    if check is None:
        sys.stdout.write(text)
        return 0
    if check.is_file() and check.read_text(encoding="utf-8") == text:
        return 0
    print(f"{check} is not current; run scripts/fix and review what changed", file=sys.stderr)
    return 1
