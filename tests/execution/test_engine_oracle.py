"""Whatever is asked of the awkward schema, by whomever, the engine answers as graphql-core does."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator

import pytest
from graphql import parse, validate
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from gateway.execution.collect import Opaque
from gateway.execution.engine import Engine
from gateway.execution.plan import Follow, OfRow, Plan
from resolvers.wiring import type_of
from tests.execution.awkward import ROADS, awkward
from tests.execution.comparing import Asked, BadVariables, account_of, by_core, by_engine, differences
from tests.execution.grants import Drawn
from tests.execution.operations import Request, requests
from tests.execution.plans import faults_of_policy, fields_of
from tests.execution.worlds import CALM, GRUFF, WILD, World, WorldRoads

FEW = 250
MANY = 5250
"""Requests of one test in `scripts/test`, and in each part of the deep one."""

PARTS = 4

SCHEMA = awkward()

# graphql-core drops the coroutines of fields whose parent has become null.
pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine '.*' was never awaited:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

unhurried = settings(
    deadline=None,  # a busy machine fails no property
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

seeds = st.integers(0, 2**32 - 1)
worlds = st.builds(World, seeds, st.sampled_from([CALM, GRUFF, GRUFF, WILD]))
grants = st.builds(Drawn, seeds, st.sampled_from([0, 40, 200]), st.sampled_from([0, 80]))
questions = requests(SCHEMA, kinds=("query", "query", "mutation"))


@pytest.fixture(scope="module", name="runner")
def one_event_loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner
    gc.collect()


@pytest.fixture(autouse=True)
def nothing_left_for_other_tests() -> Iterator[None]:
    """Collects what graphql-core dropped while its warnings are still being ignored."""
    yield
    gc.collect()


async def compared(request_: Request, world: World, grant: Drawn) -> list[str]:
    """What is wrong with the engine's answer to a request."""
    document = parse(request_.text)
    invalid = validate(SCHEMA, document)
    assert not invalid, f"the generator wrote what is not valid: {invalid}"
    asked = Asked(
        SCHEMA,
        document,
        request_.name,
        request_.variables,
        grant,
        lambda _: WorldRoads(World(world.seed, world.rates)),
    )
    try:
        mine, plan, roads = await by_engine(asked, Engine(SCHEMA, type_of))
    except (Opaque, BadVariables) as skipped:
        event(f"not compared: {skipped!r}")
        return []
    theirs = await by_core(asked)
    found = differences(mine, theirs, await account_of(asked))
    return [*found, *faults_of_policy(plan, SCHEMA, grant), *unplanned(plan, roads)]


def unplanned(plan: Plan, roads: WorldRoads) -> list[str]:
    """What was read or asked that the plan does not hold."""
    planned = list(fields_of(plan))
    read = {(f.coordinate.type, f.attribute.name) for f in planned if isinstance(f, OfRow)}
    read |= {(f.coordinate.type, f.edge.key) for f in planned if isinstance(f, Follow) and f.edge.key}
    along = {ROADS.get(f.edge.through, f.edge.through.__name__) for f in planned if isinstance(f, Follow)}
    found = [f"{name} was read" for name in roads.world.read - read]
    return found + [f"{road} was asked" for road, _ in roads.asked if road not in along]


@settings(unhurried, max_examples=FEW)
@given(questions, worlds)
def test_the_engine_answers_as_graphql_core_does(
    runner: asyncio.Runner, request_: Request, world: World
) -> None:
    assert runner.run(compared(request_, world, Drawn(0, 0, 0))) == []


@settings(unhurried, max_examples=FEW)
@given(questions, worlds, grants)
def test_the_engine_answers_as_graphql_core_does_whatever_policy_denies_and_masks(
    runner: asyncio.Runner, request_: Request, world: World, grant: Drawn
) -> None:
    assert runner.run(compared(request_, world, grant)) == []


@pytest.mark.deep
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", range(PARTS))
def test_the_engine_answers_thousands_of_requests_as_graphql_core_does(part: int) -> None:
    count = 0

    @settings(unhurried, max_examples=MANY, database=None)
    @given(questions, worlds, grants)
    def answers(request_: Request, world: World, grant: Drawn) -> None:
        nonlocal count
        count += 1
        assert runner.run(compared(request_, world, grant)) == []

    with asyncio.Runner() as runner:
        answers()
    assert count >= MANY
