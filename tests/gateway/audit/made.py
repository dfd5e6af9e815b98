"""Actors, operations and trails, made up for the tests of the audit."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from gateway.audit import Audit, Coordinates, Entry, PlanRef, Record, Seals, Sink, SqliteSink
from gateway.audit.trail import files, opened
from gateway.audit.verify import Checkpoint, Verifier
from policies import Actor, Audience, Purpose, Scopes
from sources.model import PatientId

SECRET = b"made up for tests"
SEALS = Seals(SECRET)

WORKLIST = Coordinates(
    returned={"Query.patients": ("boundary-clinician-allows-schema",), "Patient.id": ("scope-held",)},
    masked={"Patient.birthDate": ("boundary-ai-masks-demographics", "masked-by-year")},
    denied={"Engagement.score": ("boundary-clinician-denies-engagement",)},
)


def actor(**changed: Any) -> Actor:
    """A clinician, signed in."""
    given: dict[str, Any] = {
        "issuer": "https://idp.example",
        "subject": "dr-lee",
        "client_id": "worklist-app",
        "audience": Audience.CLINICIAN,
        "purpose": Purpose.TREAT,
        "scopes": Scopes.parse("user/*.rs"),
        "patient": None,
        "fhir_user": "Practitioner/p1",
        "token_id": "jti-1",
        "expires_at": 2e9,
    }
    return Actor(**{**given, **changed})


def entry(trace_id: str = "t1", **changed: Any) -> Entry:
    """A worklist that was answered."""
    given: dict[str, Any] = {
        "actor": actor(),
        "kind": "query",
        "document": "d0c" * 21 + "d",
        "trace_id": trace_id,
        "operation": "Worklist",
        "plan": WORKLIST.ref(),
        "patients": [PatientId("ana"), PatientId("ben")],
        "calls": {"ehr": 2, "pms": 1},
    }
    return Entry(**{**given, **changed})


def audit(sink: Sink, **changed: Any) -> Audit:
    return Audit(sink, SECRET, "policy-1", **changed)


async def recorded(sink: Sink, entries: Sequence[Entry]) -> None:
    """Records them, one after the other."""
    auditing = audit(sink)
    async with auditing.running():
        for each in entries:
            await auditing.record(each)


def trail(directory: Path, count: int, **sink: Any) -> Path:
    """A trail of that many records, each with a plan of its own or one of another's."""
    entries = [entry(f"t{n}", plan=plan(n % 3)) for n in range(1, count + 1)]
    asyncio.run(recorded(SqliteSink(directory, SEALS, **sink), entries))
    return directory


def plan(number: int) -> PlanRef:
    return Coordinates({f"Patient.field{number}": ("scope-held",)}, {}, {}).ref()


def verified(path: Path, *, is_sealed: bool = False, checkpoints: Sequence[Checkpoint] = ()) -> Verifier:
    """What is found of the trail at *path*."""
    verifier = Verifier(SEALS if is_sealed else None, checkpoints, is_all=path.is_dir())
    for file in files(path):
        with opened(file) as part:
            verifier.part(part)
    verifier.end()
    return verifier


def faults(path: Path, **how: Any) -> list[str]:
    return [str(fault) for fault in verified(path, **how).faults]


def records(path: Path) -> list[Record]:
    """All records of the trail, in order."""
    found: list[Record] = []
    for file in files(path):
        with opened(file) as part:
            found += [stored.record() for stored in part.records]
    return found


def checkpoints(directory: Path) -> list[Checkpoint]:
    """Those that lie beside the trail."""
    return [Checkpoint.of(line) for line in (directory / "checkpoints").read_text().splitlines()]


def checkpoint(file: Path) -> Checkpoint:
    """Where the chain in that file stands, as an operator would keep it."""
    with opened(file) as part:
        there = Checkpoint(part.span.chain, part.span.end, b"")
    return there._replace(seal=SEALS.of(there.span))


def tampered(file: Path, *statements: str) -> None:
    """Changes a trail's file behind its back, by SQL."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER IF EXISTS records_stay")
        connection.execute("DROP TRIGGER IF EXISTS records_last")
        for statement in statements:
            connection.execute(statement)
