"""Every operation is recorded, and what cannot be recorded is not told."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.cli import main
from sandbox.dataset import generate
from tests.stories.conftest import TODAY
from tests.stories.house import House, running

ASKED = "query Seen { patients(first: 2) { nodes { id name { family } birthDate engagement { score } } } }"


@pytest.fixture(scope="module")
def trail(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trail")


@pytest.fixture(scope="module")
def recorded(trail: Path) -> Iterator[House]:
    with running(generate(3, today=TODAY), trail=trail) as made:
        yield made


def records(trail: Path) -> list[dict[str, Any]]:
    """All that the trail holds, oldest first."""
    with sqlite3.connect(max(trail.glob("*.db"))) as file:
        rows = file.execute("SELECT body FROM records ORDER BY seq").fetchall()
    return [msgspec.json.decode(body) for (body,) in rows]


def test_an_operation_is_in_the_trail_by_the_time_it_is_answered(recorded: House, trail: Path) -> None:
    recorded.data("marketer", ASKED.replace("name { family } birthDate ", ""))

    last = records(trail)[-1]
    assert (last["audience"], last["operation"], last["kind"]) == ("crm", "Seen", "query")
    assert len(last["patients"]) == 2
    patients_and_their_consents = 2
    assert last["calls"] == {"ehr": patients_and_their_consents, "crm": 1}


def test_the_trail_names_no_patient_and_holds_no_value(recorded: House, trail: Path) -> None:
    recorded.data("clinician", ASKED)

    people = recorded.dataset.resources["Patient"].values()
    said = b"".join(file.read_bytes() for file in trail.iterdir())
    for person in people:
        assert person["id"].encode() not in said
        assert person["name"][0]["family"].encode() not in said
        assert person["birthDate"].encode() not in said


def test_the_trail_of_a_running_gateway_verifies(recorded: House, trail: Path) -> None:
    recorded.ask("ai", ASKED)

    assert main(["audit", "verify", str(trail)]) == 0


def test_what_tells_of_a_patient_is_not_told_when_it_cannot_be_recorded(tmp_path: Path) -> None:
    nowhere = tmp_path / "file"
    nowhere.write_text("no folder")
    with running(generate(3, today=TODAY), trail=nowhere / "x") as dead:
        told = dead.ask("clinician", ASKED)
        harmless = dead.ask("clinician", "{ me { audience } }")

    assert told["data"] is None
    (error,) = told["errors"]
    assert (error["extensions"]["code"], error["extensions"]["retryable"]) == ("INTERNAL", True)
    assert harmless["data"] == {"me": {"audience": "clinician"}}
