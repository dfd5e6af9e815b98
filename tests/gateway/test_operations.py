"""Documents: parsed, measured and validated once, found again by their hash, and refused in time."""

from __future__ import annotations

import hashlib
import logging
import time
from typing import Any

import msgspec
import pytest
from graphql import OperationType, build_schema, get_introspection_query
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import Code, RequestError
from gateway.operations import Operations, operation
from gateway.settings import Limits
from gateway.telemetry import Metrics

unhurried = settings(deadline=None)  # a busy machine fails no property

SCHEMA = build_schema(
    """
    type Query { patient(id: ID!): Patient, patients(first: Int = 10, filter: Filter): [Patient!], me: ID }
    type Patient { id: ID!, name: String, socialSecurityNumber: String, friend: Patient, friends: [Patient] }
    input Filter { gender: Gender, family: String, any: [Filter!] }
    enum Gender { FEMALE MALE OTHER UNKNOWN }
    type Mutation { confirm(id: ID!): Patient }
    type Subscription { changes: Patient }
    """
)
LIMITS = Limits(tokens=300, depth=6, aliases=5, root_fields=4, nodes=40)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def operations(metrics: Metrics) -> Operations:
    return Operations(SCHEMA, LIMITS, metrics)


def refused(operations: Operations, query: str, name: str | None = None) -> RequestError:
    with pytest.raises(RequestError) as caught:
        operations.find(query, name)
    return caught.value


def counted(metrics: Metrics, outcome: str) -> float | None:
    return metrics.registry.get_sample_value("caregraph_documents_total", {"outcome": outcome})


def test_an_operation_says_what_it_is(operations: Operations) -> None:
    query = "query Me { me } mutation Confirm { confirm(id: 1) { id } } subscription S { changes { id } }"

    found = [operations.find(query, name) for name in ("Me", "Confirm", "S")]

    assert [(one.name, one.kind) for one in found] == [
        ("Me", OperationType.QUERY),
        ("Confirm", OperationType.MUTATION),
        ("S", OperationType.SUBSCRIPTION),
    ]
    assert {one.hash for one in found} == {hashlib.sha256(query.encode()).hexdigest()}
    assert all(one.definition in one.document.definitions for one in found)


def test_the_only_operation_needs_no_name(operations: Operations) -> None:
    assert operations.find("{ me }").name is None
    assert operations.find("query Me { me }").name == "Me"


def test_a_document_is_checked_once(operations: Operations, metrics: Metrics) -> None:
    first = operations.find("{ me }")

    assert operations.find("{ me }") is first
    assert operations.find("{ me  }") is not first
    assert (counted(metrics, "new"), counted(metrics, "known")) == (2, 1)


@pytest.mark.parametrize(
    ("query", "name", "code", "message"),
    [
        pytest.param(
            "{ me", None, "GRAPHQL_PARSE_FAILED", "Syntax Error: Expected Name, found <EOF>.", id="cut"
        ),
        pytest.param("", None, "GRAPHQL_PARSE_FAILED", "Syntax Error: Unexpected <EOF>.", id="empty"),
        pytest.param(
            "{ me " * 100,
            None,
            "GRAPHQL_PARSE_FAILED",
            "Syntax Error: Expected Name, found <EOF>.",
            id="unclosed",
        ),
        pytest.param(
            "{" + "me " * 300 + "}",
            None,
            "GRAPHQL_PARSE_FAILED",
            "Syntax Error: Document contains more than 300 tokens. Parsing aborted.",
            id="too many tokens",
        ),
        pytest.param(
            "{ me \ud800 }",
            None,
            "GRAPHQL_PARSE_FAILED",
            "Syntax Error: Invalid character: U+D800.",
            id="half a letter",
        ),
        pytest.param(
            "{ patient(id: 1) { socialSecurityNumbr } }",
            None,
            "GRAPHQL_VALIDATION_FAILED",
            "Cannot query field 'socialSecurityNumbr' on type 'Patient'.",
            id="an unknown field, without a suggestion",
        ),
        pytest.param(
            "{ patients(filter: {gander: MALE}) { id } }",
            None,
            "GRAPHQL_VALIDATION_FAILED",
            "What is given here does not fit: `Filter` is wanted.",
            id="an unknown input field",
        ),
        pytest.param(
            "type Patient { id: ID }",
            None,
            "GRAPHQL_VALIDATION_FAILED",
            "The 'Patient' definition is not executable.",
            id="a type definition",
        ),
        pytest.param(
            "query A { me } query B { me }",
            "C",
            "BAD_USER_INPUT",
            "The document has no operation of that name.",
            id="an unknown operation",
        ),
        pytest.param(
            "query A { me } query B { me }",
            None,
            "BAD_USER_INPUT",
            "The document has several operations; name the one to run in `operationName`.",
            id="several operations",
        ),
        pytest.param(
            "{ patient(id: 1) { friend { friend { friend { friend { friend { id } } } } } } }",
            None,
            "MAX_DEPTH_LIMIT",
            "The operation nests fields 7 deep; at most 6 may be asked for at once.",
            id="too deep",
        ),
        pytest.param(
            "{ patient(id: 1) { ...A } } fragment A on Patient { friend { friend { ...B } } }"
            " fragment B on Patient { ... { friend { friend { friend { id } } } } }",
            None,
            "MAX_DEPTH_LIMIT",
            "The operation nests fields 7 deep; at most 6 may be asked for at once.",
            id="too deep through fragments",
        ),
        pytest.param(
            "{ a: me b: me patient(id: 1) { c: id ...A ...A } } fragment A on Patient { d: id e: id }",
            None,
            "MAX_ALIASES_LIMIT",
            "The operation has 7 aliases; at most 5 may be asked for at once.",
            id="too many aliases",
        ),
        pytest.param(
            "{ me me me ... { me me } }",
            None,
            "COST_ESTIMATED_TOO_EXPENSIVE",
            "The operation has 5 root fields; at most 4 may be asked for at once.",
            id="too many root fields",
        ),
        pytest.param(
            "query A { me } query B { patient(id: 1) { " + "id " * 40 + "} }",
            "A",
            "COST_ESTIMATED_TOO_EXPENSIVE",
            "The operation has 41 fields; at most 40 may be asked for at once.",
            id="too many fields, in any operation of the document",
        ),
    ],
)
def test_what_cannot_be_run_is_refused_with_the_next_step(
    operations: Operations, metrics: Metrics, query: str, name: str | None, code: str, message: str
) -> None:
    error = refused(operations, query, name)

    assert (error.code.name, error.faults[0].message) == (code, message)
    assert str(error) == code
    assert "Did you mean" not in str(error.faults)
    assert counted(metrics, "refused") == (None if code == "BAD_USER_INPUT" else 1)


