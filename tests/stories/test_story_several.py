"""Two clinics in one house, each with an EHR, a PMS and a CRM of its own, over real sockets.

Both are made of the same population, so that every id of one is an id of the other as well.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey

from gateway.app import create_app
from gateway.cli.demo import demo_table
from gateway.cli.serve import server
from gateway.settings import read_settings
from sandbox.dataset import generate
from sandbox.records import Dataset, care_key
from sandbox.serve import background
from tests.stories.house import House, _is_ready, _until

TODAY = date(2026, 11, 22)
SOUTH_MRN, SOUTH_VISIT = "urn:south:mrn", "urn:south:visit"

EVERYTHING = """{ patients(first: 20) { nodes {
  id mrn
  appointments(first: 50) { complete nodes { id start patient { id } encounter { id } } }
  encounters(first: 50) { nodes { id patient { id } appointment { id } } }
  engagement { score } balance { amount { value } }
} pageInfo { hasNextPage endCursor } } }"""


@dataclass
class Clinics:
    """The gateway over both, and each clinic's own house to look behind it with."""

    north: House
    south: House

    def ask(self, query: str, persona: str = "clinician", **variables: Any) -> dict[str, Any]:
        return self.north.ask(persona, query, variables)


def southern(dataset: Dataset) -> Dataset:
    """The same people, as another clinic knows them: under systems of its own, and keys of its patients."""
    text = json.dumps(dataset.resources)
    text = text.replace("urn:caregraph:sandbox:mrn", SOUTH_MRN).replace(
        "urn:caregraph:sandbox:visit", SOUTH_VISIT
    )
    keys = {care_key(id_): care_key(f"south:{id_}") for id_ in dataset.resources["Patient"]}
    contacts = json.loads(json.dumps(dataset.contacts))
    for contact in contacts:
        contact["properties"]["care_key"] = keys.get(contact["properties"]["care_key"])
    return Dataset(json.loads(text), dataset.pms, contacts)


@contextmanager
def served(
    prepared: Callable[[Dataset, Dataset], None] = lambda north, south: None,
    south_ehr: dict[str, Any] | None = None,
    **table_of: Any,
) -> Iterator[Clinics]:
    """Both clinics; *prepared* adds to their records, *south_ehr* and *table_of* to the settings."""
    key = ECKey.generate_key("P-384", {"kid": "test-1", "use": "sig", "alg": "ES384"}, private=True)
    jwks = {"keys": [key.as_dict(private=False)]}
    north = generate(8, today=TODAY)
    south = southern(generate(8, today=TODAY))
    prepared(north, south)
    with ExitStack() as held:
        here = held.enter_context(background(north, backend_jwks=jwks))
        there = held.enter_context(background(south, backend_jwks=jwks))
        table = demo_table(here, key.as_dict(private=True), north)
        second = demo_table(there, key.as_dict(private=True), south)
        table["ehr"] = {
            "north": {**table["ehr"]["ehr"], "bare_ids": True, "timeout_s": 9.0},
            "south": {**second["ehr"]["ehr"], "timeout_s": 9.0, **(south_ehr or {})},
        }
        table["pms"] = {
            "northpms": {**table["pms"]["pms"], "ehr": "north", "bare_ids": True, "timeout_s": 9.0},
            "southpms": {**second["pms"]["pms"], "ehr": "south", "timeout_s": 9.0},
        }
        table["crm"] = {"northcrm": table["crm"]["crm"], "southcrm": second["crm"]["crm"]}
        settings = read_settings(environ={}, table=table | table_of)
        gateway = server(create_app(settings), settings)
        thread = threading.Thread(target=gateway.run, daemon=True)
        thread.start()
        clinics = Clinics(House(here, north), House(there, south))
        try:
            _until(lambda: _is_ready(clinics.north), 30, "the gateway did not get ready")
            yield clinics
        finally:
            gateway.should_exit = True
            thread.join(timeout=10)
            clinics.north.client.close()
            clinics.south.client.close()


