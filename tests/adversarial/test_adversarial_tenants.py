"""Attacks on other record servers (1 to 14, and three only suspected), tried on this one."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from resolvers.schema import build, core_of
from sandbox.dataset import generate
from tests.adversarial.records import ME, OTHER, asking, codes, consent, owned, refused
from tests.stories.conftest import TODAY
from tests.stories.events import listening
from tests.stories.house import House, running
from tests.stories.sockets import connected

SCHEMA = core_of(build())
PERSON = "pat-"
"""What the id of everybody begins with."""

OF_OTHER = f'{{ patient(id: "Patient/{OTHER}") {{ id name {{ family }} conditions {{ nodes {{ id }} }} }} }}'


def test_01_nobody_can_stamp_a_record_for_nothing_can_be_written(house: House) -> None:
    assert SCHEMA.mutation_type is None
    refused(house, "patient", "mutation { updatePatient { id } }", "GRAPHQL_VALIDATION_FAILED")

    house.data(
        "clinician", "{ patients(first: 3) { nodes { name { family } appointments { nodes { id } } } } }"
    )
    for call in house.asked_all():
        assert call.method == "GET" or call.path.endswith(("_search", "/search", "/batch/read"))


def test_02_each_hop_of_a_chain_is_checked_and_not_the_first_alone(bent: House) -> None:
    (mine, *_) = owned(bent, "Encounter", ME)
    query = (
        f'{{ encounter(id: "Encounter/{mine}") {{ id diagnosis {{ condition {{ id code {{ text }} }} }} }} }}'
    )
    bent.token("patient")
    bent.forget()

    shown = bent.data("patient", query)["encounter"]

    assert shown == {"id": f"Encounter/{mine}", "diagnosis": [{"condition": None}]}
    (asked,) = [call for call in bent.asked("ehr") if call.target == "ehr Condition"]
    assert "subject" in asked.elements, "whose it is was not asked for"


ROADS = {
    "search": "{{ patients {{ nodes {{ id }} }} }}",
    "by name": '{{ patients(search: {{family: "{family}"}}) {{ nodes {{ id }} }} }}',
    "by MRN": '{{ patients(search: {{identifier: "{mrn}"}}) {{ nodes {{ id }} }} }}',
    "by id": '{{ patient(id: "Patient/{other}") {{ id }} }}',
    "node": '{{ node(id: "Patient/{other}") {{ id }} }}',
    "nodes": '{{ nodes(ids: ["Patient/{other}", "Condition/{condition}"]) {{ id }} }}',
    "appointments": '{{ appointments(filter: {{patient: "Patient/{other}"}}) {{ nodes {{ id }} }} }}',
    "encounter": '{{ encounter(id: "Encounter/{encounter}") {{ id }} }}',
}


@pytest.mark.parametrize("road", ROADS)
def test_03_every_road_asks_the_same_question(house: House, road: str) -> None:
    person = house.dataset.resources["Patient"][OTHER]
    mrn = person["identifier"][0]
    query = ROADS[road].format(
        other=OTHER,
        family=person["name"][0]["family"],
        mrn=f"{mrn['system']}|{mrn['value']}",
        condition=owned(house, "Condition", OTHER)[0],
        encounter=owned(house, "Encounter", OTHER)[0],
    )
    house.token("patient")
    house.forget()

    answer = house.ask("patient", query)

    for held in (OTHER, "Condition/", "Encounter/"):
        assert held not in json.dumps(answer["data"])
    for call in house.asked_all():
        assert call.target.startswith("pms") or call.elements <= {"id", "meta", "identifier", "subject"}


WHOLE = """{ node(id: "ID") { id
  ... on Patient { name { family } conditions { nodes { id } } engagement { score } }
  ... on Encounter { status reasonCode { text } patient { name { family } } observations { nodes { id } } }
  ... on Condition { code { text } clinicalStatus { text } }
  ... on Appointment { status reasonCode { text } patient { name { family } } } } }"""
WHOSE_IT_IS = {
    "Patient": (),
    "Encounter": ("ehr Encounter",),
    "Condition": ("ehr Condition",),
    "Appointment": ("ehr Patient", "pms appointments"),
}
"""What it takes to find out whose it is: of whom they named, nothing; a booking tells an MRN, no more."""


@pytest.mark.parametrize("kind", ["Patient", "Encounter", "Condition", "Appointment"])
def test_04_what_is_another_patients_looks_like_what_is_not_there(house: House, kind: str) -> None:
    theirs = OTHER if kind == "Patient" else None
    if kind == "Appointment":
        book = house.dataset.pms.appointments
        mrn = house.dataset.resources["Patient"][OTHER]["identifier"][0]["value"]
        theirs = str(next(row["id"] for row in book if row["patient"]["mrn"] == mrn))
    theirs = theirs or owned(house, kind, OTHER)[0]

    nobodys = "999999" if kind == "Appointment" else "none"

    there, fetched = asking(house, "patient", WHOLE.replace("ID", f"{kind}/{theirs}"))
    nowhere, looked_for = asking(house, "patient", WHOLE.replace("ID", f"{kind}/{nobodys}"))

    assert there["data"] == {"node": None}
    assert there == nowhere
    assert {target for target, _ in looked_for} <= set(WHOSE_IT_IS[kind])
    assert sorted(target for target, _ in fetched) == sorted(WHOSE_IT_IS[kind])
    assert [elements for target, elements in fetched if target == "ehr Patient"] in (
        [],
        [frozenset({"id", "identifier"})],
    )


@pytest.mark.parametrize(
    "query",
    [
        '{ encounter(id: "Encounter/enc-005001") { id } }',
        f'{{ patient(id: "Patient/{ME}") {{ encounters {{ nodes {{ id }} }} }} }}',
        f'{{ patient(id: "Patient/{ME}") {{ appointments {{ nodes {{ encounter {{ id }} }} }} }} }}',
        '{ node(id: "Encounter/enc-005001") { id ... on Encounter { status } } }',
        '{ nodes(ids: ["Encounter/enc-005001"]) { ... on Encounter { patient { id } } } }',
    ],
)
def test_05_a_type_outside_the_scopes_is_closed_at_roots_and_at_references(house: House, query: str) -> None:
    scope = "user/Patient.rs user/Appointment.rs"
    house.token("clinician", scope)
    house.forget()

    answer = house.ask("clinician", query, scope=scope)

    assert "enc-" not in json.dumps(answer["data"])
    assert set(codes(answer)) <= {"FORBIDDEN"}
    assert all(call.target != "ehr Encounter" for call in house.asked_all())


def test_06_consents_remembered_for_one_caller_bind_another_by_what_they_say_of_them(bent: House) -> None:
    query = '{ patient(id: "Patient/pat-000005") { id conditions { nodes { id } } } }'
    for _ in range(2):
        assert bent.data("clinician", query)["patient"]["id"] == "Patient/pat-000005"
        bent.forget()
        assert bent.data("ai", query)["patient"] is None
        assert bent.asked_all() == []


def test_07_a_consent_holds_within_its_period_and_not_after_it(bent: House) -> None:
    query = '{{ patient(id: "Patient/{}") {{ id }} }}'
    assert bent.data("clinician", query.format("pat-000003"))["patient"] == {"id": "Patient/pat-000003"}

    bent.forget()
    assert bent.data("clinician", query.format("pat-000004"))["patient"] is None
    assert bent.asked_all() == []


DEEP = (
    '{ appointments(first: 50, filter: {patient: "Patient/pat-000006"}) { nodes { id encounter { id'
    " observations { nodes { id } } patient { id conditions { nodes { id } } } } } } }"
)


@pytest.mark.parametrize("query", ['{ patient(id: "Patient/pat-000006") { id } }', DEEP], ids=["08", "09"])
def test_08_and_09_a_new_denial_closes_what_was_shown_before_however_deep_it_lies(
    query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resolvers.consents.LONGEST_S", 0.2)
    with running(generate(6, today=TODAY)) as practice:
        assert "pat-000006" in json.dumps(practice.data("clinician", query)) or "Encounter/" in json.dumps(
            practice.data("clinician", query)
        )
        _deny(practice, "pat-000006")

        deadline = time.monotonic() + 30
        while _ids_in(practice.ask("clinician", query)["data"]):
            assert time.monotonic() < deadline, "what was denied is still shown"

        practice.forget()
        assert not _ids_in(practice.ask("clinician", query)["data"])
        assert all(call.target not in ("ehr Observation", "ehr Condition") for call in practice.asked_all())


def _ids_in(data: Any) -> bool:
    text = json.dumps(data)
    return any(
        kind in text for kind in ("Patient/", "Encounter/", "Observation/", "Condition/", "Appointment/")
    )


def _deny(practice: House, patient: str) -> None:
    token = practice.new_token({"system": "ehr"})
    practice.client.put(
        f"{practice.addresses.ehr}/Consent/c-new",
        json=consent("c-new", patient, {"type": "deny"}),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"},
    ).raise_for_status()


@pytest.mark.parametrize("path", ["/fhir/$export", "/fhir/Group/1/$export", "/fhir/Patient/$export"])
def test_10_there_is_no_export_and_no_roster_to_take_it_from(house: House, path: str) -> None:
    assert "Group" not in SCHEMA.type_map
    token = house.token("clinician")
    headers = {
        "Authorization": f"Bearer {token}",
        "Prefer": "respond-async",
        "Accept": "application/fhir+json",
    }
    house.forget()

    for method in ("GET", "POST"):
        answer = house.client.request(method, f"{house.addresses.gateway}{path}", headers=headers)
        assert answer.status_code == 404
        assert "Content-Location" not in answer.headers
        assert PERSON not in answer.text
    assert house.asked_all() == []


ROSTERS = {
    "a group": '{ group(id: "Group/1") { member { id } } }',
    "its node": '{ node(id: "Group/1") { id } }',
    "everybody, by id": "{{ nodes(ids: {ids}) {{ id ... on Patient {{ name {{ family }} }} }} }}",
    "everybody, by list": "{ patients(first: 500) { nodes { id name { family } } } }",
}


@pytest.mark.parametrize("roster", ROSTERS)
def test_10_a_roster_that_cannot_be_checked_is_given_to_nobody(roster: str) -> None:
    """Who is on it is settled by their consents: while those cannot be read nobody is told of anybody."""
    ids = json.dumps([f"Patient/pat-{number:06}" for number in range(1, 7)])
    query = ROSTERS[roster].replace("{{", "{").replace("}}", "}").replace("{ids}", ids)
    with running(generate(6, today=TODAY)) as practice:
        token = practice.token("clinician")
        with practice.faulty("ehr", "status", value=500, path="/fhir/Consent"):
            practice.forget()
            answer = practice.ask_as(token, query)
            fetched = practice.asked_all()

    assert PERSON not in json.dumps(answer)
    assert set(codes(answer)) <= {
        "GRAPHQL_VALIDATION_FAILED",
        "SOURCE_UNAVAILABLE",
        "NOT_FOUND",
        "BAD_USER_INPUT",
    }
    assert {call.target for call in fetched} <= ({"ehr Patient"} if roster == "everybody, by list" else set())


def test_11_a_job_that_is_anothers_and_none_at_all_are_the_same_404(house: House) -> None:
    where = f"{house.addresses.gateway}/fhir/$export-poll-status"
    headers = {"Authorization": f"Bearer {house.token('patient')}"}

    answers = [house.client.get(f"{where}?job={job}", headers=sent) for job in "12" for sent in (headers, {})]

    assert {(it.status_code, it.text) for it in answers} == {(404, answers[0].text)}


PAGED = (
    "query P($after: String) { patients(first: 2, after: $after) { nodes { id } pageInfo { endCursor } } }"
)


@pytest.mark.parametrize("persona", ["patient", "partner", "ai", "marketer"])
def test_11_what_stands_for_anothers_search_goes_on_for_nobody_else(house: House, persona: str) -> None:
    """A cursor is what outlives a request here, as a job does elsewhere."""
    cursor = house.data("clinician", PAGED)["patients"]["pageInfo"]["endCursor"]
    house.token(persona)
    house.forget()

    answer = house.ask(persona, PAGED, {"after": cursor})

    assert (answer["data"], codes(answer)) == ({"patients": None}, ["BAD_USER_INPUT"])
    assert PERSON not in json.dumps(answer)
    assert house.asked_all() == []


def test_12_a_link_between_persons_leads_nowhere_whatever_it_assures(bent: House) -> None:
    assert not {"Person", "RelatedPerson"} & SCHEMA.type_map.keys()
    assert "link" not in getattr(SCHEMA.type_map["Patient"], "fields", {"link"})
    bent.token("patient")
    bent.forget()

    shown = bent.data("patient", "{ patients { nodes { id } } }")

    assert shown == {"patients": {"nodes": [{"id": f"Patient/{ME}"}]}}
    assert all("link" not in call.elements and OTHER not in call.text for call in bent.asked("ehr"))


@pytest.mark.parametrize("persona", ["clinician", "ai"])
def test_13_a_label_that_is_not_known_closes_the_row(bent: House, persona: str) -> None:
    labelled = next(
        id_ for id_, it in bent.dataset.resources["Condition"].items() if "unclassified" in str(it["meta"])
    )
    query = f'{{ node(id: "Condition/{labelled}") {{ id ... on Condition {{ code {{ text }} }} }} }}'

    answer, fetched = asking(bent, persona, query)
    assert answer["data"] == {"node": None}
    assert "errors" not in answer
    assert [target for target, _ in fetched] == ["ehr Condition"], "its label is all that there is to look at"
    assert bent.data("patient", query)["node"]["id"] == f"Condition/{labelled}"


def test_14_what_is_denied_is_denied_by_every_way_in(house: House) -> None:
    token = house.token("marketer")
    headers = {"Authorization": f"Bearer {token}"}
    house.forget()

    posted = house.ask_as(token, OF_OTHER)
    got = house.client.get(house.url, params={"query": OF_OTHER}, headers=headers).json()
    with listening(house, token, OF_OTHER) as stream:
        streamed = stream.told().result
    with connected(house, token) as socket:
        socket.send({"id": "1", "type": "subscribe", "payload": {"query": OF_OTHER}})
        over_socket = socket.received()["payload"]

    ways = [_said(answer) for answer in (posted, got, streamed, over_socket)]
    assert ways[0][0] == {"patient": {"id": f"Patient/{OTHER}", "name": None, "conditions": None}}
    assert all(way == ways[0] for way in ways)
    assert all(call.target == "ehr Patient" and call.elements <= {"id", "meta"} for call in house.asked_all())


def _said(answer: dict[str, Any]) -> tuple[Any, list[Any]]:
    return answer["data"], [(error["path"], error["extensions"]["code"]) for error in answer["errors"]]


def test_suspected_1_a_shared_identifier_makes_no_two_people_one() -> None:
    dataset = generate(8, today=TODAY)
    twin = dict(dataset.resources["Patient"][OTHER])
    twin["identifier"] = dataset.resources["Patient"][ME]["identifier"]
    dataset.add(twin)
    query = "{ appointments(first: 50) { nodes { id patient { id name { family } } } } }"
    with running(dataset) as shared:
        answer = shared.ask("patient", query)

    assert OTHER not in json.dumps(answer)
    assert set(codes(answer)) <= {"UPSTREAM_INVALID_RESPONSE", "SOURCE_MISREAD", "UPSTREAM_MISREAD"}


def test_suspected_2_a_consent_one_grants_oneself_opens_nothing_even_with_a_graft(bent: House) -> None:
    bent.token("patient")
    bent.forget()

    assert bent.data("patient", OF_OTHER) == {"patient": None}
    grafted = owned(bent, "DocumentReference", OTHER)[0]
    assert bent.data("patient", f'{{ node(id: "DocumentReference/{grafted}") {{ id }} }}') == {"node": None}


def test_suspected_3_a_row_that_points_at_ones_own_does_not_become_ones_own(bent: House) -> None:
    (mine, *_) = owned(bent, "Encounter", ME)
    query = f'{{ encounter(id: "Encounter/{mine}") {{ documents {{ nodes {{ id }} }} }} }}'

    for persona in ("patient", "clinician"):
        shown = bent.data(persona, query)["encounter"]["documents"]["nodes"]
        assert {it["id"] for it in shown} <= {
            f"DocumentReference/{id_}" for id_ in owned(bent, "DocumentReference", ME)
        }
