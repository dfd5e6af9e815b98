"""One person in three systems: found by the practice's own MRN and the opaque key, never by a likeness."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.dataset import generate
from sandbox.records import Dataset, Json, care_key
from tests.stories.conftest import TODAY
from tests.stories.house import House, running

ME, OTHER, UNCHARTED = "pat-000001", "pat-000003", "pat-000002"
BOOKED = "query B($id: ID!) { patient(id: $id) { mrn appointments(first: 100) { nodes { id } } } }"


@pytest.fixture(scope="module")
def hospital() -> Iterator[House]:
    """A house whose first patient has been to another hospital, and whose second has no chart."""
    with running(_mixed(generate(4, today=TODAY))) as made:
        yield made


@pytest.mark.parametrize("persona", ["clinician", "patient"])
def test_the_mrn_of_another_hospital_is_not_taken_for_the_practices(hospital: House, persona: str) -> None:
    shown = hospital.data(persona, BOOKED, {"id": ME})["patient"]

    own = [it["id"] for it in hospital.dataset.pms.appointments if it["patient"]["mrn"] == "MRN-000001"]
    assert shown["mrn"] == "MRN-000001"
    assert {it["id"] for it in shown["appointments"]["nodes"]} == {f"Appointment/{id_}" for id_ in own}


def test_a_booking_leads_to_the_patient_who_bears_its_mrn_in_the_practices_system(hospital: House) -> None:
    query = "{ appointments(first: 500) { nodes { id patient { id } } } }"
    charts = {it["id"]: it["patient"]["mrn"] for it in hospital.dataset.pms.appointments}

    for it in hospital.data("clinician", query)["appointments"]["nodes"]:
        mrn = charts[int(it["id"].removeprefix("Appointment/"))]
        bearer = mrn.replace("MRN", "Patient/pat")
        assert it["patient"] == (None if bearer.endswith(UNCHARTED) else {"id": bearer})


def test_a_patient_without_a_chart_has_no_bookings_and_the_practice_is_not_asked(hospital: House) -> None:
    query = """query B($id: ID!) { patient(id: $id) {
      id appointments { nodes { id } } balance { asOf } coverage { id }
    } }"""
    hospital.forget()

    shown = hospital.data("frontdesk", query, {"id": UNCHARTED})["patient"]

    assert shown == {"id": f"Patient/{UNCHARTED}", "appointments": None, "balance": None, "coverage": None}
    assert hospital.asked("pms") == []


def test_the_crm_is_asked_by_the_key_made_of_the_ehrs_id(hospital: House) -> None:
    hospital.forget()

    hospital.data("marketer", "{ patients { nodes { engagement { score } } } }")

    (call,) = hospital.asked("crm")
    patients = hospital.dataset.resources["Patient"]
    assert [it["id"] for it in call.body["inputs"]] == [care_key(patient) for patient in patients]


def _mixed(dataset: Dataset) -> Dataset:
    patients = dataset.resources["Patient"]
    me = patients[ME]
    abroad = {**me["identifier"][0], "system": "urn:another-hospital", "value": "MRN-000003"}
    dataset.add({**me, "identifier": [abroad, *me["identifier"]]})
    uncharted: Json = {**patients[UNCHARTED], "identifier": [{"system": "urn:cards", "value": "1"}]}
    dataset.add(uncharted)
    return dataset


def test_the_key_we_sign_in_to_the_ehr_with_is_published_without_its_private_half(house: House) -> None:
    response = house.client.get(f"{house.addresses.gateway}/.well-known/jwks.json")

    (key,) = response.json()["keys"]
    assert (key["kid"], key["alg"]) == ("test-1", "ES384")
    assert key.keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert response.headers["cache-control"] == "public, max-age=3600"
