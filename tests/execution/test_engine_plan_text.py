"""What becomes of a query: its plan, as text. Read from the top, this is how the engine works."""

from __future__ import annotations

from functools import cache
from textwrap import dedent
from typing import Any

import pytest
from graphql import GraphQLSchema

from gateway.execution.text import text
from policies import DEFAULT_PURPOSE, Actor, Audience, Policy, Scopes
from resolvers.schema import build, classify, core_of
from tests.execution.by_hand import planned


@cache
def schema() -> GraphQLSchema:
    return core_of(build())


@cache
def policy() -> Policy:
    return Policy(classify(schema()))


def someone(audience: Audience, scopes: str) -> Actor:
    return Actor(
        issuer="https://issuer.example",
        subject="someone",
        client_id="an-app",
        audience=audience,
        purpose=DEFAULT_PURPOSE[audience],
        scopes=Scopes.parse(scopes),
        patient=None,
        fhir_user="Practitioner/d1",
        token_id="a-token",
        expires_at=1_800_000_000.0,
    )


A_CLINICIAN = someone(Audience.CLINICIAN, "user/*.rs __engagement.read")
THE_FRONT_DESK = someone(Audience.PRACTICE, "user/Patient.rs user/Appointment.rs")
A_PARTNER = someone(Audience.PARTNER, "system/Patient.rs system/Encounter.rs")


def plan_text(query: str, actor: Actor = A_CLINICIAN, **variables: Any) -> str:
    plan, _ = planned(query, grant=policy().grant(actor), schema=schema(), variables=variables)
    return text(plan)


def page(expected: str) -> str:
    return dedent(expected).strip()


def test_attributes_of_a_record_are_read_where_it_is_loaded() -> None:
    assert plan_text('{ patient(id: "p1") { id birthDate name { family given } } }') == page(
        """
        query
          patient ← patient_by_id
            id, birthDate, name {family, given}
        reads HumanName: family, given
        reads Patient: birth_date, id, name
        """
    )


def test_fragments_and_aliases_end_in_one_list_of_response_keys() -> None:
    query = """
        { patient(id: "p1") { gender again: gender ... on Patient { gender deceased } ...more } }
        fragment more on Patient { gender mrn }
    """

    assert plan_text(query) == page(
        """
        query
          patient ← patient_by_id
            gender, again, deceased, mrn
        reads Patient: deceased, gender, mrn
        """
    )


def test_an_edge_is_one_load_for_all_rows_and_a_connection_of_attributes_is_none() -> None:
    query = """{ patients { nodes { encounters(first: 5) {
        edges { cursor node { status } } pageInfo { hasNextPage }
    } } } }"""

    assert plan_text(query) == page(
        """
        query
          patients ← patients
            nodes
              encounters ← Encounter_of_patient by patient_id
                edges {cursor, node {status}}, pageInfo {hasNextPage}
        reads Encounter: status
        reads EncounterConnection: edges
        reads EncounterEdge: cursor, node
        reads PageInfo: has_next_page
        reads Patient: patient_id
        reads PatientConnection: nodes
        """
    )


def test_parts_with_edges_below_are_levels_without_a_load() -> None:
    query = """{ encounter(id: "e1") {
        participant { display practitioner { name { text } } }
        diagnosis { rank condition { code { text } } }
    } }"""

    assert plan_text(query) == page(
        """
        query
          encounter ← encounter_by_id
            participant
              display
              practitioner ← practitioners_by_id by practitioner_id
                name {text}
            diagnosis
              rank
              condition ← conditions_by_id by condition_id
                code {text}
        reads CodeableConcept: text
        reads Condition: code
        reads Encounter: diagnosis, participant
        reads EncounterDiagnosis: condition, rank
        reads EncounterParticipant: individual
        reads HumanName: text
        reads Practitioner: name
        """
    )


def test_one_patient_is_followed_into_three_systems() -> None:
    query = """{ patient(id: "p1") {
        generalPractitioner { name { family } } appointments { nodes { start } } engagement { score }
    } }"""

    assert plan_text(query) == page(
        """
        query
          patient ← patient_by_id
            generalPractitioner ← practitioners_by_id by each of general_practitioner_ids
              name {family}
            appointments ← appointments_of_patient by charts
              nodes {start}
            engagement ← engagement_of_patient by patient_id
              score
        reads Appointment: start
        reads AppointmentConnection: nodes
        reads Engagement: score
        reads HumanName: family
        reads Patient: general_practitioner, mrn, patient_id
        reads Practitioner: name
        """
    )


def test_what_is_denied_is_not_in_the_plan_and_neither_is_what_lies_behind_it() -> None:
    query = """{ patient(id: "p1") {
        birthDate conditions { nodes { code { text } } } appointments { nodes { start } }
    } }"""

    assert plan_text(query, THE_FRONT_DESK) == page(
        """
        query
          patient ← patient_by_id
            birthDate
            conditions: denied (boundary-practice-denies-clinical, scope-missing)
            appointments ← appointments_of_patient by charts
              nodes {start}
        reads Appointment: start
        reads AppointmentConnection: nodes
        reads Patient: birth_date, mrn
        """
    )


def test_what_is_masked_is_read_and_says_so() -> None:
    query = "{ patients { nodes { id birthDate gender encounters { nodes { status } } } } }"

    assert plan_text(query, A_PARTNER) == page(
        """
        query
          patients ← patients
            nodes
              id, birthDate (masked), gender (masked)
              encounters ← Encounter_of_patient by patient_id
                nodes {status}
        reads Encounter: status
        reads EncounterConnection: nodes
        reads Patient: birth_date, gender, id, patient_id
        reads PatientConnection: nodes
        """
    )


CONDITIONAL = """query ($more: Boolean!) { patient(id: "p1") {
    gender ... @include(if: $more) { deceased } encounters @skip(if: $more) { complete }
} }"""


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        pytest.param(
            True,
            """
            query
              patient ← patient_by_id
                gender, deceased
            reads Patient: deceased, gender
            """,
            id="more",
        ),
        pytest.param(
            False,
            """
            query
              patient ← patient_by_id
                gender
                encounters ← Encounter_of_patient by patient_id
                  complete
            reads EncounterConnection: complete
            reads Patient: gender, patient_id
            """,
            id="less",
        ),
    ],
)
def test_conditions_choose_what_is_in_the_plan(more: bool, expected: str) -> None:
    assert plan_text(CONDITIONAL, more=more) == page(expected)


def test_an_event_is_the_row_that_a_subscription_begins_with() -> None:
    query = "subscription { changes(types: [ENCOUNTER]) { kind source patient { id } } }"

    assert plan_text(query) == page(
        """
        subscription
          changes
            kind, source
            patient ← patients_by_id by patient_id
              id
        reads Change: kind, patient_id, source
        reads Patient: id
        """
    )


def test_a_row_of_an_interface_has_a_level_for_each_type_it_can_be() -> None:
    plan, _ = planned(
        "{ every { __typename name ... on Other { rank } ... on Part { inner { size } owner { id } } } }"
    )

    assert text(plan) == page(
        """
        query
          every ← Query.every
            on Part
              __typename, name, inner {size}
              owner ← Part.owner by owner_key
                id
            on Other
              __typename, name, rank
            on Thing
              __typename, name
        reads Other: name, rank
        reads Part: inner, name, owner_key, size
        reads Thing: id, name
        """
    )
