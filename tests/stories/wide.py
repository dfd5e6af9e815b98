"""Queries that ask for every field there is: one for each type, at a place where rows of it are found."""

from __future__ import annotations

from collections.abc import Mapping

from graphql import GraphQLObjectType, GraphQLSchema, get_named_type, is_leaf_type

from tests.stories.behind import EDGES

_OF_PATIENT = "patients(first: 4) {{ nodes {{ {} }} }}"
_PLACES: Mapping[str, str] = {
    "Patient": "{}",
    "Appointment": "appointments(first: 4) {{ nodes {{ {} }} }}",
    "Encounter": "encounters(first: 4) {{ nodes {{ {} }} }}",
    "Condition": "conditions(first: 4) {{ nodes {{ {} }} }}",
    "Observation": "observations(first: 4) {{ nodes {{ {} }} }}",
    "MedicationRequest": "medications(first: 4) {{ nodes {{ {} }} }}",
    "AllergyIntolerance": "allergies(first: 4) {{ nodes {{ {} }} }}",
    "Immunization": "immunizations(first: 4) {{ nodes {{ {} }} }}",
    "Procedure": "procedures(first: 4) {{ nodes {{ {} }} }}",
    "CarePlan": "carePlans(first: 4) {{ nodes {{ {} }} }}",
    "DocumentReference": "documents(first: 4) {{ nodes {{ {} }} }}",
    "Coverage": "coverage {{ {} }}",
    "Balance": "balance {{ {} }}",
    "Engagement": "engagement {{ {} }}",
    "Practitioner": "generalPractitioner {{ {} }}",
    "Location": "appointments(first: 4) {{ nodes {{ location {{ {} }} }} }}",
    "Organization": "encounters(first: 4) {{ nodes {{ serviceProvider {{ {} }} }} }}",
}


def wide_queries(schema: GraphQLSchema) -> dict[str, str]:
    """For each type, and for the roots, a query for all of its fields; edges out of it are gone by an id."""
    queries = {
        name: "{ " + _OF_PATIENT.format(place.format(_all(schema, name))) + " }"
        for name, place in _PLACES.items()
    }
    roots = "me { audience purpose scopes ignoredScopes clientId expiresAt patient { id } }"
    lists = "appointments(first: 4) { nodes { id } complete pageInfo { hasNextPage } }"
    queries["Query"] = (
        f"{{ {roots} {lists} sources {{ name kind up since status leftAloneSince quotaUsedUpUntil }} }}"
    )
    return queries


def _all(schema: GraphQLSchema, type_name: str) -> str:
    of = schema.type_map[type_name]
    assert isinstance(of, GraphQLObjectType)
    return " ".join(_field(schema, type_name, name) for name in of.fields)


def _field(schema: GraphQLSchema, type_name: str, name: str) -> str:
    of = schema.type_map[type_name]
    assert isinstance(of, GraphQLObjectType)
    inner = get_named_type(of.fields[name].type)
    if is_leaf_type(inner):
        return name
    if f"{type_name}.{name}" in EDGES:
        return f"{name} {{ {_least(inner.name)} }}"
    return f"{name} {{ {_all(schema, inner.name)} }}"


def _least(type_name: str) -> str:
    if type_name.endswith("Connection"):
        return "nodes { id }"
    return {"Balance": "asOf", "Engagement": "score"}.get(type_name, "id")
