"""`python -m benchmarks.engine.plans`: what finding a plan, keeping plans and policy cost."""

from __future__ import annotations

import statistics
import time
import tracemalloc
from collections.abc import Callable

import uvloop
from graphql.execution.values import VariableValues

from benchmarks.engine import declared, rows
from gateway.execution.engine import Engine, Prepared
from gateway.execution.run import run
from gateway.operations import Operations
from gateway.settings import Limits
from policies import Actor, Audience, Coordinate, Decision, Effect, Policy, Purpose, Scopes
from resolvers.schema import classify

ROUNDS = 9
DOCUMENTS = 10_000
SCOPES = Scopes.parse("user/*.rs")
ACTOR = Actor("i", "s", "c", Audience.CLINICIAN, Purpose.TREAT, SCOPES, None, "Practitioner/p", "t", 0)


class Everything:
    """A grant with nothing to decide."""

    key = "everything"

    def decide(self, coordinate: Coordinate) -> Decision:
        return Decision(Effect.ALLOW, ())


def type_of(row: object) -> str:
    return type(row).__name__


def best(call: Callable[[], object], count: int = 2_000) -> float:
    """Microseconds a call: the median of several rounds."""
    samples = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(count):
            call()
        samples.append((time.perf_counter() - started) / count * 1e6)
    return statistics.median(samples)


def finding() -> float:
    """From the document's text and the actor to the plan, all of it seen before."""
    operations = Operations(declared.schema, Limits())
    engine = Engine(declared.schema, type_of)
    policy = Policy(classify(declared.schema))
    query = rows.QUERIES["worklist of 50 × (3 + 4 + 1)"]
    prepared: dict[str, Prepared] = {}

    def find() -> object:
        operation = operations.find(query)
        if operation.hash not in prepared:
            made = Prepared.of(operation.hash, operation.document, operation.definition)
            prepared[operation.hash] = made
        return engine.plan(prepared[operation.hash], policy.grant(ACTOR), {})

    return best(find)


def keeping() -> tuple[float, int, int]:
    """Megabytes kept after that many distinct documents, and how many documents and plans are among them."""
    operations = Operations(declared.schema, Limits())
    engine = Engine(declared.schema, type_of)
    grant = Policy(classify(declared.schema)).grant(ACTOR)
    tracemalloc.start()
    for number in range(DOCUMENTS):
        operation = operations.find(f"query Q{number} {{ one {{ id a b c }} tree {{ children {{ id }} }} }}")
        prepared = Prepared.of(operation.hash, operation.document, operation.definition)
        engine.plan(prepared, grant, {})
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return kept / 1e6, len(operations), len(engine)


async def deciding() -> float:
    """A run planned under policy, in runs planned with nothing to decide."""
    operations = Operations(declared.schema, Limits())
    operation = operations.find(rows.QUERIES["worklist of 50 × (3 + 4 + 1)"])
    prepared = Prepared.of(operation.hash, operation.document, operation.definition)
    engine = Engine(declared.schema, type_of)
    policy = Policy(classify(declared.schema))
    nothing = VariableValues({}, {})

    async def timed(decided: bool) -> float:
        started = time.perf_counter()
        for _ in range(200):
            grant = policy.grant(ACTOR) if decided else Everything()
            loaders = declared.Loaders()
            await run(engine.plan(prepared, grant, {}), loaders, nothing)
            loaders.tasks.cancel()
        return time.perf_counter() - started

    pairs = [(await timed(decided=True), await timed(decided=False)) for _ in range(ROUNDS)]
    return statistics.median(decided / free for decided, free in pairs)


def main() -> None:
    print(f"plan found in the cache, from document and actor: {finding():.1f} µs (aim: under 50)")
    megabytes, documents, plans = keeping()
    print(f"{DOCUMENTS:,} distinct documents: {documents:,} and {plans:,} plans kept, {megabytes:.0f} MB")
    ratio = uvloop.run(deciding())
    print(
        f"a run with policy on every field, in runs with nothing to decide: {ratio:.3f} (aim: at most 1.05)"
    )


if __name__ == "__main__":
    main()
