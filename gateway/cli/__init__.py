"""The command line: `caregraph serve | demo | token | change | schema | policy`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from gateway.cli import change, demo, documents, serve, token

COMMANDS = (serve, demo, token, change, *documents.COMMANDS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command. 0: done; 1: it could not be done; 2: the command, or a setting, can't be used."""
    parser = argparse.ArgumentParser(
        prog="caregraph", description="A live GraphQL over the EHR, the PMS and the CRM."
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_to(commands)
    chosen = parser.parse_args(arguments)
    try:
        return int(chosen.run(chosen))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 141
