"""A granular scope opens the rows it names, and on every road no others."""

from __future__ import annotations

from typing import Any

import pytest

from tests.stories.house import House

ME = "pat-000001"
SYSTEM = "http://terminology.hl7.org/CodeSystem/observation-category"
PATIENTS = {
    "patient": "launch/patient patient/Patient.rs patient/Encounter.rs patient/Observation.rs",
    "clinician": "user/Patient.rs user/Encounter.rs user/Observation.rs",
}
LIST = """
query Results($category: String) { patient(id: "Patient/pat-000001") {
  observations(first: 500, category: $category) {
    complete nodes { id category { coding { system code } } valueQuantity { value } }
  }
  encounters(first: 50) { nodes { id observations(first: 100) { nodes { id } } } }
} }
"""


@pytest.mark.parametrize("persona", PATIENTS)
@pytest.mark.parametrize("category", ["laboratory", "vital-signs", "survey"])
def test_a_scope_on_one_category_shows_its_rows_and_no_others(
    house: House, persona: str, category: str
) -> None:
    scope = _scope(persona, f"{SYSTEM}|{category}")
    shown = house.data(persona, LIST, scope=scope)["patient"]

    assert _ids(shown["observations"]) == _observations(house, category)
    assert 0 < len(_observations(house, category)) < len(_observations(house))
    below = [id_ for it in shown["encounters"]["nodes"] for id_ in _ids(it["observations"])]
    assert set(below) <= _observations(house, category)


def test_the_ehr_is_asked_for_the_rows_of_the_scope_and_no_others(house: House) -> None:
    house.forget()
    house.data("patient", LIST, scope=_scope("patient", f"{SYSTEM}|laboratory"))

    asked = [call for call in house.asked("ehr") if call.target == "ehr Observation"]
    assert asked
    assert all(call.values("category") == [f"{SYSTEM}|laboratory"] for call in asked)


@pytest.mark.parametrize("persona", PATIENTS)
def test_a_scope_without_a_category_shows_them_all(house: House, persona: str) -> None:
    shown = house.data(persona, LIST, scope=PATIENTS[persona])["patient"]

    assert _ids(shown["observations"]) == _observations(house)


@pytest.mark.parametrize("persona", PATIENTS)
def test_two_scopes_add_up(house: House, persona: str) -> None:
    scope = _scope(persona, f"{SYSTEM}|laboratory", f"{SYSTEM}|survey")
    shown = house.data(persona, LIST, scope=scope)["patient"]

    both = _observations(house, "laboratory") | _observations(house, "survey")
    assert _ids(shown["observations"]) == both


@pytest.mark.parametrize("persona", PATIENTS)
def test_a_row_of_another_category_is_absent_by_its_id(house: House, persona: str) -> None:
    scope = _scope(persona, f"{SYSTEM}|laboratory")
    query = "query N($id: ID!) { node(id: $id) { ... on Observation { id valueQuantity { value } } } }"
    lab = min(_observations(house, "laboratory"))
    vital = min(_observations(house, "vital-signs"))

    assert house.data(persona, query, {"id": lab}, scope)["node"]["id"] == lab
    assert house.data(persona, query, {"id": vital}, scope)["node"] is None


def test_to_ask_for_another_category_shows_nothing(house: House) -> None:
    scope = _scope("patient", f"{SYSTEM}|laboratory")
    shown = house.data("patient", LIST, {"category": "vital-signs"}, scope)["patient"]

    assert shown["observations"]["nodes"] == []


@pytest.mark.parametrize("query", ["category=x|laboratory", "category:in=x", "performer=Practitioner/x"])
def test_a_search_that_no_row_can_be_checked_by_opens_nothing(house: House, query: str) -> None:
    scope = f"{PATIENTS['patient'].replace('Observation.rs', 'Observation.rs?' + query)}"
    answer = house.ask("patient", LIST, scope=scope)

    observations = answer["data"]["patient"]["observations"]
    assert observations is None or observations["nodes"] == []


@pytest.mark.parametrize("persona", PATIENTS)
def test_a_scope_on_booked_appointments_shows_no_others_by_any_road(house: House, persona: str) -> None:
    whole, *others = PATIENTS[persona].replace("Observation", "Appointment").split()[::-1]
    scope = " ".join([*others, f"{whole}?status=booked"])
    query = """query B($id: ID!) {
      appointments(first: 500, filter: { patient: "pat-000001" }) { nodes { id } }
      patient(id: "pat-000001") { appointments(first: 500) { nodes { id } } }
      nodes(ids: [$id]) { id }
    }"""
    mine = [it for it in house.dataset.pms.appointments if it["patient"]["mrn"] == "MRN-000001"]
    booked = {f"Appointment/{it['id']}" for it in mine if it["status"] in ("scheduled", "confirmed")}
    past = next(it["id"] for it in mine if it["status"] == "completed")
    assert 0 < len(booked) < len(mine)

    shown = house.data(persona, query, {"id": f"Appointment/{past}"}, scope)

    assert _ids(shown["appointments"]) == booked
    assert _ids(shown["patient"]["appointments"]) == booked
    assert shown["nodes"] == [None]


def test_a_granular_scope_on_patient_opens_no_patient(house: House) -> None:
    answer = house.ask("clinician", "{ patients { nodes { id } } }", scope="user/Patient.rs?gender=female")

    assert answer["data"] == {"patients": None}
    assert [it["extensions"]["code"] for it in answer["errors"]] == ["FORBIDDEN"]


def _scope(persona: str, *categories: str) -> str:
    """The persona's scopes, those on Observation narrowed to the categories."""
    *others, whole = PATIENTS[persona].split()
    return " ".join([*others, *(f"{whole}?category={category}" for category in categories)])


def _ids(connection: dict[str, Any]) -> set[str]:
    return {it["id"] for it in connection["nodes"]}


def _observations(house: House, category: str | None = None) -> set[str]:
    """The ids of the first patient's observations, of one category or of any."""
    return {
        f"Observation/{id_}"
        for id_, record in house.dataset.resources["Observation"].items()
        if record["subject"]["reference"] == f"Patient/{ME}"
        and (
            category is None
            or any(it["code"] == category for concept in record["category"] for it in concept["coding"])
        )
    }
