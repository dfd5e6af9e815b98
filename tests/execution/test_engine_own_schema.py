"""Whatever is asked of the graph itself, the engine answers as graphql-core does, and asks for no more.

By whomever it is asked, over sources that fail.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import pytest
from graphql import GraphQLError, GraphQLSchema, OperationType, get_variable_values, parse, validate
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from gateway.execution.collect import Opaque
from gateway.execution.engine import Engine, Prepared
from gateway.execution.events import events_wanted
from gateway.execution.inputs import Refused
from gateway.execution.plan import Plan
from gateway.graph import Happened
from gateway.operations import Operations
from gateway.settings import Limits
from gateway.visibility import Explainer
from policies import (
    DEFAULT_PURPOSE,
    Actor,
    ActorNames,
    Audience,
    Coordinate,
    Decision,
    Effect,
    Grant,
    Policy,
    RowConditions,
    RowRule,
    Scopes,
)
from resolvers.consents import NoConsents
from resolvers.cursors import Seal
from resolvers.faults import BadInput
from resolvers.house import House, Sources
from resolvers.loaders import Loaders
from resolvers.schema import build, classify, core_of
from resolvers.wiring import type_of
from sources.model import CareKey, ChangeKind, ChangeType, PatientId, Told
from tests.execution.comparing import Asked, BadVariables, account_of, by_core, by_engine, differences
from tests.execution.grants import Drawn
from tests.execution.made_up import PATIENTS, MadeUp, OpenSeal
from tests.execution.operations import Request, requests
from tests.execution.plans import faults_of_policy

FEW = 150
MANY = 2600
PARTS = 2
"""Requests of the test in `scripts/test`, and in each part of the deep one."""

# graphql-core drops the coroutines of fields whose parent has become null.
pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine '.*' was never awaited:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

unhurried = settings(
    deadline=None,  # a busy machine fails no property
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

IDS = (
    *(
        "Patient/p0",
        "Encounter/p0-1",
        "Patient/p3",
        "Observation/p1-0",
        "Appointment/p2-0",
        "Practitioner/d1",
    ),
    *("Condition/p2-1", "MedicationRequest/p1-1", "Sock/1", "Patient/", "p1"),
)

VALUES: Mapping[str, tuple[Any, ...]] = {
    "first": (2, 3, 1, 20, 2, 0, 500, 4, 3, -1, 501),
    "after": ("at:0", "at:1", "at:0", "at:2", "at:0", "at:1", "no cursor", "1:2:3"),
    "status": ("booked", "arrived", "cancelled", "fulfilled", "noshow", "no status"),
    "from": ("2026-01-31", "2026-01-31T10:00:00Z", "2020-01-01", "2021-01-01", "soon"),
    "to": ("2026-12-31", "2027-01-01", "2026-12-31T10:00:00Z", "soon"),
    "birthDate": ("1990-01-01", "1931-02-03", "long ago"),
    "node.id": IDS,
    "nodes.ids": IDS,
    "document": ("{ patients { nodes { name { family } } } }", "{ nothing }", "{ me { audience } }", "{"),
    "operationName": ("Only", "other"),
    "JSON": ({}, 1, []),
    "patient.id": ("p0", "Patient/p1", "p2", "Patient/p3", "Sock/1"),
    "ID": ("p0", "p1-0", "p1", "p2-0", "p3-1", "d0", "Patient/p0", "/", ""),
    "String": ("a", "vital-signs", "b", "http://loinc.org|1234-5", "a,b"),
    "Int": (0, 1),
    "Boolean": (True, False),
}

SCOPES = (
    *["user/*.rs __engagement.read"] * 8,
    "patient/*.rs __engagement.read",
    "user/*.rs",
    "system/Patient.rs system/Appointment.rs system/Encounter.rs system/Practitioner.r",
    "user/Patient.rs user/Appointment.rs user/Coverage.rs user/Account.rs",
    "user/Observation.rs?category=vital-signs patient/Patient.rs",
    "__engagement.read",
    "",
)

PLUMBING = frozenset({"mrn", "mrns", "npi", "encounter", "context"})
"""What the loaders read to find whose a row is, or where it belongs, whatever the plan reads."""


@cache
def schema_and_policy() -> tuple[GraphQLSchema, Policy]:
    schema = core_of(build())
    return schema, Policy(classify(schema))


@dataclass(frozen=True)
class Narrowed:
    """A grant of the policy, with some more denied or masked by a seed."""

    grant: Grant
    drawn: Drawn

    @property
    def key(self) -> str:
        return f"{self.grant.key} {self.drawn.key}"

    @property
    def actor(self) -> Actor:
        return self.grant.actor

    @property
    def actor_names(self) -> ActorNames:
        return self.grant.actor_names

    def decide(self, coordinate: Coordinate) -> Decision:
        decision = self.grant.decide(coordinate)
        return self.drawn.decide(coordinate) if decision.effect is Effect.ALLOW else decision

    def conditions(self, resource: str, letters: str, *, consents: bool) -> RowConditions:
        return self.grant.conditions(resource, letters, consents=consents)

    def rows(self, *how: Any) -> RowRule:
        return self.grant.rows(*how)

    def missing(self, coordinates: Iterable[Coordinate]) -> tuple[str, ...]:
        return self.grant.missing(coordinates)


@st.composite
def grants(draw: st.DrawFn) -> Narrowed:
    audience = draw(st.sampled_from([*[Audience.CLINICIAN] * 12, *Audience]))
    actor = Actor(
        issuer="https://issuer.example",
        subject="someone",
        client_id="an app",
        audience=audience,
        purpose=DEFAULT_PURPOSE[audience],
        scopes=Scopes.parse(draw(st.sampled_from(SCOPES))),
        patient=draw(st.sampled_from([None, *PATIENTS])),
        fhir_user="Practitioner/d0",
        token_id="a token",
        expires_at=1_800_000_000.0,
    )
    _, policy = schema_and_policy()
    drawn = Drawn(
        draw(st.integers(0, 2**32 - 1)), draw(st.sampled_from([0, 30, 120])), draw(st.sampled_from([0, 20]))
    )
    return Narrowed(policy.grant(actor), drawn)


HAPPENED = Happened(
    Told(
        kind=ChangeKind.UPDATED,
        type=ChangeType.ENCOUNTER,
        source="ehr",
        id="p0-1",
        patient_id=PatientId("p0"),
        version="1",
        occurred="2026-01-31T10:00:00Z",
        received="2026-01-31T10:00:01Z",
        cursor="1-0",
    )
)

questions = requests(
    schema_and_policy()[0], kinds=("query", "query", "query", "subscription"), values=VALUES, depth=8
)
seeds = st.integers(0, 2**32 - 1)
faults = st.sampled_from([0, 0, 30, 150])


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


async def compared(request_: Request, grant: Narrowed, seed: int, faults: int) -> list[str]:
    """What is wrong with the engine's answer to a request."""
    schema, _ = schema_and_policy()
    document = parse(request_.text)
    invalid = validate(schema, document)
    assert not invalid, f"the generator wrote what is not valid: {invalid}"
    engine = Engine(schema, type_of)

    def loaders(wanted: Mapping[str, frozenset[str]] | None) -> Loaders:
        port = MadeUp(seed, faults)
        house = House(
            Sources(port, port, port, port, (port,)),
            lambda patient: CareKey(patient),
            cast("Seal", OpenSeal()),
            Explainer(schema, Operations(schema, Limits())),
            NoConsents(),
        )
        return Loaders(house, grant, engine.readable(grant) if wanted is None else wanted)

    asked = Asked(schema, document, request_.name, request_.variables, grant, loaders, HAPPENED)
    if not subscribes(asked):
        event("not compared: no subscription")
        return []
    try:
        mine, plan, used = await by_engine(asked, engine)
    except (Opaque, BadVariables) as skipped:
        event(f"not compared: {skipped!r}")
        return []
    theirs = await by_core(asked)
    found = differences(mine, theirs, await account_of(asked))
    return [*found, *faults_of_policy(plan, schema, grant), *unplanned(plan, used)]


