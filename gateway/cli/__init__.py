"""The command line: `caregraph serve | check | demo | token | change | schema | policy | audit |
quarantine`.

Commands are parsed here and imported only when they are run: printing a token should not load a gateway.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

PORT = 8400
LAST_PORT = 65_530
"""The sandbox has the five ports after the demo's."""
PERSONAS = ("clinician", "patient", "frontdesk", "partner", "marketer", "ai")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command. 0: done; 1: it could not be done; 2: the command, or a setting, can't be used."""
    chosen = _parser().parse_args(arguments)
    try:
        return int(chosen.run(chosen))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 141


def _run(module: str, name: str = "run") -> Callable[[argparse.Namespace], int]:
    def run(chosen: argparse.Namespace) -> int:
        command: Callable[[argparse.Namespace], int] = getattr(import_module(f"gateway.cli.{module}"), name)
        return command(chosen)

    return run


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="caregraph", description="A live GraphQL over the EHR, the PMS and the CRM."
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    serve = commands.add_parser("serve", help="run the gateway")
    serve.add_argument("--config", type=Path, help="settings, as in docs/caregraph.toml")
    serve.set_defaults(run=_run("serve"))

    check = commands.add_parser("check", help="try every source and service the settings name")
    check.add_argument("--config", type=Path, help="settings, as in docs/caregraph.toml")
    check.add_argument("--json", action="store_true", help="what was found as JSON, a line each")
    check.set_defaults(run=_run("checking"))

    demo = commands.add_parser("demo", help="run the sandbox and the gateway over it")
    _add_port(demo, "the gateway's port; the next five are the sandbox's")
    demo.add_argument("--data", type=Path, metavar="DIR", help="FHIR R4 NDJSON files or Bundles to serve")
    demo.add_argument(
        "--patients", type=_number(1), default=100, help="how many to make up (default: %(default)s)"
    )
    demo.add_argument(
        "--pms", choices=("rest", "hl7v2", "files"), default="rest", help="how its practice tells what it has"
    )
    demo.add_argument("--move-every", type=float, metavar="S", help="change an appointment every S seconds")
    demo.set_defaults(run=_run("demo"))

    token = commands.add_parser("token", help="print an access token of the sandbox, for scripts")
    token.add_argument("persona", choices=PERSONAS, help="whose token")
    _add_port(token)
    token.add_argument("--scope", help="scopes to ask for (default: all the persona has)")
    token.set_defaults(run=_run("token"))

    change = commands.add_parser("change", help="change an appointment in the sandbox's PMS")
    change.add_argument("id", nargs="?", help="the appointment (default: the first that is booked)")
    _add_port(change)
    change.add_argument("--reason", default="Moved by telephone", help="its new reason")
    change.set_defaults(run=_run("change"))

    schema = commands.add_parser("schema", help="print the GraphQL schema")
    schema.add_argument("--as", dest="persona", choices=PERSONAS, help="only what this persona sees of it")
    _add_check(schema)
    schema.set_defaults(run=_run("documents", "schema"))

    policy = commands.add_parser("policy", help="show who may read what, and why")
    kinds = policy.add_subparsers(metavar="WHAT", required=True)
    matrix = kinds.add_parser("matrix", help="every field and audience, as Markdown")
    matrix.add_argument("--json", action="store_true", help="as data, to be compared")
    _add_check(matrix)
    matrix.set_defaults(run=_run("documents", "matrix"))
    diff = kinds.add_parser("diff", help="what became more open, and what else changed")
    diff.add_argument("old", help="a git revision, or a file of `policy matrix --json`")
    diff.add_argument("new", nargs="?", help="the same (default: the policy of this code)")
    diff.set_defaults(run=_run("comparing"))
    explain = kinds.add_parser("explain", help="what a persona's query would read, what it may not, and why")
    explain.add_argument("--as", dest="persona", required=True, choices=PERSONAS, help="who asks")
    explain.add_argument("--variables", default="{}", metavar="JSON", help="the query's variables")
    explain.add_argument("query", help="the document, or - to read it from standard input")
    explain.set_defaults(run=_run("explaining"))

    _add_audit(commands.add_parser("audit", help="what was recorded of the operations"))
    _add_quarantine(commands.add_parser("quarantine", help="what sources sent and was refused"))
    return parser


