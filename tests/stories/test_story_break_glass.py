"""Break-glass over real sockets: who may declare it, what comes of it when it lapses, what is kept of it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.dataset import generate
from tests.stories.conftest import TODAY
from tests.stories.house import House, running
from tests.stories.sockets import change_booking, connected
from tests.stories.test_story_recorded import records

ONE = "pat-000001"
REASON = "Unconscious, brought in by ambulance"
RECORD = "query Look($id: ID!) { patient(id: $id) { id name { family } conditions { nodes { id } } } }"
CHANGES = "subscription { changes(types: [APPOINTMENT]) { recordId } }"
DECLARED = {"patient": f"Patient/{ONE}", "reason": REASON}


class Clock:
    """The time, and how far it was turned on."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


@pytest.fixture(scope="module")
def trail(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trail")


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def ward(trail: Path, clock: Clock) -> Iterator[House]:
    """A house with a trail, whose break-glass lapses by a clock that stories may turn on."""
    with running(generate(4, today=TODAY), poll_seconds=0.1, trail=trail, clock=clock) as made:
        yield made


def ask(house: House, token: str, said: Any, query: str = RECORD) -> dict[str, Any]:
    answer = house.client.post(
        house.url,
        json={"query": query, "variables": {"id": f"Patient/{ONE}"}, "extensions": {"breakGlass": said}},
        headers={"Authorization": f"Bearer {token}"},
    )
    decoded: dict[str, Any] = answer.json()
    return decoded


def counted(house: House, outcome: str) -> float:
    metrics = house.client.get(f"{house.addresses.gateway}/metrics").text
    found = re.search(rf'^caregraph_break_glass_total{{outcome="{outcome}"}} (\S+)$', metrics, re.MULTILINE)
    return float(found[1]) if found is not None else 0.0


def test_a_declaration_is_answered_with_its_end_and_recorded_and_counted(ward: House, trail: Path) -> None:
    before = counted(ward, "declared")

    answer = ask(ward, ward.token("clinician"), DECLARED)

    assert answer["data"]["patient"]["id"] == f"Patient/{ONE}"
    broken = answer["extensions"]["breakGlass"]
    assert (broken["patient"], broken["part2Emergency"]) == (f"Patient/{ONE}", False)
    declared, operation = records(trail)[-2:]
    assert (declared["kind"], declared["purpose"]) == ("break-glass", "BTG")
    assert declared["emergency"]["reason"] == REASON
    assert operation["emergency"] == {
        "patient": declared["patients"][0],
        "until": declared["emergency"]["until"],
        "declared": declared["trace_id"],
    }
    assert counted(ward, "declared") == before + 1


def test_a_request_that_declares_nothing_is_in_no_emergency_though_a_session_is_open(
    ward: House, trail: Path
) -> None:
    token = ward.new_token({"persona": "clinician"})
    ask(ward, token, DECLARED)

    answer = ward.ask_as(token, RECORD, {"id": f"Patient/{ONE}"})

    assert "breakGlass" not in answer["extensions"]
    assert "emergency" not in records(trail)[-1]


@pytest.mark.parametrize("persona", ["patient", "frontdesk", "partner", "marketer", "ai"])
def test_nobody_but_those_who_treat_may_declare_it_and_nothing_runs(
    ward: House, trail: Path, persona: str
) -> None:
    before, refused = len(records(trail)), counted(ward, "refused")
    ward.forget()

    answer = ask(ward, ward.token(persona), DECLARED)

    assert "data" not in answer
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "FORBIDDEN"
    assert error["message"] == "Only those who treat patients may break the glass."
    assert REASON not in str(answer)
    assert ward.asked_all() == []
    assert not any(record["kind"] == "break-glass" for record in records(trail)[before:])
    assert counted(ward, "refused") == refused + 1


def test_what_is_no_declaration_is_refused_and_nothing_runs(ward: House) -> None:
    ward.forget()

    answer = ask(ward, ward.token("clinician"), {"patient": f"Patient/{ONE}", "reason": "because"})

    assert "data" not in answer
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_USER_INPUT"]
    assert ward.asked_all() == []


def test_it_is_never_declared_in_a_url(ward: House) -> None:
    ward.forget()

    answer = ward.client.get(
        ward.url,
        params={"query": "{ me { purpose } }", "extensions": '{"breakGlass": {"patient": "Patient/p1"}}'},
        headers={"Authorization": f"Bearer {ward.token('clinician')}"},
    )

    assert answer.status_code == 400
    assert "Use POST" in answer.json()["errors"][0]["message"]
    assert ward.asked_all() == []


def test_a_session_lapses_after_fifteen_minutes_and_is_then_refused(ward: House, clock: Clock) -> None:
    token = ward.new_token({"persona": "clinician"})
    ask(ward, token, DECLARED)
    used = ask(ward, token, {"patient": f"Patient/{ONE}"})
    clock.ahead_s += 15 * 60
    ward.forget()

    lapsed = ask(ward, token, {"patient": f"Patient/{ONE}"})

    assert used["data"]["patient"]["id"] == f"Patient/{ONE}"
    assert "data" not in lapsed
    assert lapsed["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert "Declare it anew" in lapsed["errors"][0]["message"]
    assert ward.asked_all() == []


def test_a_subscription_outlives_the_emergency_it_began_in_but_not_its_wider_view(
    ward: House, clock: Clock
) -> None:
    booking = next(it["id"] for it in ward.dataset.pms.appointments if it["patient"]["mrn"] == "MRN-000001")
    with connected(ward, ward.token("clinician")) as client:
        client.subscribe(CHANGES, extensions={"breakGlass": DECLARED})
        change_booking(ward, booking, reason="Moved once")
        within = client.received()["payload"]
        clock.ahead_s += 15 * 60
        change_booking(ward, booking, reason="Moved twice")
        after = client.received()["payload"]

    assert within["data"] == after["data"] == {"changes": {"recordId": f"Appointment/{booking}"}}
    assert within["extensions"]["breakGlass"]["patient"] == f"Patient/{ONE}"
    assert "breakGlass" not in after["extensions"]


def test_a_subscription_by_one_who_may_not_does_not_start(ward: House) -> None:
    with connected(ward, ward.token("ai")) as client:
        payload = {"query": CHANGES, "extensions": {"breakGlass": DECLARED}}
        client.send({"id": "1", "type": "subscribe", "payload": payload})
        message = client.received()

    assert message["type"] == "error"
    assert [error["extensions"]["code"] for error in message["payload"]] == ["FORBIDDEN"]


def test_the_reason_is_in_the_trail_and_nowhere_else(
    ward: House, trail: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    reason = "Anaphylaxis after a sting, no history at hand"

    answer = ask(ward, ward.token("clinician"), {**DECLARED, "reason": reason})

    assert records(trail)[-2]["emergency"]["reason"] == reason
    assert reason not in str(answer)
    assert reason not in ward.client.get(f"{ward.addresses.gateway}/metrics").text
    assert reason not in str([call.text for call in ward.asked_all()])
    assert reason not in "".join(capfd.readouterr())


def test_what_can_not_be_recorded_breaks_no_glass_and_nothing_runs(tmp_path: Path) -> None:
    nowhere = tmp_path / "file"
    nowhere.write_text("no folder")
    with running(generate(2, today=TODAY), trail=nowhere / "x") as dead:
        dead.forget()
        answer = ask(dead, dead.token("clinician"), DECLARED, query="{ me { purpose } }")

        assert "data" not in answer
        (error,) = answer["errors"]
        assert (error["extensions"]["code"], error["extensions"]["retryable"]) == ("INTERNAL", True)
        assert "Break-glass could not be recorded" in error["message"]
        assert dead.asked_all() == []
