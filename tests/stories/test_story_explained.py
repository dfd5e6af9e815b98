"""`explainAccess` says beforehand what an operation is given and denied; nothing is asked of any source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLSchema

from gateway.samples import SAMPLES
from policies.wording import meaning
from resolvers.schema import build, core_of
from sandbox.dataset import generate
from sandbox.idp.personas import personas
from tests.stories.conftest import TODAY
from tests.stories.house import House, running
from tests.stories.test_story_recorded import records
from tests.stories.wide import wide_queries

SCHEMA: GraphQLSchema = core_of(build())
QUERIES = {
    **{f"sample: {it.title}": it.query for it in SAMPLES if "subscription" not in it.query},
    **{f"wide: {name}": query for name, query in wide_queries(SCHEMA).items()},
}
EXPLAIN = """
query Explain($document: String!, $variables: JSON, $name: String) {
  explainAccess(document: $document, variables: $variables, operationName: $name) {
    kind
    faults { code message line column }
    denied
    masked
    fields {
      path coordinate effect cause mask missingScopes isReached
      rules { id meaning }
      inputs { coordinate effect missingScopes rules { id } }
    }
    rows { type byId bySearch withheld }
    missingScopes
  }
}
"""


def explained(
    house: House,
    persona: str,
    document: str,
    variables: Any = None,
    *,
    scope: str | None = None,
    name: str | None = None,
) -> dict[str, Any]:
    given = {"document": document, "variables": variables, "name": name}
    found: dict[str, Any] = house.data(persona, EXPLAIN, given, scope=scope)["explainAccess"]
    return found


def field(found: dict[str, Any], path: str) -> dict[str, Any]:
    (only,) = (it for it in found["fields"] if ".".join(it["path"]) == path)
    return dict(only)


@pytest.mark.parametrize("name", QUERIES)
@pytest.mark.parametrize("persona", personas())
def test_what_is_explained_is_what_is_then_denied_and_nothing_is_asked_to_explain_it(
    house: House, persona: str, name: str
) -> None:
    house.forget()
    answer = house.ask(persona, EXPLAIN, {"document": QUERIES[name]})
    assert answer["extensions"].get("upstreamCalls", 0) == 0
    assert house.asked_all() == []

    found = answer["data"]["explainAccess"]
    told = {
        (*it["path"], *(rule["id"] for rule in it["rules"]), *it["missingScopes"])
        for it in found["fields"]
        if it["effect"] == "DENY" and it["isReached"]
    }
    errors = house.ask(persona, QUERIES[name]).get("errors", [])
    happened = {
        (
            *(key for key in error["path"] if isinstance(key, str)),
            *error["extensions"]["reasons"],
            *error["extensions"]["missingScopes"],
        )
        for error in errors
    }
    # A list without rows has no field to be denied.
    assert happened <= told
    assert (found["denied"] == 0) == (not told)
    if not found["denied"]:
        assert errors == []


def test_a_marketer_learns_what_is_closed_to_them_why_and_that_no_scope_opens_it(house: House) -> None:
    found = explained(house, "marketer", "{ patients { nodes { birthDate engagement { score } } } }")

    assert (found["kind"], found["faults"], found["denied"], found["masked"]) == ("query", [], 1, 0)
    assert field(found, "patients.nodes.birthDate") == {
        "path": ["patients", "nodes", "birthDate"],
        "coordinate": "Patient.birthDate",
        "effect": "DENY",
        "cause": "Patient.birthDate",
        "mask": None,
        "missingScopes": [],
        "isReached": True,
        "rules": [
            {
                "id": "boundary-crm-denies-demographics",
                "meaning": meaning("boundary-crm-denies-demographics"),
            },
            {"id": "scope-missing", "meaning": "Denied: the token lacks a scope the field needs."},
        ],
        "inputs": [],
    }
    assert found["missingScopes"] == []
    rows = {it["type"]: it for it in found["rows"]}
    assert rows.keys() == {"Patient", "Engagement"}
    assert rows["Patient"]["byId"] == rows["Patient"]["bySearch"] == ["Every row."]
    assert "Nothing that can be inferred from a label is for outreach" in rows["Patient"]["withheld"][0]


def test_the_fewest_scopes_for_the_whole_operation_open_it(house: House) -> None:
    query = "{ patients { nodes { id name { family } encounters { nodes { status } } } } }"
    found = explained(house, "clinician", query, scope="user/Patient.r")

    assert field(found, "patients")["missingScopes"] == ["user/Patient.s"]
    assert field(found, "patients.nodes.encounters.nodes.status")["isReached"] is False
    assert found["missingScopes"] == ["user/Encounter.rs", "user/Patient.s"]

    then = " ".join(["user/Patient.r", *found["missingScopes"]])
    assert explained(house, "clinician", query, scope=then)["denied"] == 0
    house.data("clinician", query, scope=then)


def test_a_mask_says_what_is_left(house: House) -> None:
    found = explained(house, "ai", "{ patients { nodes { birthDate } } }")

    assert found["masked"] == 1
    assert field(found, "patients.nodes.birthDate")["mask"].startswith("The year alone;")


def test_an_input_that_is_denied_is_the_cause_and_its_value_is_not_told(house: House) -> None:
    query = "query ($search: PatientSearch) { patients(search: $search) { nodes { id } } }"
    found = explained(house, "ai", query, {"search": {"family": "Secretname", "gender": "female"}})

    patients = field(found, "patients")
    assert (patients["effect"], patients["cause"]) == ("DENY", "PatientSearch.family")
    assert [(it["coordinate"], it["effect"]) for it in patients["inputs"]] == [
        ("Query.patients(search:)", "ALLOW"),
        ("PatientSearch.family", "DENY"),
        ("PatientSearch.gender", "DENY"),
    ]
    assert "Secretname" not in json.dumps(found)


def test_what_is_skipped_is_not_told_of(house: House) -> None:
    query = "query ($all: Boolean!) { me { audience } patients @include(if: $all) { complete } }"

    some = explained(house, "clinician", query, {"all": False})
    every = explained(house, "clinician", query, {"all": True})
    assert [".".join(it["path"]) for it in some["fields"]] == ["me", "me.audience"]
    assert len(every["fields"]) == 4


def test_a_patient_is_told_that_only_their_own_rows_come(house: House) -> None:
    found = explained(house, "patient", "{ appointments { nodes { start } } }")

    own = ["Rows of the patient that the token is for."]
    (rows,) = found["rows"]
    assert (rows["type"], rows["byId"], rows["bySearch"]) == ("Appointment", own, own)
    assert str(personas()["patient"].patient) not in json.dumps(found)


@pytest.mark.parametrize(
    ("document", "code", "message"),
    [
        ("{", "GRAPHQL_PARSE_FAILED", "Syntax Error"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED", "Cannot query field 'nothing'"),
        ("{ patients(first: ONE) { complete } }", "GRAPHQL_VALIDATION_FAILED", "`Int!` is wanted"),
        ("query A { me { audience } } query B { me { audience } }", "BAD_USER_INPUT", "several operations"),
        ("{ a" + " { a" * 20 + " }" * 21, "MAX_DEPTH_LIMIT", "deep"),
        ("{ " + " ".join(f"a{n}: __typename" for n in range(60)) + " }", "MAX_ALIASES_LIMIT", "aliases"),
    ],
)
def test_what_would_not_be_run_has_faults_instead(
    house: House, document: str, code: str, message: str
) -> None:
    found = explained(house, "clinician", document)

    assert (found["kind"], found["fields"], found["rows"], found["missingScopes"]) == (None, [], [], [])
    assert found["faults"][0]["code"] == code
    assert message in found["faults"][0]["message"]


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"n": "Secretname"}, "The variable `$n` lacks a value, or has one that does not fit."),
        ({}, "The variable `$n` lacks a value, or has one that does not fit."),
        (["Secretname"], "`variables` must be an object."),
    ],
)
def test_variables_that_do_not_fit_are_named_and_their_values_are_not(
    house: House, variables: Any, message: str
) -> None:
    query = "query ($n: Int!, $after: String) { patients(first: $n, after: $after) { complete } }"
    found = explained(house, "clinician", query, variables)

    assert found["faults"] == [{"code": "BAD_USER_INPUT", "message": message, "line": None, "column": None}]


def test_one_of_several_operations_is_explained_by_its_name(house: House) -> None:
    document = "query A { me { audience } } query B { sources { name } }"

    assert explained(house, "clinician", document, name="B")["fields"][0]["path"] == ["sources"]


def test_a_subscription_is_explained_as_a_query_is(house: House) -> None:
    found = explained(house, "marketer", "subscription { changes { kind patient { name { family } } } }")

    assert (found["kind"], found["denied"]) == ("subscription", 1)


def test_an_explanation_of_an_explanation_explains_nothing_further(house: House) -> None:
    found = explained(house, "clinician", '{ explainAccess(document: "{ nothing }") { kind } }')

    assert (found["faults"], found["denied"]) == ([], 0)
    assert [it["coordinate"] for it in found["fields"]] == ["Query.explainAccess", "AccessExplanation.kind"]


def test_an_explanation_is_recorded_without_patients(tmp_path: Path) -> None:
    with running(generate(3, today=TODAY), trail=tmp_path) as house:
        explained(house, "clinician", "{ patients { nodes { name { family } } } }")
        last = records(tmp_path)[-1]

    assert last["operation"] == "Explain"
    assert "patients" not in last
    assert last.get("calls", {}) == {}
