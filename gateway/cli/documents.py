"""`caregraph schema` and `caregraph policy`: what is made from code, printed or checked to be current."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from policies import render
from resolvers.schema import build, classify, core_of, sdl


def _add_schema(commands: Any) -> None:
    parser = commands.add_parser("schema", help="print the GraphQL schema")
    parser.add_argument("--check", type=Path, metavar="FILE", help="only say whether FILE holds it")
    parser.set_defaults(run=lambda chosen: _printed(sdl(core_of(build())), chosen.check))


def _add_policy(commands: Any) -> None:
    parser = commands.add_parser("policy", help="show who may read what, and why")
    kinds = parser.add_subparsers(metavar="WHAT", required=True)
    matrix = kinds.add_parser("matrix", help="every field and audience, as Markdown")
    matrix.add_argument("--check", type=Path, metavar="FILE", help="only say whether FILE holds it")
    matrix.set_defaults(run=lambda chosen: _printed(_matrix(), chosen.check))
    explain = kinds.add_parser("explain", help="what a persona's query would read, and what it may not")
    explain.add_argument("--as", dest="persona", required=True, metavar="PERSONA", help="who asks")
    explain.add_argument("query", help="the document, or - to read it from standard input")
    explain.set_defaults(run=_explain)


COMMANDS = (SimpleNamespace(add_to=_add_schema), SimpleNamespace(add_to=_add_policy))


def _matrix() -> str:
    return render(classify(core_of(build())))


def _printed(text: str, check: Path | None) -> int:
    if check is None:
        sys.stdout.write(text)
        return 0
    if check.is_file() and check.read_text(encoding="utf-8") == text:
        return 0
    print(f"{check} is not current; run scripts/fix and review what changed", file=sys.stderr)
    return 1


def _explain(chosen: argparse.Namespace) -> int:
    from gateway.cli.explaining import explained

    query = sys.stdin.read() if chosen.query == "-" else chosen.query
    text, code = explained(query, chosen.persona)
    print(text, file=sys.stdout if code == 0 else sys.stderr)
    return code
