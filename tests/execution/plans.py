"""What a plan holds, field by field, for tests of what it must not hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from graphql import GraphQLObjectType, GraphQLSchema

from gateway.execution.inputs import Decides
from gateway.execution.plan import Denied, Field, Follow, Level, Many, Objects, OfRow, Plan, Required, Shape
from policies import Effect
from resolvers.declare import declaration


def fields_of(plan: Plan) -> Iterator[Field]:
    """Every field of a plan, each level's once."""
    return _fields(plan.root, set())


def _fields(level: Level, seen: set[int]) -> Iterator[Field]:
    if id(level) in seen:
        return
    seen.add(id(level))
    for field in level.fields:
        yield field
        for below in _levels(field.shape):
            yield from _fields(below, seen)


def _levels(shape: Shape) -> Iterator[Level]:
    while isinstance(shape, Required | Many):
        shape = shape.of
    if isinstance(shape, Objects):
        yield from shape.levels.values()


def faults_of_policy(plan: Plan, schema: GraphQLSchema, grant: Decides) -> list[str]:
    """Where a plan and a grant disagree: what is denied is read, or what is not is missing from `wanted`."""
    found = []
    wanted: dict[str, set[str]] = defaultdict(set)
    for field in fields_of(plan):
        arguments = [argument.name.value for argument in field.nodes[0].arguments or ()]
        effects = {grant.decide(field.coordinate._replace(argument=each)).effect for each in arguments}
        own = grant.decide(field.coordinate).effect
        is_denied = own is Effect.DENY or effects - {Effect.ALLOW} != set()
        if isinstance(field, Follow):
            is_denied = is_denied or own is Effect.MASK
        if isinstance(field, OfRow | Follow):
            if is_denied:
                found.append(f"{field.coordinate} is denied, and in the plan")
            of = schema.type_map[field.coordinate.type]
            assert isinstance(of, GraphQLObjectType)
            declared = declaration(of.fields[field.coordinate.field])
            assert declared is not None
            wanted[of.name] |= declared.reads
        if isinstance(field, OfRow) and field.masked is not (own is Effect.MASK):
            found.append(f"{field.coordinate} is masked, and not in the plan")
        if isinstance(field, Denied) and not is_denied and own is not Effect.MASK:
            found.append(f"{field.coordinate} is not denied, and not in the plan")
    if dict(wanted) != {name: set(attributes) for name, attributes in plan.wanted.items()}:
        found.append(f"wanted {plan.wanted}, reads {dict(wanted)}")
    return found