def subscribes(asked: Asked) -> bool:
    """Whether a request that subscribes may: its arguments are used then, and bad ones bring no event."""
    if asked.operation.operation is not OperationType.SUBSCRIPTION:
        return True
    values = get_variable_values(
        asked.schema, asked.operation.variable_definitions or (), asked.variables, hide_suggestions=True
    )
    if isinstance(values, list):
        return False
    prepared = Prepared.of("a document", asked.document, asked.operation)
    try:
        events_wanted(asked.schema, prepared, asked.grant, values)
    except (GraphQLError, BadInput, Refused):
        return False
    return True


def unplanned(plan: Plan, loaders: Loaders) -> list[str]:
    """What a source was asked for that neither the plan nor a rule on rows reads."""
    found = []
    port = cast("MadeUp", loaders.house.sources.ehr)
    for kind, wanted in port.wanted:
        resource = "Account" if kind == "Balance" else kind
        rules = (loaders.grant.conditions(resource, letter, consents=False).attributes for letter in "rs")
        more = wanted - plan.wanted.get(kind, frozenset()) - PLUMBING - frozenset().union(*rules)
        if more:
            found.append(f"{kind} was asked for {sorted(more)}")
    return found


@settings(unhurried, max_examples=FEW)
@given(questions, grants(), seeds, faults)
def test_the_engine_answers_for_the_graph_as_graphql_core_does(
    runner: asyncio.Runner, request_: Request, grant: Narrowed, seed: int, faults: int
) -> None:
    assert runner.run(compared(request_, grant, seed, faults)) == []


@pytest.mark.deep
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", range(PARTS))
def test_the_engine_answers_thousands_of_requests_of_the_graph_as_graphql_core_does(part: int) -> None:
    count = 0

    @settings(unhurried, max_examples=MANY, database=None)
    @given(questions, grants(), seeds, faults)
    def answers(request_: Request, grant: Narrowed, seed: int, faults: int) -> None:
        nonlocal count
        count += 1
        assert runner.run(compared(request_, grant, seed, faults)) == []

    with asyncio.Runner() as runner:
        answers()
    assert count >= MANY
