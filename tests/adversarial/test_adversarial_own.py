"""Attacks on what a graph over three systems adds (15 to 23): caches, arguments, feeds, scopes, audit."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from resolvers.schema import build, core_of
from sandbox.dataset import generate
from sandbox.pms.sender import line
from sources.pms.hl7v2.observing import Outcome
from tests.adversarial.conftest import Bait
from tests.adversarial.records import ME, OTHER, codes, owned, refused
from tests.sources.hl7 import Counted, feed, port_of
from tests.sources.test_hl7_messages import siu
from tests.stories.conftest import TODAY
from tests.stories.house import House, running

SCHEMA = core_of(build())
WHO = f'{{ patient(id: "Patient/{OTHER}") {{ id name {{ family }} birthDate engagement {{ score }} }} }}'
LABORATORY = "http://terminology.hl7.org/CodeSystem/observation-category|laboratory"


def test_15_what_one_was_shown_is_kept_for_no_other(house: House) -> None:
    expected = {
        persona: house.ask(persona, WHO)["data"] for persona in ("clinician", "marketer", "patient", "ai")
    }
    assert expected["patient"] == {"patient": None}
    assert expected["marketer"]["patient"]["name"] is None
    assert expected["ai"]["patient"]["birthDate"] == expected["clinician"]["patient"]["birthDate"][:4]

    with ThreadPoolExecutor(8) as pool:
        asked = [*expected] * 10
        answers = list(pool.map(lambda persona: house.ask(persona, WHO)["data"], asked))

    assert answers == [expected[persona] for persona in asked]


@pytest.mark.parametrize(
    ("persona", "query"),
    [
        ("ai", '{ patients(search: {family: "A"}) { nodes { id } } }'),
        ("ai", '{ patients(search: {identifier: "urn:x|1"}) { nodes { id } complete } }'),
        ("partner", '{ patients(search: {birthDate: "1968-04-12"}) { nodes { id } } }'),
        (
            "ai",
            '{ a: patients(search: {name: "A"}) { complete } b: patients(search: {name: "B"}) { complete } }',
        ),
        ("marketer", '{ appointments(filter: {status: ["booked"]}) { nodes { id } } }'),
    ],
)
def test_16_what_may_not_be_read_may_not_be_filtered_or_counted_by(
    house: House, persona: str, query: str
) -> None:
    house.token(persona)
    house.forget()

    answer = house.ask(persona, query)

    assert set((answer["data"] or {"none": None}).values()) == {None}
    assert set(codes(answer)) == {"FORBIDDEN"}
    assert house.asked_all() == []


def test_16_nothing_counts_sorts_or_shows_what_a_record_holds_beside_its_fields() -> None:
    names = {f"{of.name}.{name}" for of in SCHEMA.type_map.values() for name in getattr(of, "fields", {})}
    arguments = {
        name for of in SCHEMA.type_map.values() for it in getattr(of, "fields", {}).values()
        for name in getattr(it, "args", {})
    }  # fmt: skip
    fields = {name.partition(".")[2] for name in names}
    assert not fields & {"totalCount", "total", "count", "contained", "extension", "div", "assigner", "meta"}
    assert not arguments & {"sort", "orderBy", "_sort", "_include", "_revinclude", "_has", "_filter"}


def test_16_a_document_named_by_its_hash_alone_is_unknown_whoever_ran_it(house: House) -> None:
    house.data("clinician", WHO)
    sent = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}}
    house.forget()

    for persona in ("clinician", "marketer"):
        headers = {"Authorization": f"Bearer {house.token(persona)}"}
        answer = house.client.post(house.url, json=sent, headers=headers).json()
        assert codes(answer) == ["PERSISTED_QUERY_NOT_FOUND"]
    assert house.asked_all() == []


def test_16_what_is_there_and_withheld_costs_what_is_not_there_for_all_they_are_told(house: House) -> None:
    book = {row["patient"]["mrn"]: row["id"] for row in house.dataset.pms.appointments}
    theirs = book[house.dataset.resources["Patient"][OTHER]["identifier"][0]["value"]]

    there = house.ask("patient", f'{{ appointment(id: "Appointment/{theirs}") {{ id }} }}')
    nowhere = house.ask("patient", '{ appointment(id: "Appointment/999999") { id } }')

    assert there == nowhere == {"data": {"appointment": None}, "extensions": {"complete": True}}


@pytest.mark.parametrize(
    "query",
    [
        "{ me { " + " ".join(f"a{n}: audience" for n in range(60)) + " } }",
        "{ " + " ".join(f'r{n}: node(id: "Patient/{OTHER}") {{ id }}' for n in range(30)) + " }",
        "{ ...A } "
        + " ".join(f"fragment {a} on Query {{ ...{b} ...{b} }}" for a, b in pairwise("ABCDEFG"))
        + " fragment G on Query { " + " ".join(f"g{n}: me {{ audience }}" for n in range(9)) + " }",
    ],
    ids=["aliases", "roots", "fragments"],
)  # fmt: skip
def test_17_many_questions_in_one_are_refused_before_anyone_is_asked(house: House, query: str) -> None:
    house.token("clinician")
    house.forget()

    answer = house.ask("clinician", query)

    assert answer.get("data") is None
    assert len(codes(answer)) == 1
    assert house.asked_all() == []


def test_17_a_batch_is_no_request(house: House) -> None:
    headers = {"Authorization": f"Bearer {house.token('clinician')}"}
    house.forget()

    answer = house.client.post(house.url, json=[{"query": WHO}] * 2, headers=headers)

    assert answer.status_code == 400
    assert "data" not in answer.json()
    assert house.asked_all() == []


def test_18_there_is_no_entity_to_forge_a_representation_of(house: House) -> None:
    forged = json.dumps({"__typename": "Patient", "id": OTHER})
    query = "query($r: [String!]!) { _entities(representations: $r) { ... on Patient { id } } }"
    answer = refused(house, "patient", query, "GRAPHQL_VALIDATION_FAILED", {"r": [forged]})
    assert OTHER not in json.dumps(answer)
    refused(house, "patient", "{ _service { sdl } }", "GRAPHQL_VALIDATION_FAILED")
    assert SCHEMA.query_type is not None
    assert not {"_entities", "_service"} & SCHEMA.query_type.fields.keys()


FORGED = {
    "a record under another type": "Condition/{encounter}",
    "a person under a type of theirs": "Engagement/{person}",
    "a part of a record": "HumanName/{person}",
    "the root": "Query/1",
    "a way round": "Encounter/../Patient/{person}",
    "a query in it": "Patient/{person}?_include=*",
    "two": "Patient/{own},{person}",
    "a URL": "https://evil.example/Patient/{person}",
    "a version": "Patient/{person}/_history/1",
}


@pytest.mark.parametrize("name", FORGED)
def test_18_a_forged_type_or_id_is_looked_up_as_nothing_else(house: House, name: str) -> None:
    """`node` is what a representation is elsewhere: its type is believed for what it finds alone."""
    forged = FORGED[name].format(encounter=owned(house, "Encounter", ME)[0], person=OTHER, own=ME)
    house.token("patient")
    house.forget()

    answer = house.ask("patient", "query N($id: ID!) { node(id: $id) { __typename id } }", {"id": forged})

    assert (answer.get("data") or {"node": None}) == {"node": None}
    assert set(codes(answer)) <= {"BAD_USER_INPUT"}
    assert all(
        not isinstance(error.get("message"), str) or OTHER not in error["message"]
        for error in answer.get("errors", ())
    )
    assert {call.target for call in house.asked_all()} <= {"ehr Condition"}
    assert all(OTHER not in call.text for call in house.asked_all())


def test_19_the_crm_is_read_by_its_key_and_nothing_is_written_back(house: House) -> None:
    house.forget()
    house.data(
        "clinician", f'{{ patient(id: "Patient/{ME}") {{ name {{ family }} engagement {{ score }} }} }}'
    )

    (call,) = house.asked("crm")
    assert (call.method, call.path) == ("POST", "/crm/v3/objects/contacts/batch/read")
    assert set(call.body["properties"]) <= {"care_key", "engagement_score"}
    assert ME not in call.text
    assert SCHEMA.mutation_type is None


def test_20_an_address_in_a_record_is_followed_by_nobody(bent: House, bait: Bait) -> None:
    grafted = owned(bent, "DocumentReference", OTHER)[0]
    shown = bent.ask(
        "clinician",
        f'{{ node(id: "DocumentReference/{grafted}") {{ ...D }}'
        f' patient(id: "Patient/{ME}") {{ id generalPractitioner {{ id }} }} }}'
        " fragment D on DocumentReference { content { attachment { url } } }",
    )

    assert shown["data"]["node"]["content"][0]["attachment"]["url"] == f"{bait.url}/note"
    assert bait.asked == []


@pytest.mark.anyio
async def test_21_a_message_under_a_used_number_changes_nothing(
    tmp_path: Path, anyio_backend: Any, caplog: pytest.LogCaptureFixture
) -> None:
    counted = Counted()
    async with feed(tmp_path, observers=[counted]) as practice, line(await port_of(practice)) as sender:
        text = siu()
        forged = text.replace("Booked^Booked^HL70278", "Cancelled")
        first, second, third = [await sender.send(each) for each in (text, forged, text)]

    assert ("\rMSA|AA|" in first, "\rMSA|AE|" in second) == (True, True)
    assert third == first
    assert counted.outcomes == [Outcome.APPLIED, Outcome.CONFLICT, Outcome.DUPLICATE]


@pytest.mark.parametrize(
    "scope",
    [
        "user/Observation.rs?code:in=http://x",
        "user/Observation.",
        "user/Observation.dus",
        "user/Observation.sr",
    ],
    ids=["a modifier", "no permission", "letters that mean nothing", "letters out of order"],
)
def test_22_a_scope_that_is_not_understood_opens_nothing(outsider: Any, scope: str) -> None:
    stage, token, patient = outsider(f"user/Patient.rs {scope}")
    rows = "{ id observations { nodes { id } } }"
    query = f'{{ me {{ ignoredScopes }} patient(id: "Patient/{patient}") {rows} }}'

    answer, requests = stage.asked(token, query)

    assert answer["data"]["me"]["ignoredScopes"] == [scope]
    assert answer["data"]["patient"] == {"id": f"Patient/{patient}", "observations": None}
    assert codes(answer) == ["FORBIDDEN"]
    assert all("/Observation" not in one["path"] for one in requests)


def test_22_a_row_with_two_categories_is_opened_by_either_and_no_other_row(outsider: Any) -> None:
    stage, token, patient = outsider(
        f"user/Patient.rs user/Observation.rs?category={LABORATORY}".replace("laboratory", "vital-signs")
    )
    rows = "{ observations { nodes { id category { coding { code } } } } }"
    query = f'{{ patient(id: "Patient/{patient}") {rows} }}'

    answer, requests = stage.asked(token, query)

    shown = answer["data"]["patient"]["observations"]["nodes"]
    assert all("vital-signs" in json.dumps(row["category"]) for row in shown)
    assert {row["id"].partition("/")[2] for row in shown} == stage.with_category(patient, "vital-signs")
    (asked,) = [one for one in requests if "/Observation" in one["path"]]
    assert "vital-signs" in asked["body"]


def test_23_what_cannot_be_recorded_is_not_told(tmp_path: Path) -> None:
    nowhere = tmp_path / "file"
    nowhere.write_text("no folder")
    with running(generate(2, today=TODAY), trail=nowhere / "x") as dead:
        answer = dead.ask("clinician", f'{{ patient(id: "Patient/{ME}") {{ name {{ family }} }} }}')
        plain = dead.ask("clinician", "{ me { audience } }")

    assert answer.get("data") is None
    assert codes(answer) == ["INTERNAL"]
    assert plain["data"] == {"me": {"audience": "clinician"}}
