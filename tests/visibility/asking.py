"""Who asks in the tests of visibility, and what a request of theirs would be refused."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from graphql import GraphQLError, GraphQLSchema, get_variable_values, parse
from graphql.execution.values import VariableValues
from hypothesis import strategies as st

from gateway.execution.collect import operation_of
from gateway.execution.engine import Engine, Granted, Prepared
from gateway.execution.inputs import Refused
from gateway.execution.plan import Denied, Follow, Plan
from policies import DEFAULT_PURPOSE, Actor, Audience, Coordinate, Grant, Policy, Purpose, Scopes
from resolvers.schema import build, classify, core_of
from resolvers.wiring import type_of
from sources.model import PatientId
from tests.execution.grants import Drawn
from tests.execution.operations import Request
from tests.execution.plans import fields_of

SCOPES = (
    "user/*.rs __engagement.read",
    "user/*.rs",
    "patient/*.rs",
    "system/Patient.rs system/Appointment.rs system/Encounter.rs system/Practitioner.r",
    "user/Patient.rs user/Appointment.rs user/Coverage.rs user/Account.rs",
    "user/Observation.rs?category=vital-signs patient/Patient.rs",
    "user/Condition.s user/Encounter.r",
    "__engagement.read",
    "",
)


@cache
def own() -> tuple[GraphQLSchema, Policy]:
    """The graph's own schema, and its policy."""
    schema = core_of(build())
    return schema, Policy(classify(schema))


def granted(
    audience: Audience, scopes: str, patient: str | None = None, purpose: Purpose | None = None
) -> Grant:
    """What the policy grants a person of that audience with those scopes."""
    actor = Actor(
        issuer="https://issuer.example",
        subject="someone",
        client_id="an app",
        audience=audience,
        purpose=purpose or DEFAULT_PURPOSE[audience],
        scopes=Scopes.parse(scopes),
        patient=PatientId(patient) if patient is not None else None,
        fhir_user="Practitioner/d0",
        token_id="a token",
        expires_at=1_800_000_000.0,
    )
    return own()[1].grant(actor)


def nobody() -> Grant:
    """A person who asks for a purpose that is not theirs: all is denied to them."""
    return granted(Audience.CRM, "user/*.rs __engagement.read", purpose=Purpose.TREAT)


people = st.builds(
    granted,
    st.sampled_from([*[Audience.CLINICIAN] * 6, *Audience]),
    st.sampled_from([*[SCOPES[0]] * 6, *SCOPES]),
    st.sampled_from([None, "p0", "p1"]),
)
drawn = st.builds(
    Drawn, st.integers(0, 2**32 - 1), st.sampled_from([0, 40, 200, 600, 950]), st.sampled_from([0, 80])
)


def planned(schema: GraphQLSchema, request: Request, grant: Granted) -> tuple[Plan, VariableValues]:
    """The plan of a request, and its variables.

    Raises:
        Opaque: the request is not for the engine.
        GraphQLError: its variables do not fit.
    """
    document = parse(request.text)
    operation = operation_of(document, request.name)
    values = get_variable_values(
        schema, operation.variable_definitions or (), request.variables, hide_suggestions=True
    )
    if isinstance(values, list):
        raise values[0]
    prepared = Prepared.of(request.text, document, operation)
    return Engine(schema, type_of).plan(prepared, grant, values.coerced), values


def refusals(plan: Plan, variables: VariableValues) -> Iterator[tuple[Coordinate, Any]]:
    """Each field of a plan that is refused, and the coordinate that is the cause: itself or an input."""
    for field in fields_of(plan):
        if isinstance(field, Denied):
            yield field.coordinate, field.refused
        elif isinstance(field, Follow):
            try:
                field.arguments.values(variables)
            except Refused as refused:
                yield field.coordinate, refused.coordinate
            except GraphQLError:
                continue
