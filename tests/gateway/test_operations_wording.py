"""No value that a client sends is in what it is told of it: it may be a patient's, and errors are logged."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import build_schema
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.errors import RequestError
from gateway.operations import Operations
from gateway.settings import Limits

SECRET = "Zx4711"
SCHEMA = build_schema(
    """
    type Query { patients(first: Int, ids: [ID!], filter: Filter, grid: [[Int!]!]): ID }
    input Filter { gender: Gender, family: String, born: Int!, any: [Filter!] }
    enum Gender { FEMALE MALE }
    """
)
QUERY = """
    query ($first: Int!, $ids: [ID!], $filter: Filter, $grid: [[Int!]!]) {
      patients(first: $first, ids: $ids, filter: $filter, grid: $grid)
    }
"""
unhurried = settings(deadline=None)


def told_of(query: str, variables: dict[str, Any] | None = None) -> list[str]:
    """What is said of a request, if it is refused."""
    operations = Operations(SCHEMA, Limits())
    try:
        operations.coerced(operations.find(query), variables)
    except RequestError as error:
        return [shown["message"] for shown in error.shown("t")]
    return []


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({}, "The variable `$first` lacks a value: `Int!` is wanted."),
        ({"first": None}, "The variable `$first` has a value that does not fit: `Int!` is wanted."),
        ({"first": SECRET}, "The variable `$first` has a value that does not fit: `Int!` is wanted."),
        ({"ids": ["1", [SECRET]]}, "The variable `$ids[1]` has a value that does not fit: `ID!` is wanted."),
        ({"ids": ["1", None]}, "The variable `$ids[1]` has a value that does not fit: `ID!` is wanted."),
        ({"filter": SECRET}, "The variable `$filter` has a value that does not fit: `Filter` is wanted."),
        ({"filter": {}}, "The variable `$filter` has a value that does not fit: `Filter` is wanted."),
        (
            {"filter": {"born": 1, SECRET: 1}},
            "The variable `$filter` has a value that does not fit: `Filter` is wanted.",
        ),
        (
            {"filter": {"born": 1, "any": [{"born": 1, "gender": SECRET}]}},
            "The variable `$filter.any[0].gender` has a value that does not fit: `Gender` is wanted.",
        ),
        (
            {"grid": [[1], [2, SECRET]]},
            "The variable `$grid[1][1]` has a value that does not fit: `Int!` is wanted.",
        ),
        (
            {"grid": [[1], None]},
            "The variable `$grid[1]` has a value that does not fit: `[Int!]!` is wanted.",
        ),
    ],
    ids=lambda it: "",
)
def test_a_variable_that_does_not_fit_is_named_with_the_type_that_is_wanted(
    variables: dict[str, Any], message: str
) -> None:
    given = {"first": 1, **variables} if variables and "first" not in variables else variables

    assert told_of(QUERY, given) == [message]


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (f'first: "{SECRET}"', ["`Int`"]),
        (f"first: {SECRET}", ["`Int`"]),
        (f'filter: {{born: 1, gender: "{SECRET}"}}', ["`Gender`"]),
        (f'filter: {{born: "{SECRET}", any: {{born: 1, gender: {SECRET}}}}}', ["`Int!`", "`Gender`"]),
        (f'filter: {{born: 1, {SECRET}: "{SECRET}"}}', ["`Filter`"]),
        (f'grid: [[1, "{SECRET}"]]', ["`Int!`"]),
        ("ids: [null]", ["`ID!`"]),
    ],
)
def test_a_literal_that_does_not_fit_is_told_by_the_type_that_is_wanted_there(
    arguments: str, wanted: list[str]
) -> None:
    said = told_of(f"{{ patients({arguments}) }}")

    assert said == [f"What is given here does not fit: {type_} is wanted." for type_ in wanted]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (f'{{ patients(first "{SECRET}") }}', "Syntax Error: Expected ':', found String."),
        (f'{{ patients "{SECRET}" }}', "Syntax Error: Expected Name, found String."),
        (f"{{ patients(first {SECRET}) }}", "Syntax Error: Expected ':', found Name."),
        (f'"""{SECRET}""" {{ patients }}', None),
        (f'{{ patients(first: """{SECRET}" ) }}', "Syntax Error: Unterminated string."),
        ("{ patients(first: 4711Z) }", "Syntax Error: Invalid number, expected digit but got."),
        (r'{ patients(first: "\u47Z1") }', "Syntax Error: Invalid Unicode escape sequence."),
    ],
)
def test_what_is_no_graphql_is_told_by_the_kind_of_what_stands_there(query: str, message: str | None) -> None:
    (said,) = told_of(query)

    assert said == message or message is None
    assert SECRET not in said


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.just(SECRET) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["gender", "family", "born", "any", SECRET]), inner, max_size=4)
    ),
    max_leaves=12,
)


@unhurried
@given(st.dictionaries(st.sampled_from(["first", "ids", "filter", "grid"]), values, min_size=1))
@example({"first": SECRET, "filter": {SECRET: {SECRET: SECRET}}})
def test_no_value_of_a_variable_is_told(variables: dict[str, Any]) -> None:
    said = told_of(QUERY, variables)

    assert all(message.startswith("The variable `$") and SECRET not in message for message in said)
    assert said or "first" in variables


TOKENS = [
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ":",
    "$",
    '"',
    "first",
    "filter",
    "1",
    "...",
    f'"{SECRET}"',
    f'"""{SECRET}"""',
]


@unhurried
@given(st.lists(st.sampled_from(TOKENS), max_size=12))
def test_no_string_of_a_document_is_told(parts: list[str]) -> None:
    for query in ("{ patients(" + " ".join(parts), "{ patients(first: " + " ".join(parts) + ") }"):
        assert SECRET not in str(told_of(query))
