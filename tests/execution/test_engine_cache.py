"""Which operations share a plan, and that what is kept has a bound."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from graphql import parse
from hypothesis import given
from hypothesis import strategies as st

from gateway.execution.collect import Opaque, operation_of
from gateway.execution.engine import GRANTS, Engine, Granted, Prepared
from gateway.execution.plan import Denied, Plan
from policies import Coordinate, Decision
from resolvers.wiring import type_of
from tests.execution.awkward import awkward
from tests.execution.grants import Decided, Everything, denying

CONDITIONAL = (
    "query ($if: Boolean!, $first: Int!) { needed { id @include(if: $if) many(first: $first) { id } } }"
)


def prepared(text: str, name: str | None = None, hash: str | None = None) -> Prepared:
    document = parse(text)
    return Prepared.of(hash or text, document, operation_of(document, name))


def an_engine(plans: int = 8) -> Engine:
    return Engine(awkward(), type_of, plans)


def plan(engine: Engine, operation: Prepared, grant: Granted | None = None) -> Plan:
    return engine.plan(operation, grant or Everything(), {})


def test_an_operation_is_compiled_once() -> None:
    engine = an_engine()

    first = plan(engine, prepared("{ number }"))
    again = plan(engine, prepared("{ number }"))

    assert again is first
    assert engine.compiled == 1


def test_documents_are_told_apart_by_their_hash_alone() -> None:
    engine = an_engine()

    first = plan(engine, prepared("{ number }", hash="1"))
    other = plan(engine, prepared("{ number }", hash="2"))

    assert other is not first


def test_the_operations_of_a_document_have_plans_of_their_own() -> None:
    engine = an_engine()
    text = "query One { number } query Other { needed { id } }"

    one = plan(engine, prepared(text, "One"))
    other = plan(engine, prepared(text, "Other"))

    assert [field.key for field in one.root.fields] == ["number"]
    assert [field.key for field in other.root.fields] == ["needed"]


def test_grants_have_plans_of_their_own_and_those_that_decide_alike_share_one() -> None:
    engine = an_engine()
    operation = prepared("{ number }")

    allowed = plan(engine, operation)
    denied = plan(engine, operation, denying("Query.number"))
    alike = plan(engine, operation, denying("Query.number"))

    assert not isinstance(allowed.root.fields[0], Denied)
    assert isinstance(denied.root.fields[0], Denied)
    assert alike is denied


def test_the_values_of_conditions_choose_a_plan_and_those_of_other_variables_do_not() -> None:
    engine = an_engine()
    operation = prepared(CONDITIONAL)

    included = engine.plan(operation, Everything(), {"if": True, "first": 1})
    skipped = engine.plan(operation, Everything(), {"if": False, "first": 1})
    again = engine.plan(operation, Everything(), {"if": True, "first": 2})

    assert again is included
    assert skipped is not included
    assert engine.compiled == 2


def test_the_conditions_of_another_operation_of_the_document_may_be_missing() -> None:
    engine = an_engine()
    text = "query One { number } query Other($if: Boolean!) { needed { id @skip(if: $if) } }"

    one = plan(engine, prepared(text, "One"))

    assert [field.key for field in one.root.fields] == ["number"]


def test_that_an_operation_is_not_for_the_engine_is_kept_too() -> None:
    engine = an_engine()

    for _ in range(3):
        with pytest.raises(Opaque):
            plan(engine, prepared("{ __schema { queryType { name } } }"))

    assert engine.compiled == 1


def test_the_plan_that_was_used_longest_ago_goes_first() -> None:
    engine = an_engine(plans=2)
    first, second, third = (prepared(f"{{ a{n}: number }}") for n in range(3))

    kept = plan(engine, first)
    plan(engine, second)
    plan(engine, first)
    plan(engine, third)

    assert plan(engine, first) is kept
    assert engine.compiled == 3
    plan(engine, second)
    assert engine.compiled == 4


@given(st.lists(st.integers(0, 30), max_size=80), st.integers(1, 6))
def test_never_more_plans_are_kept_than_allowed(asked: list[int], most: int) -> None:
    engine = an_engine(plans=most)

    for number in asked:
        plan(engine, prepared(f"{{ a{number}: number }}"))
        assert len(engine) <= most

    assert engine.compiled >= len(set(asked))


def test_what_grants_may_read_at_all_is_kept_for_the_latest_of_them() -> None:
    asked = 0

    class Counting(Decided):
        def decide(self, coordinate: Coordinate) -> Decision:
            nonlocal asked
            asked += 1
            return super().decide(coordinate)

    engine = an_engine()
    grants = [Counting({}, key=str(n)) for n in range(GRANTS + 1)]
    for grant in grants:
        engine.readable(grant)
    once = asked // len(grants)

    asked = 0
    engine.readable(grants[-1])
    assert asked == 0
    engine.readable(grants[0])
    assert asked == once


def test_what_a_grant_may_read_leaves_out_what_it_is_denied() -> None:
    readable: Mapping[str, frozenset[str]] = an_engine().readable(denying("Part.size", "Part.owner"))

    assert readable["Part"] == {"name", "label", "kin", "tone", "inner", "inners", "keeper_key"}