@pytest.fixture(scope="module")
def clinics() -> Iterator[Clinics]:
    with served() as both:
        yield both


@contextmanager
def down(house: House, source: str) -> Iterator[None]:
    """A source that answers nothing for as long as the block runs."""
    where = f"{house.addresses.knobs(source)}/faults"
    house.client.put(where, json={"mode": "reset"}).raise_for_status()
    try:
        yield
    finally:
        house.client.put(where, json={"mode": "none"}).raise_for_status()


def everyone(clinics: Clinics) -> dict[str, dict[str, Any]]:
    answer = clinics.ask(EVERYTHING.replace("balance { amount { value } }", ""))
    assert "errors" not in answer, answer
    nodes = answer["data"]["patients"]["nodes"]
    page = answer["data"]["patients"]["pageInfo"]
    while page["hasNextPage"]:
        after = EVERYTHING.replace("balance { amount { value } }", "").replace(
            "patients(first: 20)", f'patients(first: 20, after: "{page["endCursor"]}")'
        )
        answer = clinics.ask(after)
        nodes += answer["data"]["patients"]["nodes"]
        page = answer["data"]["patients"]["pageInfo"]
    return {node["id"]: node for node in nodes}


def local(global_id: str) -> str:
    """The id of the source itself: the text after the type, without the source's name."""
    return global_id.partition("/")[2].rpartition(":")[2]


def test_the_patients_of_both_clinics_are_told_apart(clinics: Clinics) -> None:
    people = everyone(clinics)

    ids = sorted(clinics.north.dataset.resources["Patient"])
    assert sorted(people) == sorted(
        [f"Patient/{id_}" for id_ in ids] + [f"Patient/south:{id_}" for id_ in ids]
    )


def test_nothing_of_one_clinic_is_told_of_a_patient_of_the_other(clinics: Clinics) -> None:
    people = everyone(clinics)

    booked = 0
    for id_, node in people.items():
        of_south = ":" in id_
        for appointment in node["appointments"]["nodes"]:
            booked += 1
            assert appointment["id"].startswith("Appointment/southpms:") is of_south
            assert appointment["patient"] == {"id": id_}
            if appointment["encounter"] is not None:
                assert appointment["encounter"]["id"].startswith("Encounter/south:") is of_south
        for encounter in node["encounters"]["nodes"]:
            assert encounter["id"].startswith("Encounter/south:") is of_south
            assert encounter["patient"] == {"id": id_}
            if encounter["appointment"] is not None:
                assert encounter["appointment"]["id"].startswith("Appointment/southpms:") is of_south
    assert booked == 2 * len(clinics.north.dataset.pms.appointments)


def test_both_clinics_tell_the_same_of_the_same_people(clinics: Clinics) -> None:
    people = everyone(clinics)

    def told(node: dict[str, Any]) -> Any:
        return (
            [(local(one["id"]), one["start"]) for one in node["appointments"]["nodes"]],
            sorted(local(one["id"]) for one in node["encounters"]["nodes"]),
            node["engagement"],
        )

    for id_ in clinics.north.dataset.resources["Patient"]:
        assert told(people[f"Patient/{id_}"]) == told(people[f"Patient/south:{id_}"])
    assert any(node["engagement"] is not None for node in people.values())


def test_a_record_is_found_again_by_the_id_it_was_given(clinics: Clinics) -> None:
    people = everyone(clinics)
    given = [
        node[kind]["nodes"][0]["id"]
        for node in people.values()
        for kind in ("appointments", "encounters")
        if node[kind]["nodes"]
    ] + list(people)

    for id_ in given:
        answer = clinics.ask("query($id: ID!) { node(id: $id) { __typename id } }", id=id_)
        assert answer["data"]["node"] == {"__typename": id_.partition("/")[0], "id": id_}


