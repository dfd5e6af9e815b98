"""A gateway that records in PostgreSQL: what happens to its callers while the database is gone, and after."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.audit.postgresql_trail import opened
from gateway.cli import main
from sandbox.dataset import generate
from tests.postgres import PostgresProcess
from tests.stories.conftest import TODAY
from tests.stories.events import listening
from tests.stories.house import House, running
from tests.stories.sockets import until

OF_PATIENTS = "query Seen { patients(first: 2) { nodes { id name { family } } } }"
HARMLESS = "{ me { audience } }"


@pytest.fixture
def url(postgres_of_my_own: PostgresProcess) -> str:
    return postgres_of_my_own.database()


@pytest.fixture
def house(url: str, tmp_path: Path) -> Iterator[House]:
    with running(generate(3, today=TODAY), trail=tmp_path, audit_url=url) as made:
        yield made


def test_a_dead_database_stops_what_tells_of_patients_and_nothing_else_until_it_is_back(
    house: House, url: str, postgres_of_my_own: PostgresProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    house.data("clinician", OF_PATIENTS)
    postgres_of_my_own.stop()

    dead = house.ask("clinician", OF_PATIENTS)
    with listening(house, house.token("clinician"), OF_PATIENTS) as stream:
        dead_too = stream.told().result
    harmless = house.ask("clinician", HARMLESS)

    for told in (dead, dead_too):
        assert told["data"] is None
        (error,) = told["errors"]
        assert (error["extensions"]["code"], error["extensions"]["retryable"]) == ("INTERNAL", True)
    assert harmless["data"] == {"me": {"audience": "clinician"}}

    postgres_of_my_own.start()
    until(lambda: house.ask("clinician", OF_PATIENTS)["data"] is not None, "patients are still refused")
    with opened(url) as part:
        found = [stored.record() for stored in part.records]
    assert {len(record.patients) for record in (found[0], found[-1])} == {2}
    assert main(["audit", "verify", "--url", url]) == 0
    assert "are all there and unchanged" in capsys.readouterr().out


def test_a_database_that_stands_still_stops_what_tells_of_patients_in_time(
    house: House, postgres_of_my_own: PostgresProcess
) -> None:
    house.data("clinician", OF_PATIENTS)

    with postgres_of_my_own.frozen():
        told = house.ask("clinician", OF_PATIENTS)
        harmless = house.ask("clinician", HARMLESS)

    assert told["data"] is None
    assert harmless["data"] == {"me": {"audience": "clinician"}}
    until(lambda: house.ask("clinician", OF_PATIENTS)["data"] is not None, "patients are still refused")
