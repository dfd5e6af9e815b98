"""The CPU time that one record takes, from what the operation tells to what lies in the sink."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

from gateway.audit import Audit, Coordinates, Entry, Outcome, PlanRef, Sink
from policies import Actor, Audience, Purpose, Scopes
from sources.model import PatientId

ROUNDS = 7
RECORDS = 400
AT_ONCE = 16
PATIENTS = [PatientId(f"pat-{number:06}") for number in range(50)]
ACTOR = Actor(
    "https://idp.example",
    "dr-lee",
    "worklist-app",
    Audience.CLINICIAN,
    Purpose.TREAT,
    Scopes.parse("user/*.rs"),
    None,
    "Practitioner/p",
    "jti",
    0,
)
DOCUMENT = "d0c" * 21 + "d"


class Cost(NamedTuple):
    """CPU milliseconds a record, of all threads: each in a transaction of its own, and several at once."""

    alone: float
    at_once: float


def cost(sink: Callable[[], Sink]) -> Cost:
    """What a worklist's record costs with that sink: the medians of several rounds."""
    return asyncio.run(_cost(sink()))


async def _cost(sink: Sink) -> Cost:
    audit = Audit(sink, b"of the benchmark", "policy-1", timeout_s=60)
    plan = Coordinates({f"Patient.field{n}": ("scope-held",) for n in range(12)}, {}, {}).ref()
    async with audit.running():
        await _taken(audit, plan, 1)
        alone = [await _taken(audit, plan, 1) for _ in range(ROUNDS)]
        at_once = [await _taken(audit, plan, AT_ONCE) for _ in range(ROUNDS)]
    return Cost(statistics.median(alone), statistics.median(at_once))


async def _taken(audit: Audit, plan: PlanRef, at_once: int) -> float:
    numbers = iter(range(RECORDS))

    async def record() -> None:
        for number in numbers:
            await audit.record(_worklist(plan, f"{number:032x}"))

    started = time.process_time()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(at_once):
            tasks.create_task(record())
    return (time.process_time() - started) * 1e3 / RECORDS


def _worklist(plan: PlanRef, trace_id: str) -> Entry:
    return Entry(
        actor=ACTOR,
        kind="query",
        document=DOCUMENT,
        trace_id=trace_id,
        operation="Worklist",
        plan=plan,
        patients=set(PATIENTS),
        calls={"ehr": 2, "pms": 1, "crm": 1},
        outcome=Outcome.ANSWERED,
    )
