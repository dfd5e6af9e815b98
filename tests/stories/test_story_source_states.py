"""An answer says how the sources it came from did, to those who may know of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.dataset import generate
from tests.stories.conftest import TODAY
from tests.stories.house import NEVER_S, House, _until, running

PATIENT = "pat-000001"
STORY = """
query Story($id: ID!) {
  patient(id: $id) {
    name { family }
    appointments(first: 2) { nodes { id status } }
    engagement { score }
  }
}
"""
SEES_SOURCES = ("clinician", "practice")
TOLD = {"name", "status", "calls", "latencyMs", "complete"}


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """A house whose sources nothing but these stories asks."""
    with running(generate(5, today=TODAY), poll_seconds=NEVER_S, source_timeout_s=4.0) as made:
        yield made


def _states(answer: dict[str, Any]) -> dict[str, tuple[str, int, bool]]:
    return {it["name"]: (it["status"], it["calls"], it["complete"]) for it in answer["extensions"]["sources"]}


def test_each_source_that_was_asked_is_told_of_once_in_the_order_of_names(house: House) -> None:
    house.forget()
    extensions = house.ask("clinician", STORY, {"id": PATIENT})["extensions"]

    assert [it["name"] for it in extensions["sources"]] == ["crm", "ehr", "pms"]
    assert {it["status"] for it in extensions["sources"]} == {"ok"}
    assert all(it.keys() == TOLD and it["latencyMs"] > 0 for it in extensions["sources"])
    assert sum(it["calls"] for it in extensions["sources"]) == extensions["upstreamCalls"]
    assert extensions["upstreamCalls"] == 3 + len(house.asked_consents())
    assert extensions["complete"] is True


def test_an_answer_that_needs_no_source_tells_of_none(house: House) -> None:
    extensions = house.ask("clinician", "{ me { audience } }")["extensions"]

    assert (extensions["sources"], extensions["complete"]) == ([], True)


def test_introspection_beside_a_question_tells_of_its_sources_too(house: House) -> None:
    query = "{ __schema { queryType { name } } patients(first: 1) { nodes { id } } }"
    assert list(_states(house.ask("clinician", query))) == ["ehr"]


@pytest.mark.parametrize(
    ("mode", "knobs", "status", "calls"),
    [
        ("status", {"value": 500}, "unavailable", 1),
        ("status", {"value": 403}, "rejected", 1),
        ("latency", {"value": 9}, "timeout", 1),
        ("html", {}, "misread", 1),
        ("unknown_field", {}, "misread", 1),
        ("foreign_row", {}, "ok", 1),
    ],
)
def test_a_source_that_does_badly_is_told_of_and_the_answer_is_not_whole(
    house: House, mode: str, knobs: dict[str, Any], status: str, calls: int
) -> None:
    with house.faulty("pms", mode, **knobs):
        answer = house.ask("clinician", STORY, {"id": PATIENT})

    assert _states(answer) == {
        "crm": ("ok", 1, True),
        "ehr": ("ok", 1, True),
        "pms": (status, calls, False),
    }
    assert answer["extensions"]["complete"] is False


@pytest.mark.parametrize("persona", ["patient", "marketer", "partner"])
def test_who_may_not_know_of_the_sources_learns_only_whether_the_answer_is_whole(
    house: House, persona: str
) -> None:
    query = "query P($id: ID!) { patient(id: $id) { id engagement { score } } sources { name } }"
    answer = house.ask(persona, query, {"id": PATIENT})

    denied = {tuple(it["path"]): it["extensions"]["code"] for it in answer["errors"]}
    assert denied[("sources",)] == "FORBIDDEN"
    assert answer["data"]["sources"] is None
    assert answer["extensions"].keys() == {"complete"}
    assert answer["extensions"]["complete"] is True


def test_who_may_not_know_of_the_sources_is_told_when_something_is_missing(house: House) -> None:
    with house.faulty("pms", "foreign_row"):
        answer = house.ask(
            "patient", "{ me { patient { appointments(first: 1) { nodes { id } } } } }", {"id": PATIENT}
        )

    assert "errors" not in answer
    assert answer["extensions"].keys() == {"complete"}
    assert answer["extensions"]["complete"] is False


@pytest.mark.parametrize(("tokens", "calls"), [(1, 1), (2, 2)])
def test_one_token_that_asks_the_same_twice_at_once_asks_the_source_once_and_two_tokens_twice(
    house: House, tokens: int, calls: int
) -> None:
    query = "{ patients(first: 2) { nodes { id name { family } } } }"
    bearers = [house.new_token({"persona": "clinician"}) for _ in range(tokens)]
    asking = [bearers[n % tokens] for n in range(2)]
    for token in bearers:
        house.ask_as(token, query)  # the patients' consents are known from then on
    house.forget()
    answers: list[dict[str, Any]] = []

    def ask(token: str) -> None:
        answers.append(house.ask_as(token, query))

    with house.faulty("ehr", "latency", value=2):
        threads = [threading.Thread(target=ask, args=(token,)) for token in asking]
        threads[0].start()
        _until(lambda: len(house.asked("ehr")) == 1, 20, "the first question did not reach the EHR")
        threads[1].start()
        for thread in threads:
            thread.join()
        asked = len(house.asked("ehr"))

    assert asked == calls
    assert sum(it["extensions"]["upstreamCalls"] for it in answers) == calls
    assert answers[0]["data"] == answers[1]["data"]
    assert len(answers[0]["data"]["patients"]["nodes"]) == 2


def test_the_state_of_each_source_is_on_metrics(house: House) -> None:
    with house.faulty("crm", "status", value=500):
        for _ in range(6):
            house.ask("clinician", STORY, {"id": PATIENT})
        page = house.client.get(f"{house.addresses.gateway}/metrics").text

    for line in (
        'caregraph_source_up{source="ehr"} 1.0',
        'caregraph_source_up{source="crm"} 0.0',
        'caregraph_source_left_alone{source="crm"} 1.0',
        'caregraph_source_left_alone{source="pms"} 0.0',
        'caregraph_source_events_total{event="left_alone",source="crm"} 1.0',
    ):
        assert line in page.splitlines()
