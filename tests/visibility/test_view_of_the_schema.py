"""The view of the schema: what is denied is not in it, all else is, and it is a schema as good as any."""

from __future__ import annotations

import pytest
from graphql import (
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    is_introspection_type,
    parse,
    validate,
    validate_schema,
)
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from gateway.execution.collect import Opaque
from gateway.execution.inputs import Decides
from gateway.execution.plan import Level, Many, Objects, Required, Shape, TypeName
from gateway.visibility import Views
from gateway.visibility.kept import has_rows
from gateway.visibility.view import NOTHING, view
from policies import Audience, Coordinate, Effect, Grant
from resolvers.declare import Edge, declaration
from tests.execution.awkward import awkward
from tests.execution.grants import Drawn, Everything, denying, masking
from tests.execution.operations import requests
from tests.execution.plans import fields_of
from tests.execution.test_engine_core_fallback import HIDE
from tests.execution.test_engine_own_schema import VALUES
from tests.visibility.asking import SCOPES, drawn, granted, nobody, own, people, planned, refusals

unhurried = settings(
    deadline=None,  # a busy machine fails no property
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
AWKWARD = awkward()
OWN, _ = own()
SEEN = Views(OWN)


def coordinates(schema: GraphQLSchema) -> set[Coordinate]:
    """Every field, argument and input field of a schema."""
    found = set()
    for of in schema.type_map.values():
        if is_introspection_type(of):
            continue
        if isinstance(of, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            for name, field in of.fields.items():
                found.add(Coordinate(of.name, name))
                found |= {Coordinate(of.name, name, argument) for argument in getattr(field, "args", {})}
    return found


def denied(schema: GraphQLSchema, at: Coordinate, grant: Decides) -> bool:
    """Whether the actor may not use a coordinate: not even masked, where a mask would not do."""
    effect = grant.decide(at).effect
    of = schema.type_map[at.type]
    is_input = at.argument is not None or isinstance(of, GraphQLInputObjectType)
    is_edge = not is_input and isinstance(declaration(of.fields[at.field]), Edge)  # type: ignore[attr-defined]
    return effect is Effect.DENY or (effect is Effect.MASK and (is_input or is_edge))


def shows_nothing(schema: GraphQLSchema) -> bool:
    assert schema.query_type is not None
    return NOTHING in schema.query_type.fields


def kinds_of(schema: GraphQLSchema) -> list[str]:
    roots = {"query": schema.query_type, "mutation": schema.mutation_type}
    return [kind for kind, root in roots.items() if root is not None]


@settings(unhurried)
@given(drawn)
def test_whatever_is_denied_the_view_is_a_valid_schema_without_it(grant: Drawn) -> None:
    seen = view(AWKWARD, grant)

    assert validate_schema(seen) == []
    if not shows_nothing(seen):
        assert [at for at in coordinates(seen) if denied(AWKWARD, at, grant)] == []


@pytest.mark.parametrize("scopes", SCOPES)
@pytest.mark.parametrize("audience", Audience)
def test_for_all_audiences_and_scopes_the_view_is_a_valid_schema_without_what_is_denied(
    audience: Audience, scopes: str
) -> None:
    grant = granted(audience, scopes)
    seen = view(OWN, grant)

    assert validate_schema(seen) == []
    assert [at for at in coordinates(seen) if denied(OWN, at, grant)] == []


def test_who_may_use_everything_sees_all_that_can_be_come_to() -> None:
    assert coordinates(view(AWKWARD, Everything())) == coordinates(AWKWARD)
    assert coordinates(view(OWN, Everything())) == coordinates(OWN)


@settings(unhurried)
@given(drawn, st.data())
def test_what_is_asked_by_the_view_alone_is_refused_nothing(grant: Drawn, data: st.DataObject) -> None:
    seen = view(AWKWARD, grant)
    assume(not shows_nothing(seen))
    request = data.draw(requests(seen, kinds=kinds_of(seen)))
    assert validate(AWKWARD, parse(request.text)) == []
    try:
        plan, variables = planned(AWKWARD, request, grant)
    except (Opaque, GraphQLError) as skipped:
        event(f"not planned: {type(skipped).__name__}")
        return

    # Of a type that has nothing to show, an interface's fields are denied: no row of it is in any answer.
    assert [at for at, _ in refusals(plan, variables) if at.type in seen.type_map] == []


@settings(unhurried, max_examples=30)
@given(people, st.data())
def test_what_is_refused_nothing_can_be_asked_by_the_view_alone(grant: Grant, data: st.DataObject) -> None:
    request = data.draw(requests(OWN, values=VALUES, depth=4))
    try:
        plan, variables = planned(OWN, request, grant)
    except (Opaque, GraphQLError) as skipped:
        event(f"not planned: {type(skipped).__name__}")
        return
    assume(not list(refusals(plan, variables)))
    assume(not names_types_alone(plan.root))
    assume(all(has_rows(grant, field.coordinate.type, "rs") for field in fields_of(plan)))
    # What is skipped, or of a type that can't stand there, is in no plan; it may be what they can't see.
    assume("@" not in request.text and "..." not in request.text and "First" not in request.text)

    faults = validate(SEEN.of(grant), parse(request.text))

    assert [fault.message for fault in faults if not fault.message.startswith("Fragment")] == []


def names_types_alone(level: Level) -> bool:
    """Whether somewhere nothing but `__typename` is asked for: a type without fields is not in a view."""
    own = bool(level.fields) and all(isinstance(field, TypeName) for field in level.fields)
    return own or any(names_types_alone(below) for field in level.fields for below in levels(field.shape))


def levels(shape: Shape) -> list[Level]:
    while isinstance(shape, Required | Many):
        shape = shape.of
    return list(shape.levels.values()) if isinstance(shape, Objects) else []


# -- one rule at a time -------------------------------------------------------------------


def fields(seen: GraphQLSchema, name: str) -> set[str]:
    return set(seen.type_map[name].fields)  # type: ignore[attr-defined]


def test_a_type_goes_with_its_last_field_and_all_that_leads_to_it_goes_too() -> None:
    seen = view(AWKWARD, denying("PageInfo.more", "PageInfo.end"))

    assert "PageInfo" not in seen.type_map
    assert fields(seen, "Page") == {"edges", "nodes", "total"}


def test_a_type_that_nothing_visible_leads_to_is_not_there_though_its_fields_are_allowed() -> None:
    seen = view(AWKWARD, denying("Thing.page", "Query.page"))

    assert seen.type_map.keys().isdisjoint({"Page", "PageInfo", "PageEdge"})


def test_an_enum_that_nothing_visible_uses_is_not_there() -> None:
    uses = ["Thing.colour", "Thing.colours", "Thing.colourGrid", "Thing.mood", "Part.tone", "Filter.colour"]
    arguments = ["Thing.many(colour:)", "Thing.many(colours:)"]

    assert "Colour" not in view(AWKWARD, denying(*uses, *arguments)).type_map
    assert "Colour" in view(AWKWARD, denying(*uses, *arguments[1:])).type_map


def test_an_argument_that_may_not_be_given_is_not_there_and_one_that_must_be_takes_its_field_along() -> None:
    seen = view(AWKWARD, denying("Thing.many(first:)", "Query.thing(id:)"))

    assert set(seen.type_map["Thing"].fields["many"].args) == {  # type: ignore[attr-defined]
        "colour",
        "colours",
        "filter",
        "ratio",
        "class",
    }
    assert "thing" not in fields(seen, "Query")


def test_an_input_field_that_may_not_be_given_is_not_there() -> None:
    assert fields(view(AWKWARD, denying("Filter.ids")), "Filter") == {"colour", "within", "not", "evenly"}


@pytest.mark.parametrize("name", ["Range.low", "Range.high"], ids=["required", "filled in by default"])
def test_an_input_type_that_can_not_do_without_a_field_goes_with_it(name: str) -> None:
    seen = view(AWKWARD, denying(name))

    assert "Range" not in seen.type_map
    assert "within" not in fields(seen, "Filter")


def test_an_interface_has_only_what_every_type_of_it_has() -> None:
    seen = view(AWKWARD, denying("Part.label"))

    assert fields(seen, "Named") == {"name", "kin"}
    assert "label" in fields(seen, "Thing")
    assert [of.name for of in seen.type_map["Part"].interfaces] == ["Named"]  # type: ignore[attr-defined]


def test_a_union_has_the_types_that_have_something_to_show() -> None:
    every = [f"Other.{name}" for name in ("name", "label", "kin", "rank", "class", "thing")]
    seen = view(AWKWARD, denying(*every))

    assert {of.name for of in seen.type_map["Anything"].types} == {"Part", "Thing"}  # type: ignore[attr-defined]


def test_a_masked_field_says_what_is_left_and_a_masked_edge_is_not_there() -> None:
    seen = view(AWKWARD, masking(HIDE, "Thing.count", "Thing.friend", "Thing.many(first:)"))

    thing = seen.type_map["Thing"]
    assert isinstance(thing, GraphQLObjectType)
    assert thing.fields["count"].description == "A number.\n\nMasked for you. What is left: nothing is shown"
    assert thing.fields["ratio"].description == "A number."
    assert "friend" not in thing.fields
    assert "first" not in thing.fields["many"].args


def test_who_may_read_nothing_sees_a_query_that_says_so() -> None:
    seen = view(OWN, nobody())

    assert [name for name in seen.type_map if not name.startswith("__")] == ["Query", "Boolean", "String"]
    assert seen.query_type is not None
    assert list(seen.query_type.fields) == [NOTHING]
    assert seen.query_type.fields[NOTHING].description == (
        "Your token opens nothing here. Denied: the audience may not ask for the stated purpose."
    )
    assert seen.subscription_type is None


def test_a_type_of_which_no_row_is_theirs_is_not_there_and_keeps_nothing_from_an_interface() -> None:
    """A partner may follow an appointment to its encounter, but without a scope on it they get none."""
    grant = granted(Audience.PARTNER, "system/Patient.rs system/Encounter.rs")
    assert grant.decide(Coordinate("Appointment", "encounter")).effect is Effect.ALLOW
    seen = view(OWN, grant)

    assert "Appointment" not in seen.type_map
    node = seen.type_map["Node"]
    assert isinstance(node, GraphQLInterfaceType)
    assert {of.name for of in seen.get_possible_types(node)} == {"Encounter", "Patient"}


def test_a_type_whose_rows_come_by_search_alone_is_there_and_no_node() -> None:
    seen = view(OWN, granted(Audience.CLINICIAN, "user/Patient.rs user/Encounter.rs user/Appointment.s"))

    assert fields(seen, "Appointment") == {"encounter"}
    assert seen.type_map["Appointment"].interfaces == ()  # type: ignore[attr-defined]
    assert {"node", "nodes"} <= fields(seen, "Query")


def test_a_view_is_made_once_for_a_grant_and_the_least_used_is_let_go() -> None:
    views = Views(AWKWARD, most=2)
    one, two, three = (denying(name) for name in ("Thing.id", "Thing.name", "Thing.label"))

    first = views.of(one)
    views.of(two)
    assert views.of(one) is first
    views.of(three)

    assert len(views) == 2
    assert views.of(one) is first
    assert len(views) == 2