def _add_audit(audit: argparse.ArgumentParser) -> None:
    kinds = audit.add_subparsers(metavar="WHAT", required=True)
    verify = kinds.add_parser("verify", help="whether every record is there, unchanged and in its place")
    verify.add_argument("--checkpoints", type=Path, metavar="FILE", help="those that were kept elsewhere")
    verify.set_defaults(run=_run("audit", "verify"))
    show = kinds.add_parser("list", help="the last records, a line each")
    show.add_argument(
        "--last", type=_number(1), default=20, metavar="N", help="how many (default: %(default)s)"
    )
    show.add_argument("--patient", metavar="ID", help="only this patient's; EHR id or MRN, - to read it")
    show.set_defaults(run=_run("audit", "show"))
    export = kinds.add_parser("export", help="the records as NDJSON")
    export.add_argument("--fhir", action="store_true", help="as AuditEvents, IHE BALP")
    export.add_argument(
        "--after", type=_number(0), default=0, metavar="N", help="only those after this number"
    )
    export.add_argument("--gateway", metavar="URL", help="the gateway's address, to stand in AuditEvents")
    export.set_defaults(run=_run("audit", "export"))
    sql = kinds.add_parser("sql", help="what PostgreSQL needs before gateways record there, for psql")
    sql.add_argument("--role", help="the gateways' role, to be granted INSERT and SELECT and nothing else")
    sql.set_defaults(run=_run("audit", "sql"))
    for parser in (verify, show, export):
        parser.add_argument("path", type=Path, nargs="?", help="the trail's directory, or one of its files")
        parser.add_argument("--url", help="the trail's database: postgresql://…, its password from ~/.pgpass")
        parser.add_argument("--config", type=Path, help="neither: the trail of these settings")
    for parser in (verify, show):
        parser.add_argument("--secret-file", type=Path, metavar="FILE", help="holds `audit.secret`")


def _add_quarantine(quarantine: argparse.ArgumentParser) -> None:
    kinds = quarantine.add_subparsers(metavar="WHAT", required=True)
    listed = kinds.add_parser("list", help="all of it, a line for each source and reason")
    listed.add_argument("--source", metavar="NAME", help="only this source's")
    listed.set_defaults(run=_run("quarantine", "show_all"))
    shown = kinds.add_parser("show", help="all that is known of one entry")
    shown.set_defaults(run=_run("quarantine", "show"))
    shown.add_argument(
        "--body", type=int, metavar="N", help="what it keeps under #N, as it came: patient data"
    )
    release = kinds.add_parser(
        "release", help="allow the field that an entry tells of, or try again what feeds keep whole"
    )
    release.add_argument("--by", help="who releases a field (default: the user of this machine)")
    release.add_argument(
        "--anyway", action="store_true", help="whatever a file deletes, and however many of its rows are bad"
    )
    release.set_defaults(run=_run("quarantine", "release"))
    drop = kinds.add_parser("drop", help="let go of an entry, or take back a release, SOURCE:FIELD")
    drop.set_defaults(run=_run("quarantine", "drop"))
    for parser in (listed, shown, release, drop):
        if parser is release:
            parser.add_argument("id", nargs="+", help="as `list` tells it")
        elif parser is not listed:
            parser.add_argument("id", help="as `list` tells it")
        parser.add_argument("--json", action="store_true", help="as JSON, a line each")
        where = parser.add_mutually_exclusive_group()
        where.add_argument(
            "--path", type=Path, metavar="FILE", help="the file of the quarantine, without what feeds keep"
        )
        where.add_argument("--config", type=Path, help="all that these settings name")


def _number(least: int, most: int | None = None) -> Callable[[str], int]:
    """A whole number of at least *least* and at most *most*, for argparse to ask for in those words."""
    wanted = f"give a whole number, {least} or more" if most is None else f"give {least} to {most}"

    def number(text: str) -> int:
        try:
            given = int(text)
        except ValueError:
            given = least - 1
        if given < least or (most is not None and given > most):
            raise argparse.ArgumentTypeError(wanted)
        return given

    return number


def _add_port(parser: argparse.ArgumentParser, help: str = "the demo's port") -> None:
    parser.add_argument(
        "--port", type=_number(1, LAST_PORT), default=PORT, help=f"{help} (default: %(default)s)"
    )


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--check", type=Path, metavar="FILE", help="only say whether FILE holds it")
