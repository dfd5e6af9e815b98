"""Introspection shows each actor what they could ever read, and asks no source to do so."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from graphql import (
    GraphQLObjectType,
    build_client_schema,
    get_introspection_query,
    validate_schema,
)

from sandbox.idp.personas import personas
from tests.stories.house import House

CLINICAL = {
    "AllergyIntolerance",
    "CarePlan",
    "Condition",
    "DocumentReference",
    "Encounter",
    "Immunization",
    "MedicationRequest",
    "Observation",
    "Procedure",
}
WHOLE = get_introspection_query(input_value_deprecation=True, specified_by_url=True)


def seen_by(house: House, persona: str, scope: str | None = None) -> Any:
    """The schema as a client of that persona builds it."""
    return build_client_schema(house.data(persona, WHOLE, scope=scope))  # type: ignore[arg-type]


def fields(schema: Any, name: str) -> set[str]:
    of = schema.type_map[name]
    assert isinstance(of, GraphQLObjectType)
    return set(of.fields)


@pytest.mark.parametrize("persona", personas())
def test_every_persona_gets_a_schema_that_clients_take_and_no_source_is_asked(
    house: House, persona: str
) -> None:
    house.forget()

    assert validate_schema(seen_by(house, persona)) == []
    assert house.asked_all() == []


def test_a_marketer_sees_no_clinical_type_and_a_clinician_sees_them_all(house: House) -> None:
    marketers = seen_by(house, "marketer")

    assert marketers.type_map.keys().isdisjoint(CLINICAL | {"Appointment", "Coverage", "PatientSearch"})
    assert fields(marketers, "Patient") == {"id", "engagement"}
    assert {it.name for it in marketers.get_possible_types(marketers.type_map["Node"])} == {"Patient"}
    assert seen_by(house, "clinician").type_map.keys() >= CLINICAL


def test_fewer_scopes_show_fewer_types(house: House) -> None:
    seen = seen_by(house, "clinician", scope="user/Patient.rs user/Condition.r")

    assert "Condition" in seen.type_map  # found by its id, and by no search
    assert seen.type_map.keys().isdisjoint(CLINICAL - {"Condition"})
    assert "conditions" not in fields(seen, "Patient")


def test_a_masked_field_says_so(house: House) -> None:
    field = seen_by(house, "partner").type_map["Patient"].fields["birthDate"]

    assert field.description.splitlines()[-1] == (
        "Masked for you. What is left: The year alone; nothing for those who are, or this year become, older "
        "than 89."
    )


def test_a_type_that_is_not_shown_is_none_by_its_name_too(house: House) -> None:
    query = '{ __type(name: "Condition") { name fields { name } } }'

    assert house.data("marketer", query) == {"__type": None}
    assert house.data("clinician", query)["__type"]["name"] == "Condition"


def test_introspection_beside_data_shows_no_more(house: House) -> None:
    query = """
      query ($name: String!) {
        me { audience }
        found: __type(name: $name) { name }
        ...Schema
      }
      fragment Schema on Query {
        __schema {
          types { name possibleTypes { name } }
          queryType { fields { name type { fields { name } } } }
        }
      }
    """
    data = house.ask("marketer", query, {"name": "Encounter"})["data"]

    assert data["me"] == {"audience": "crm"}
    assert data["found"] is None
    named = {of["name"] for of in data["__schema"]["types"]}
    possible = {it["name"] for of in data["__schema"]["types"] for it in of["possibleTypes"] or ()}
    assert named.isdisjoint(CLINICAL)
    assert possible == {"Patient"}
    assert "encounter" not in {field["name"] for field in data["__schema"]["queryType"]["fields"]}


def test_one_after_another_each_sees_their_own(house: House) -> None:
    query = '{ __type(name: "Patient") { fields { name } } }'
    counts = [
        len(house.data(persona, query)["__type"]["fields"])
        for persona in ("clinician", "marketer", "clinician", "marketer")
    ]

    assert counts[0] > counts[1] == 2
    assert counts[2:] == counts[:2]


def test_without_a_token_there_is_no_introspection(house: House) -> None:
    answer = httpx.post(house.url, json={"query": WHOLE})

    assert answer.status_code == 401
    assert "__schema" not in answer.text


def test_a_field_that_is_known_and_not_shown_is_denied_with_its_reason(house: House) -> None:
    house.forget()
    answer = house.ask("marketer", "{ patients(first: 1) { nodes { conditions { nodes { id } } } } }")

    assert answer["data"]["patients"]["nodes"] == [{"conditions": None}]
    assert answer["errors"][0]["extensions"]["reasons"] == ["boundary-crm-denies-clinical", "scope-missing"]
    assert [call.target for call in house.asked_all()] == ["ehr Patient"]


@pytest.mark.parametrize(
    "query",
    [
        "{ patients { nodes { condition { id } } } }",
        "{ encountr(id: 1) { id } }",
        '{ patients(serch: { family: "A" }) { complete } }',
        '{ patients(search: { famly: "A" }) { complete } }',
        "{ node(id: 1) { ... on Conditon { id } } }",
    ],
    ids=["field", "root", "argument", "input field", "type"],
)
def test_what_is_misspelt_is_told_without_a_guess_at_what_was_meant(house: House, query: str) -> None:
    answer = house.ask("marketer", query)

    assert [error["extensions"]["code"] for error in answer["errors"]] == ["GRAPHQL_VALIDATION_FAILED"]
    assert "Did you mean" not in str(answer)


def test_a_value_of_a_variable_that_does_not_fit_is_told_without_a_guess(house: House) -> None:
    query = "query ($search: PatientSearch) { patients(search: $search) { complete } }"
    answer = house.ask("marketer", query, {"search": {"famly": "A"}})

    assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_USER_INPUT"]
    assert "Did you mean" not in str(answer)
