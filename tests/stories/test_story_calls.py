"""One call a level: what a page of patients over three systems costs upstream, counted at the sources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.dataset import generate
from sandbox.records import care_key
from tests.stories.calls import Call
from tests.stories.conftest import PATIENTS, TODAY
from tests.stories.house import NEVER_S, House, running

WORKLIST = """
query Worklist($first: Int!, $after: String) {
  patients(first: $first, after: $after) {
    nodes {
      id
      name { family given }
      appointments(first: 5) { nodes { status start } }
      encounters(first: 5) { nodes { status period { start } } }
      engagement { score }
    }
    pageInfo { hasNextPage endCursor }
  }
}
"""
MANY = 600
CONTACTS_A_CALL = 100
"""HubSpot reads no more contacts at once."""
ROWS_A_PAGE = 1_000
"""Of a FHIR search no more rows come at once."""


@pytest.fixture(scope="module")
def clinic() -> Iterator[House]:
    """The house over six hundred made-up patients."""
    with running(generate(MANY, today=TODAY)) as made:
        yield made


@pytest.mark.parametrize("first", [1, 2, 50])
def test_a_page_of_patients_with_all_three_systems_costs_four_calls(house: House, first: int) -> None:
    house.forget()
    answer = house.ask("clinician", WORKLIST, {"first": first})

    assert "errors" not in answer
    assert len(answer["data"]["patients"]["nodes"]) == first
    assert Counter(call.target for call in house.asked_all()) == {
        "ehr Patient": 1,
        "pms appointments": 1,
        "ehr Encounter": 1,
        "crm contacts": 1,
    }
    assert answer["extensions"]["upstreamCalls"] == 4 + len(house.asked_consents())


def test_five_hundred_patients_cost_four_calls_but_for_what_one_call_can_hold(clinic: House) -> None:
    clinic.forget()
    answer = clinic.ask("clinician", WORKLIST, {"first": 500})

    assert "errors" not in answer
    assert len(answer["data"]["patients"]["nodes"]) == 500
    of_them = [f"Patient/pat-{number:06}" for number in range(1, 501)]
    encounters = [
        it
        for it in clinic.dataset.resources["Encounter"].values()
        if it["subject"]["reference"] in set(of_them)
    ]
    asked = Counter(call.target for call in clinic.asked_all())
    assert asked == {
        "ehr Patient": 1,
        "pms appointments": 1,
        "ehr Encounter": -(-len(encounters) // ROWS_A_PAGE),
        "crm contacts": 500 // CONTACTS_A_CALL,
    }
    assert sum(asked.values()) == 9
    assert answer["extensions"]["upstreamCalls"] == 9 + len(clinic.asked_consents())


def test_each_page_of_a_hundred_costs_four_calls_to_the_last(clinic: House) -> None:
    pages: list[dict[str, Any]] = []
    for _ in range(MANY // 100):
        clinic.forget()
        after = pages[-1]["pageInfo"]["endCursor"] if pages else None
        pages.append(clinic.data("clinician", WORKLIST, {"first": 100, "after": after})["patients"])
        assert len(clinic.asked_all()) == 4

    assert [len(page["nodes"]) for page in pages] == [100] * (MANY // 100)
    assert pages[-1]["pageInfo"]["hasNextPage"] is False


def test_the_consents_of_a_page_cost_one_call_and_none_for_patients_seen_within_the_minute() -> None:
    with running(generate(PATIENTS, today=TODAY), poll_seconds=NEVER_S) as fresh:
        fresh.data("clinician", WORKLIST, {"first": 50})
        (call,) = fresh.asked_consents()
        fresh.forget()
        fresh.data("clinician", WORKLIST, {"first": 50})

        assert call.values("patient") == [f"pat-{number:06}" for number in range(1, 51)]
        assert fresh.asked_consents() == []


def test_a_call_names_every_patient_of_the_page_once(house: House) -> None:
    house.forget()
    shown = house.data("clinician", WORKLIST, {"first": 50})["patients"]["nodes"]

    patients = [it["id"].removeprefix("Patient/") for it in shown]
    calls: dict[str, Call] = {call.target: call for call in house.asked_all()}
    assert calls["ehr Encounter"].values("patient") == patients
    assert calls["pms appointments"].body["patient_mrns"] == [it.replace("pat", "MRN") for it in patients]
    assert [it["id"] for it in calls["crm contacts"].body["inputs"]] == [care_key(it) for it in patients]


def test_no_identifier_of_a_patient_is_in_a_url(house: House) -> None:
    house.forget()
    house.data("clinician", WORKLIST, {"first": 50})

    assert {(call.method, call.path.rpartition("/")[2]) for call in house.asked_all()} == {
        ("POST", "_search"),
        ("POST", "search"),
        ("POST", "read"),
    }
    assert not any("pat-" in call.path or "MRN" in call.path for call in house.asked_all())


def test_the_levels_below_cost_one_call_each_however_many_rows_they_hold(house: House) -> None:
    query = """{ patients(first: 50) { nodes {
      encounters { nodes {
        participant { practitioner { id } } location { name } serviceProvider { name } appointment { id }
        diagnosis { condition { code { text } } } observations { nodes { id } } documents { nodes { id } }
      } }
      appointments { nodes { location { name } } }
    } } }"""
    house.forget()
    house.data("clinician", query)

    assert Counter(call.target for call in house.asked_all()) == {
        "ehr Patient": 1,
        "ehr Encounter": 1,
        "ehr Practitioner": 1,
        "ehr Location": 1,
        "ehr Organization": 1,
        "ehr Condition": 1,
        "ehr Observation": 1,
        "ehr DocumentReference": 1,
        "pms appointments": 2,
        "pms locations": 1,
    }


def test_the_same_edge_asked_twice_by_two_names_costs_one_call(house: House) -> None:
    query = """{ patients(first: 5) { nodes {
      soon: encounters(first: 1) { nodes { id } }
      all: encounters { nodes { status } }
    } } }"""
    house.forget()
    house.data("clinician", query)

    assert [call.target for call in house.asked_all()] == ["ehr Patient", "ehr Encounter"]
