"""`caregraph audit verify | list | export | sql`: what was recorded, and whether it still is."""

from __future__ import annotations

import argparse
import sys
from collections import deque
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path

import msgspec

from gateway.audit import Record, Seals
from gateway.audit.choosing import secret_of
from gateway.audit.fhir import events
from gateway.audit.postgresql_schema import DEFINITION, grants
from gateway.audit.pseudonyms import Pseudonyms
from gateway.audit.trail import (
    Part,
    RecordUnreadable,
    Stored,
    TrailMissing,
    TrailUnreachable,
    TrailUnreadable,
)
from gateway.audit.trails import InFiles, InPostgres, Trail, named
from gateway.audit.verify import Checkpoint, Verifier
from gateway.configuration import Secret, SettingsError
from gateway.settings import Settings, read_settings
from policies import BREAK_GLASS

SHOWN = 20
"""How many faults are printed before the rest is only counted."""


class Unusable(Exception):
    """The command can't be carried out; the text says what to do."""


Command = Callable[[argparse.Namespace], int]


def _told(command: Command) -> Command:
    """Says in words what is wrong with what the command was given."""

    @wraps(command)
    def told(chosen: argparse.Namespace) -> int:
        try:
            return command(chosen)
        except TrailUnreadable as fault:
            print(fault, file=sys.stderr)
            return 1
        except (TrailMissing, TrailUnreachable, SettingsError, Unusable) as fault:
            print(fault, file=sys.stderr)
        return 2

    return told


@_told
def verify(chosen: argparse.Namespace) -> int:
    """0: the trail is whole; 1: it is not."""
    trail, secret = _trail(chosen), _secret(chosen)
    seals = Seals(secret) if secret is not None else None
    verifier = Verifier(seals, _checkpoints(chosen, trail), is_all=trail.is_all)
    for part in trail.parts():
        verifier.part(part)
    verifier.end()
    for fault in verifier.faults[:SHOWN]:
        print(fault)
    if len(verifier.faults) > SHOWN:
        print(f"and {len(verifier.faults) - SHOWN} more")
    if verifier.faults:
        return 1
    print(_whole(verifier))
    return 0


def _whole(verifier: Verifier) -> str:
    head = verifier.head
    if head is None or verifier.count == 0:
        return "no records yet"
    seals = "sealed by us" if verifier.seals is not None else "seals not checked: give --secret-file"
    return (
        f"records {verifier.first} to {head.seq} are all there and unchanged"
        f" ({seals}; {len(verifier.checkpoints)} checkpoints); the last has hash {head.hash.hex()}"
    )


@_told
def show(chosen: argparse.Namespace) -> int:
    """The last records, a line each."""
    whose = _pseudonyms(chosen)
    records = (
        (stored.seq, record)
        for _, stored, record in _records(_trail(chosen))
        if whose is None or not whose.isdisjoint(_people(record))
    )
    for seq, record in deque(records, maxlen=chosen.last):
        print(_line(seq, record))
    return 0


@_told
def export(chosen: argparse.Namespace) -> int:
    """The records as NDJSON: AuditEvents, or as they are kept."""
    for part, stored, record in _records(_trail(chosen)):
        if stored.seq <= chosen.after:
            continue
        plan = part.plans.get(record.plan) if record.plan is not None else None
        if chosen.fhir:
            body = plan if isinstance(plan, bytes) else None
            for event in events(part.span.chain, stored.seq, record, body, chosen.gateway):
                _print(event)
        else:
            coordinates = msgspec.Raw(plan) if isinstance(plan, bytes) else None
            _print({"seq": stored.seq, "record": record, "coordinates": coordinates})
    return 0


def _print(value: object) -> None:
    print(msgspec.json.encode(value).decode())


def sql(chosen: argparse.Namespace) -> int:
    """What the owner of a database runs before gateways record there."""
    sys.stdout.write(DEFINITION + (grants(chosen.role) if chosen.role is not None else ""))
    return 0


def _records(trail: Trail) -> Iterator[tuple[Part, Stored, Record]]:
    for part in trail.parts():
        for stored in part.records:
            try:
                yield part, stored, stored.record()
            except RecordUnreadable:
                print(f"record {stored.seq} can't be read; try `caregraph audit verify`", file=sys.stderr)


def _trail(chosen: argparse.Namespace) -> Trail:
    """The one that is named; or else that of the settings."""
    if chosen.path is not None and chosen.url is not None:
        raise Unusable("name a path or a --url, not both")
    if chosen.path is not None:
        return InFiles(chosen.path)
    if chosen.url is not None:
        return InPostgres(Secret(chosen.url))
    return named(_settings(chosen).audit)


def _settings(chosen: argparse.Namespace) -> Settings:
    return read_settings(chosen.config)


def _line(seq: int, record: Record) -> str:
    who = f"{record.audience} {record.subject} through {record.client_id}, {record.purpose}"
    what = f"{record.kind} {record.operation or record.document[:12]}"
    people = len(record.patients) + len(record.charts)
    glass = f"  {BREAK_GLASS}" if record.emergency is not None else ""
    calls = " ".join(f"{source}:{count}" for source, count in record.calls.items()) or "none"
    errors = " ".join(f"{code}:{count}" for code, count in record.errors.items()) or "none"
    return (
        f"{seq}  {record.at.isoformat(timespec='seconds')}  {who}  {what}  patients {people}"
        f"  calls {calls}  {record.outcome.value}  errors {errors}  trace {record.trace_id}{glass}"
    )


def _people(record: Record) -> Iterator[str]:
    yield from record.patients
    yield from record.charts
    if record.on_behalf_of is not None:
        yield record.on_behalf_of


def _pseudonyms(chosen: argparse.Namespace) -> set[str] | None:
    """Those of the patient asked for, by id and by MRN; None where none was asked for."""
    if chosen.patient is None:
        return None
    secret = _secret(chosen)
    if secret is None:
        raise Unusable(
            "--patient needs --secret-file: without the secret nobody can tell whose records they are"
        )
    patient = sys.stdin.readline().strip() if chosen.patient == "-" else chosen.patient
    names = Pseudonyms(secret)
    return {names.patient(patient), names.chart(patient)}


def _secret(chosen: argparse.Namespace) -> bytes | None:
    """That of the file that is named; that of the settings, where the trail is theirs."""
    if chosen.secret_file is not None:
        return _text(chosen.secret_file).strip().encode()
    if chosen.path is None and chosen.url is None:
        return secret_of(_settings(chosen)).reveal().encode()
    return None


def _checkpoints(chosen: argparse.Namespace, trail: Trail) -> list[Checkpoint]:
    """Those beside the trail, and those kept elsewhere."""
    beside = trail.checkpoints
    lines = _text(beside).splitlines() if beside is not None and beside.is_file() else []
    if chosen.checkpoints is not None:
        lines += _text(chosen.checkpoints).splitlines()
    try:
        return [Checkpoint.of(line) for line in lines]
    except ValueError:
        raise Unusable("the checkpoints can't be read: a line was cut or changed") from None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise Unusable(f"`{path}` can't be read; give a readable text file") from None
