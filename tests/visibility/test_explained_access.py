"""What is explained is what happens: to whatever operation, for whomever."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graphql import GraphQLError
from graphql.execution.values import VariableValues
from hypothesis import HealthCheck, event, given, settings

from gateway.execution.arguments import Arguments
from gateway.execution.collect import Opaque
from gateway.execution.inputs import Refused
from gateway.execution.plan import Denied, Follow, Level, Many, Objects, OfRow, Plan, Required, Shape
from gateway.operations import Operations
from gateway.settings import Limits
from gateway.visibility import Explainer
from policies import Audience, Decision, Effect
from policies.wording import EVERY_ROW, NO_ROW
from resolvers.access import Access, Unusable
from tests.execution.awkward import awkward
from tests.execution.grants import Drawn, denying
from tests.execution.operations import Request, requests
from tests.execution.test_engine_own_schema import VALUES, Narrowed, grants
from tests.visibility.asking import drawn, granted, own, planned

unhurried = settings(
    deadline=None,  # a busy machine fails no property
    max_examples=80,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
OWN, _ = own()
WIDE = Limits(depth=50, aliases=10_000, root_fields=1_000, nodes=100_000, tokens=100_000)
EXPLAINER = Explainer(OWN, Operations(OWN, WIDE))
AWKWARD = Explainer(awkward(), Operations(awkward(), WIDE))

Told = tuple[tuple[str, ...], str, str, tuple[str, ...], tuple[str, ...]]
"""A denial: where, of which field, because of what, by which rules, for want of which scopes."""


def denials_of(access: Access) -> set[Told]:
    return {
        (it.path, it.coordinate, it.cause, tuple(rule.id for rule in it.rules), it.missing_scopes)
        for it in access.fields
        if it.is_reached and it.effect is Effect.DENY
    }


def planned_denials(plan: Plan, variables: VariableValues) -> set[Told]:
    found = set()
    for path, field in fields(plan.root, variables):
        refused: tuple[Any, Decision] | None = None
        if isinstance(field, Denied):
            refused = field.refused, field.decision
        elif isinstance(field, Follow):
            refused = refused_at_run(field.arguments, variables)
        if refused is not None:
            at, decision = refused
            found.add((path, str(field.coordinate), str(at), decision.reasons, decision.missing_scopes))
    return found


def refused_at_run(arguments: Arguments, variables: VariableValues) -> tuple[Any, Decision] | None:
    try:
        arguments.values(variables)
    except Refused as refused:
        return refused.coordinate, refused.decision
    except GraphQLError:
        return None
    return None


def fields(
    level: Level, variables: VariableValues, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every field of a plan with its path; below one that its input denies when it is run, none is."""
    for field in level.fields:
        yield (*path, field.key), field
        if isinstance(field, Follow) and refused_at_run(field.arguments, variables) is not None:
            continue
        for below in levels(field.shape):
            yield from fields(below, variables, (*path, field.key))


def levels(shape: Shape) -> list[Level]:
    while isinstance(shape, Required | Many):
        shape = shape.of
    return list(shape.levels.values()) if isinstance(shape, Objects) else []


def agree(access: Access, plan: Plan, variables: VariableValues) -> None:
    """What is explained is what the plan denies and masks, and what its inputs deny when it is run."""
    assert denials_of(access) == planned_denials(plan, variables)
    masked = {
        (path, str(field.coordinate))
        for path, field in fields(plan.root, variables)
        if isinstance(field, OfRow) and field.masked
    }
    assert {
        (it.path, it.coordinate) for it in access.fields if it.is_reached and it.effect is Effect.MASK
    } == masked


@settings(unhurried)
@given(requests(OWN, kinds=("query", "query", "subscription"), values=VALUES, depth=8), grants())
def test_what_is_explained_of_the_graph_is_what_its_plan_denies_and_masks(
    request: Request, grant: Narrowed
) -> None:
    access = EXPLAINER(grant, request.text, request.variables, request.name)
    try:
        plan, variables = planned(OWN, request, grant)
    except (Opaque, GraphQLError) as skipped:
        event(f"not planned: {type(skipped).__name__}")
        assert access.faults
        return
    agree(access, plan, variables)


@settings(unhurried)
@given(requests(awkward(), kinds=("query", "mutation"), depth=3), drawn)
def test_what_is_explained_of_the_awkward_schema_is_what_its_plan_denies_and_masks(
    request: Request, grant: Drawn
) -> None:
    access = AWKWARD(grant, request.text, request.variables, request.name)
    try:
        plan, variables = planned(awkward(), request, grant)
    except (Opaque, GraphQLError) as skipped:
        event(f"not planned: {type(skipped).__name__}")
        assert access.faults
        return
    agree(access, plan, variables)


def test_what_is_explained_of_too_many_types_within_types_is_refused() -> None:
    deep = "kin { " * 9 + "name" + " }" * 9
    access = AWKWARD(Drawn(0, 0, 0), f"{{ named {{ {deep} }} }}")

    assert access == Access(
        faults=(
            Unusable(
                "COST_ESTIMATED_TOO_EXPENSIVE",
                "The operation has too many fields to explain, each counted for every type it may be of.",
            ),
        )
    )


def test_a_condition_that_is_null_is_told_by_its_variable() -> None:
    text = "query ($if: Boolean = true) { number @include(if: $if) }"
    access = AWKWARD(Drawn(0, 0, 0), text, {"if": None})

    assert [fault.message for fault in access.faults] == [
        "The variable `$if` is null; `@skip` and `@include` take no null."
    ]


def test_a_value_that_does_not_fit_its_argument_is_told_by_the_field_and_not_by_the_value() -> None:
    text = "query ($first: Int) { needed { many(first: $first) { id } } }"
    access = AWKWARD(Drawn(0, 0, 0), text, {"first": None})

    assert access.faults == (
        Unusable("BAD_USER_INPUT", "A value that `Thing.many` is given does not fit.", 1, 32),
    )


def test_below_what_no_scope_opens_no_scope_is_asked_for() -> None:
    query = "{ patients { nodes { encounters { nodes { id patient { id } } } name { family } } } }"
    access = EXPLAINER(granted(Audience.CRM, ""), query)

    assert access.missing_scopes == ("user/Patient.s",)
    lacking = [(it.path[-1], it.missing_scopes) for it in access.fields if it.missing_scopes]
    assert ("id", ("user/Encounter.r",)) in lacking


def test_a_field_that_is_reached_by_one_of_two_ways_is_reached_and_told_once() -> None:
    grant = denying("Part.kin")
    access = AWKWARD(grant, "{ named { kin { ... on Other { rank } } } }")

    ranks = [it for it in access.fields if it.coordinate == "Other.rank"]
    assert [it.is_reached for it in ranks] == [True]
    assert [it.coordinate for it in access.fields if it.effect is Effect.DENY] == ["Part.kin"]


def test_of_rows_it_is_told_how_they_come() -> None:
    grant = granted(Audience.CLINICIAN, "user/Patient.rs user/Appointment.s patient/Appointment.r", "p0")
    access = EXPLAINER(grant, "{ patients { nodes { balance { asOf } appointments { nodes { status } } } } }")

    assert [(it.type, it.by_id, it.by_search) for it in access.rows] == [
        ("Patient", (EVERY_ROW,), (EVERY_ROW,)),
        ("Appointment", ("Rows of the patient that the token is for.",), (EVERY_ROW,)),
    ]
    assert NO_ROW not in str(access.rows)
