"""Which coordinates a record refers to: those the plan returns, masks and denies, each with its rules."""

from __future__ import annotations

import pytest

from gateway.audit import Coordinates, of_document, of_plan
from gateway.cli.explaining import actor_of
from gateway.execution.engine import Engine, Prepared
from gateway.operations import Operations
from gateway.samples import SAMPLES
from gateway.settings import Limits
from policies import Grant, Policy
from resolvers.schema import build, classify, core_of
from sandbox.idp import personas

SCHEMA = core_of(build())
POLICY = Policy(classify(SCHEMA))
OPERATIONS = Operations(SCHEMA, Limits())
QUERIES = [
    pytest.param(sample.query, id=sample.title) for sample in SAMPLES if "subscription" not in sample.query
]


def grant(persona: str) -> Grant:
    return POLICY.grant(actor_of(personas()[persona]))


def prepared(query: str) -> Prepared:
    operation = OPERATIONS.find(query)
    return Prepared.of(operation.hash, operation.document, operation.definition)


def planned(query: str, persona: str) -> Coordinates:
    engine = Engine(SCHEMA, type_of=lambda row: type(row).__name__)
    return of_plan(engine.plan(prepared(query), grant(persona), {}), grant(persona))


def read(query: str, persona: str) -> Coordinates:
    return of_document(SCHEMA, prepared(query), grant(persona))


MARKETING = """query Outreach {
  patients(first: 1) { nodes { __typename id birthDate name { family } engagement { score } } }
}"""


def test_what_is_returned_masked_and_denied_is_told_with_its_rules() -> None:
    said = planned(MARKETING, "ai")

    assert said.returned["Patient.id"] == ("boundary-ai-allows-reference", "scope-held")
    assert said.masked == {
        "Patient.birthDate": ("boundary-ai-masks-demographics", "mask-year-of-birth", "scope-held")
    }
    assert said.denied["Patient.name"] == ("boundary-ai-denies-identity",)
    # Behind what is denied nothing is asked for; what a type is called is no secret.
    assert "HumanName.family" not in {*said.returned, *said.masked, *said.denied}
    assert "Patient.__typename" not in said.returned


@pytest.mark.parametrize("persona", sorted(personas()))
@pytest.mark.parametrize("query", QUERIES)
def test_the_plan_and_the_document_tell_the_same(query: str, persona: str) -> None:
    said = planned(query, persona)

    assert said == read(query, persona)
    assert {*said.returned, *said.masked, *said.denied} != set()


@pytest.mark.parametrize(
    "query",
    [
        pytest.param(
            """query A { patients(first: 1) { nodes { ...Who ... on Patient { gender } ... { id } } } }
            fragment Who on Patient { name { ...Name } } fragment Name on HumanName { family }""",
            id="fragments",
        ),
        pytest.param(
            '{ node(id: "x") { id ... on Patient { birthDate } ... on Appointment { status } } }',
            id="an interface",
        ),
        pytest.param(
            "{ a: patients(first: 1) { edges { cursor } } b: patients(first: 2) { nodes { id } } }",
            id="twice",
        ),
        pytest.param('{ patients(search: { name: "x" }) { nodes { gender } } }', id="an argument"),
    ],
)
@pytest.mark.parametrize("persona", sorted(personas()))
def test_wherever_fields_stand_the_plan_and_the_document_tell_the_same(query: str, persona: str) -> None:
    assert planned(query, persona) == read(query, persona)


def test_a_document_tells_of_what_may_be_skipped_and_not_of_the_schema() -> None:
    query = """query Q($skip: Boolean!) {
      __schema { types { name } }
      patients(first: 1) { nodes { gender @skip(if: $skip) } }
    }"""

    said = read(query, "clinician")

    assert "Patient.gender" in said.returned
    assert not [coordinate for coordinate in said.returned if coordinate.startswith(("__", "Query.__"))]


def test_a_document_of_several_operations_tells_of_the_one_that_is_run() -> None:
    query = (
        "query A { patients(first: 1) { nodes { gender } } } query B { patients(first: 1) { nodes { id } } }"
    )
    operation = OPERATIONS.find(query, "B")
    prepared = Prepared.of(operation.hash, operation.document, operation.definition)

    said = of_document(SCHEMA, prepared, grant("clinician"))

    assert "Patient.id" in said.returned
    assert "Patient.gender" not in said.returned