def test_the_worklist_of_both_clinics_is_one_by_start(clinics: Clinics) -> None:
    found: list[tuple[str, str]] = []
    after = None
    for _ in range(200):
        answer = clinics.ask(
            """query($after: String) { appointments(first: 7, after: $after) {
            complete nodes { id start } pageInfo { hasNextPage endCursor } } }""",
            after=after,
        )
        page = answer["data"]["appointments"]
        assert page["complete"] is True
        found += [(node["start"], node["id"]) for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break

    assert [start for start, _ in found] == sorted(start for start, _ in found)
    assert len({id_ for _, id_ in found}) == len(found) == 2 * len(clinics.north.dataset.pms.appointments)


def test_a_patients_token_reaches_their_own_clinic_alone(clinics: Clinics) -> None:
    clinics.south.forget()

    mine = clinics.ask("{ patients(first: 20) { nodes { id appointments { nodes { id } } } } }", "patient")
    others = clinics.ask('{ patient(id: "Patient/south:pat-000001") { id name { family } } }', "patient")

    assert [node["id"] for node in mine["data"]["patients"]["nodes"]] == ["Patient/pat-000001"]
    assert others["data"]["patient"] is None
    assert [call for call in clinics.south.asked_all() if call.target.startswith("pms")] == []


def test_a_practice_that_is_down_hides_nothing_of_the_other(clinics: Clinics) -> None:
    before = everyone(clinics)
    query = "{ appointments(first: 50) { complete nodes { id } } }"

    with down(clinics.south, "pms"):
        worklist = clinics.ask(query)
        people = clinics.ask(
            "{ patients(first: 20) { nodes { id appointments(first: 50) { nodes { id } } } } }"
        )
    recovered = _until_whole(clinics, query)

    assert worklist["data"]["appointments"]["complete"] is False
    ids = [node["id"] for node in worklist["data"]["appointments"]["nodes"]]
    assert ids
    assert not [id_ for id_ in ids if "southpms:" in id_]
    (error,) = worklist["errors"]
    assert (error["extensions"]["code"], error["extensions"]["source"]) == ("SOURCE_UNAVAILABLE", "southpms")
    assert "path" not in error
    for node in people["data"]["patients"]["nodes"]:
        if ":" not in node["id"]:
            assert node["appointments"] == {
                "nodes": [{"id": one["id"]} for one in before[node["id"]]["appointments"]["nodes"]]
            }
        else:
            assert node["appointments"] is None
    assert recovered["data"]["appointments"]["complete"] is True


def _until_whole(clinics: Clinics, query: str) -> dict[str, Any]:
    """The answer once the source that was left alone for a while is asked again."""
    last: dict[str, Any] = {}

    def whole() -> bool:
        last.update(clinics.ask(query))
        return "errors" not in last or not last["errors"]

    def fresh() -> bool:
        last.clear()
        return whole()

    _until(fresh, 30, "the practice was not taken up again")
    return last


def test_an_ehr_that_is_down_hides_no_patient_of_the_other(clinics: Clinics) -> None:
    query = "{ patients(first: 50) { complete nodes { id } pageInfo { hasNextPage endCursor } } }"
    pages = []
    with down(clinics.south, "ehr"):
        pages.append(clinics.ask(query))
        after = pages[0]["data"]["patients"]["pageInfo"]["endCursor"]
        if pages[0]["data"]["patients"]["pageInfo"]["hasNextPage"]:
            pages.append(clinics.ask(query.replace("first: 50", f'first: 50, after: "{after}"')))
    _until_whole(clinics, query)

    ids = [
        node["id"] for page in pages if page["data"]["patients"] for node in page["data"]["patients"]["nodes"]
    ]
    assert ids == [f"Patient/{id_}" for id_ in sorted(clinics.north.dataset.resources["Patient"])]
    (error,) = pages[-1]["errors"]
    assert (error["extensions"]["code"], error["extensions"]["source"]) == ("SOURCE_UNAVAILABLE", "south")


def test_readiness_tells_of_each_source(clinics: Clinics) -> None:
    ready = httpx.get(f"{clinics.north.addresses.gateway}/health/ready").json()

    assert [source["name"] for source in ready["sources"]] == [
        "north",
        "south",
        "northpms",
        "southpms",
        "northcrm",
        "southcrm",
    ]
