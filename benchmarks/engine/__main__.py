"""`python -m benchmarks.engine`: prints how many times the engine is faster than Strawberry's own executor.

Both have parsed and validated before; both end in bytes of JSON; policy decides every field on our side. Each
figure is the median of several interleaved rounds in this process.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import uvloop
from graphql import parse
from graphql.execution.values import VariableValues

from benchmarks.engine import declared, plain, rows
from gateway.execution.collect import operation_of
from gateway.execution.engine import Engine, Prepared
from gateway.execution.run import run
from policies import Actor, Audience, Policy, Purpose, Scopes
from resolvers.schema import classify

ROUNDS = 7
AIMS = {"flat object": 3.0}
AIM = 15.0
NOTHING = VariableValues({}, {})

Once = Callable[[], Awaitable[bytes]]


def ours(query: str) -> Once:
    """One request through the engine: grant, plan from the cache, run, encode."""
    engine = Engine(declared.schema, lambda row: type(row).__name__)
    policy = Policy(classify(declared.schema))
    document = parse(query)
    prepared = Prepared.of(query, document, operation_of(document, None))
    scopes = Scopes.parse("user/*.rs")
    actor = Actor("i", "s", "c", Audience.CLINICIAN, Purpose.TREAT, scopes, None, "Practitioner/p", "t", 0)

    async def once() -> bytes:
        plan = engine.plan(prepared, policy.grant(actor), {})
        loaders = declared.Loaders()
        result = await run(plan, loaders, NOTHING)
        loaders.tasks.cancel()
        return msgspec.json.encode({"data": result.data})

    return once


def theirs(query: str) -> Once:
    """One request through Strawberry's executor, encoded by the same library."""

    async def once() -> bytes:
        result = await plain.schema.execute(query, context_value=plain.context())
        return msgspec.json.encode({"data": result.data})

    return once


async def timed(once: Once, seconds: float = 0.4) -> float:
    """Seconds a request, over as many as fit in *seconds*."""
    count, started = 0, time.perf_counter()
    while (taken := time.perf_counter() - started) < seconds:
        await once()
        count += 1
    return taken / count


async def main() -> int:
    gc.collect()
    gc.freeze()
    print("| shape | Strawberry, ms | engine, ms | times faster | aim |")
    print("| --- | ---: | ---: | ---: | ---: |")
    missed = 0
    for shape, query in rows.QUERIES.items():
        pair: tuple[Once, Once] = (theirs(query), ours(query))
        same: list[Any] = [await once() for once in pair]
        if same[0] != same[1]:
            print(f"| {shape} | different answers | | | |")
            return 1
        samples = [(await timed(pair[0]), await timed(pair[1])) for _ in range(ROUNDS)]
        theirs_ms = statistics.median(sample[0] for sample in samples) * 1e3
        ours_ms = statistics.median(sample[1] for sample in samples) * 1e3
        ratio = statistics.median(sample[0] / sample[1] for sample in samples)
        aim = AIMS.get(shape, AIM)
        missed += ratio < aim
        print(f"| {shape} | {theirs_ms:.3f} | {ours_ms:.3f} | {ratio:.1f} | {aim:g} |")
    print(
        "\n`python -m benchmarks.engine`, medians of",
        ROUNDS,
        "rounds;",
        "all met" if not missed else f"{missed} missed",
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(uvloop.run(main()))
