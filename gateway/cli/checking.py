"""`caregraph check`: whether all that the settings name answers, and what it is."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from gateway.checking import Finding, findings
from gateway.settings import Settings, SettingsError, read_settings


def run(chosen: argparse.Namespace) -> int:
    """0: all of it can be used; 1: something cannot; 2: the settings can't be read."""
    try:
        settings = read_settings(chosen.config)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    return asyncio.run(_run(settings, as_json=chosen.json))


async def _run(settings: Settings, *, as_json: bool) -> int:
    is_all_well = True
    async for finding in findings(settings):
        is_all_well &= finding.ok
        print(json.dumps(finding._asdict()) if as_json else _lines(finding), flush=True)
    if not as_json:
        print("\nall of it can be used" if is_all_well else "\nwhat is marked with ✗ cannot be used")
    return 0 if is_all_well else 1


def _lines(finding: Finding) -> str:
    first, *rest = finding.said or ("",)
    lines = [f"{'✓' if finding.ok else '✗'} {finding.at:<20} {first}"]
    return "\n".join([*lines, *(f"{'':23}{line}" for line in rest)])