def test_a_fault_says_where(operations: Operations) -> None:
    assert refused(operations, "{\n  you\n}").faults[0].locations == ((2, 3),)
    deep = "{ patient(id: 1) { " + "friend { " * 6 + "id" + " }" * 8
    assert refused(operations, f"query A {{ me }}\n query B {deep}").faults[0].locations == ((2, 2),)


def test_fragments_that_double_one_another_are_refused_at_once(operations: Operations) -> None:
    """2^25 fields in a hundred tokens: counted by memory of each fragment, never spread out."""
    fragments = "".join(f"fragment F{n} on Patient {{ ...F{n + 1} ...F{n + 1} }} " for n in range(25))
    query = f"{{ patient(id: 1) {{ ...F0 }} }} {fragments} fragment F25 on Patient {{ id }}"

    begun = time.perf_counter()
    error = refused(operations, query)

    assert (
        error.faults[0].message
        == "The operation has over a million fields; at most 40 may be asked for at once."
    )
    assert time.perf_counter() - begun < 1


@pytest.mark.parametrize(
    "fragments",
    [
        pytest.param("fragment A on Patient {" + "friend { id } " * 21 + "}", id="one"),
        pytest.param(
            "".join(f"fragment F{n} on Patient {{ {'friend { id } ' * 7} }}" for n in range(3)), id="several"
        ),
        pytest.param(
            "fragment A on Patient { ...B ...B } fragment B on Patient { " + "id " * 21 + "}", id="nested"
        ),
    ],
)
def test_fragments_that_nothing_spreads_are_not_validated_without_a_bound(
    operations: Operations, fragments: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Validation holds each of their fields against each: a second of work in the length of a limit."""
    monkeypatch.setattr(operation, "validate", lambda *_, **__: pytest.fail("it is validated"))

    with pytest.raises(RequestError) as refused:
        operations.find("{ me } " + fragments)

    assert refused.value.code is Code.COST_ESTIMATED_TOO_EXPENSIVE
    assert "no operation spreads" in refused.value.faults[0].message


def test_a_fragment_that_was_forgotten_is_named(operations: Operations) -> None:
    with pytest.raises(RequestError) as refused:
        operations.find("{ me } fragment A on Patient { " + "id " * 30 + "}")

    assert refused.value.code is Code.GRAPHQL_VALIDATION_FAILED
    assert [fault.message for fault in refused.value.faults] == ["Fragment 'A' is never used."]


def test_fragments_that_spread_themselves_are_refused(operations: Operations) -> None:
    query = (
        "{ patient(id: 1) { ...A } } fragment A on Patient { friend { ...B } } fragment B on Patient { ...A }"
    )

    assert refused(operations, query).code is Code.GRAPHQL_VALIDATION_FAILED


@pytest.mark.parametrize("pair", ["{}", "[]"])
def test_a_long_chain_is_refused_and_does_not_overflow(pair: str) -> None:
    operations = Operations(SCHEMA, Limits(tokens=100_000, depth=100, nodes=100_000))
    chain = "".join(f"fragment F{n} on Patient {{ friend {{ ...F{n + 1} }} }} " for n in range(3_000))
    nested = f"{{ patient(id: {pair[0] * 5_000}1{pair[1] * 5_000}) {{ id }} }}"

    assert refused(operations, f"{{ patient(id: 1) {{ ...F0 }} }} {chain}").code is Code.MAX_DEPTH_LIMIT
    assert refused(operations, nested).code is Code.GRAPHQL_PARSE_FAILED


def test_the_worst_document_within_the_default_limits_is_checked_in_time() -> None:
    """Fields that could conflict are compared in pairs; the limits keep the pairs few."""
    operations = Operations(SCHEMA, Limits())
    query = "{ patient(id: 1) { " + "friend { id } " * 199 + "} }"

    begun = time.process_time()
    operations.find(query)

    assert time.process_time() - begun < 2


def test_the_introspection_of_the_explorer_is_within_the_default_limits() -> None:
    operations = Operations(SCHEMA, Limits())

    found = operations.find(get_introspection_query(input_value_deprecation=True, specified_by_url=True))

    assert found.name == "IntrospectionQuery"


def test_at_most_twenty_faults_are_told(operations: Operations) -> None:
    error = refused(operations, "{ patient(id: 1) { " + " ".join(f"x{n}" for n in range(30)) + " } }")

    assert len(error.faults) == 21
    assert "Too many validation errors" in error.faults[-1].message


def test_a_long_message_is_cut(operations: Operations) -> None:
    (fault,) = refused(operations, "{ " + "x" * 2_000 + " }").faults

    assert len(fault.message) == 501


def test_no_more_documents_are_kept_than_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    operations = Operations(SCHEMA, LIMITS)
    monkeypatch.setattr(operation, "DOCUMENTS_KEPT", 3)
    monkeypatch.setattr(operation, "CHARACTERS_KEPT", 100)

    first = operations.find("query A { me }")
    for name in "BCD":
        operations.find(f"query {name} {{ me }}")
    assert len(operations) == 3
    assert operations.find("query A { me }") is not first

    operations.find("query Long { me }" + " " * 80)
    assert len(operations) == 1


VARIABLES = """
    query Q($id: ID!, $first: Int = 5, $filter: Filter) {
        patient(id: $id) { id }
        patients(first: $first, filter: $filter) { id }
    }
"""


def test_variables_become_what_their_types_want(operations: Operations) -> None:
    found = operations.find(VARIABLES)

    assert operations.coerced(found, {"id": 7, "filter": {"gender": "MALE"}, "unknown": 1}) == {
        "id": "7",
        "first": 5,
        "filter": {"gender": "MALE"},
    }
    assert operations.coerced(operations.find("{ me }"), None) == {}


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (None, "The variable `$id` lacks a value: `ID!` is wanted."),
        (
            {"id": 1, "first": "x"},
            "The variable `$first` has a value that does not fit: `Int` is wanted.",
        ),
        (
            {"id": 1, "filter": {"gendr": "MALE"}},
            "The variable `$filter` has a value that does not fit: `Filter` is wanted.",
        ),
        (
            {"id": 1, "filter": {"gender": "MAL"}},
            "The variable `$filter.gender` has a value that does not fit: `Gender` is wanted.",
        ),
    ],
)
def test_variables_that_do_not_fit_are_refused(
    operations: Operations, variables: dict[str, Any] | None, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    found = operations.find(VARIABLES)
    with caplog.at_level(logging.DEBUG), pytest.raises(RequestError) as caught:
        operations.coerced(found, variables)

    assert caught.value.code is Code.BAD_USER_INPUT
    assert caught.value.faults[0].message == message
    assert "Did you mean" not in str(caught.value.faults)
    assert caplog.records == []


def check_that_it_can_be_told(error: RequestError) -> None:
    assert error.faults
    assert msgspec.json.encode(error.shown("t"))


@unhurried
@given(query=st.text())
def test_any_text_is_an_operation_or_a_request_error(query: str) -> None:
    operations = Operations(SCHEMA, LIMITS)
    try:
        operations.find(query)
    except RequestError as error:
        check_that_it_can_be_told(error)


TOKENS = """
    { } ( ) [ ] : $ ! ... @ " # query mutation fragment on A B me patient id friend id:1 1 null true
    @skip(if:true) ...A ...B {me} {id}
"""


@unhurried
@given(parts=st.lists(st.sampled_from([*TOKENS.split(), "\n"]), max_size=60))
def test_any_tokens_are_an_operation_or_a_request_error(parts: list[str]) -> None:
    operations = Operations(SCHEMA, LIMITS)
    try:
        operations.find(" ".join(parts), None)
    except RequestError as error:
        check_that_it_can_be_told(error)


plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
json_values = st.recursive(
    plain,
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["any", "gender"]), inner),
    max_leaves=10,
)


@unhurried
@given(variables=st.dictionaries(st.sampled_from(["id", "first", "filter", "x"]), json_values))
def test_any_variables_fit_or_are_a_request_error(variables: dict[str, Any]) -> None:
    operations = Operations(SCHEMA, LIMITS)
    found = operations.find(VARIABLES)
    try:
        operations.coerced(found, variables)
    except RequestError as error:
        check_that_it_can_be_told(error)


def test_half_a_letter_in_a_variable_can_be_told(operations: Operations) -> None:
    with pytest.raises(RequestError) as caught:
        operations.coerced(operations.find(VARIABLES), {"id": 1, "first": "\ud800"})

    check_that_it_can_be_told(caught.value)
