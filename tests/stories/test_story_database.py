"""A house whose practice is a bare database: the same answers as over the practice's REST API."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from joserfc.jwk import ECKey

from gateway.app import create_app
from gateway.cli.demo import demo_table
from gateway.cli.serve import server
from gateway.settings import read_settings
from sandbox.dataset import generate
from sandbox.serve import background
from tests.postgres import PostgresProcess
from tests.sources.practice_tables import MAPPED, STATUSES, laid_out
from tests.stories.house import House, _is_ready, _until

TODAY = date(2026, 11, 22)

WORKLIST = """{ appointments(first: 40) { nodes { id status start end minutesDuration isTelehealth
  locationName
  reasonCode { text } serviceType { text coding { code } }
  patient { id mrn appointments { nodes { id } } } practitioners { name { family } } location { name }
  encounter { id appointment { id } } } pageInfo { hasNextPage } } }"""


@pytest.fixture(scope="module")
def houses(postgres: PostgresProcess) -> Iterator[tuple[House, dict[str, Any]]]:
    """A house over the database, and the worklist as one over the REST API told it."""
    dataset = generate(12, today=TODAY)
    url = postgres.database()
    laid_out(url, dataset).dispose()
    key = ECKey.generate_key("P-384", {"kid": "test-1", "use": "sig", "alg": "ES384"}, private=True)
    with background(dataset, backend_jwks={"keys": [key.as_dict(private=False)]}) as at:
        table = demo_table(at, key.as_dict(private=True), dataset)
        for role in ("ehr", "pms", "crm"):
            table[role][role]["timeout_s"] = 9.0
        rest, house = table["pms"]["pms"], House(at, dataset)
        with Serving(table, house):
            over_rest = house.ask("clinician", WORKLIST)
        table["pms"]["pms"] = {
            "kind": "database",
            "url": url,
            "timeout_s": 9.0,
            "time_zone": rest["time_zone"],
            "mrn_system": rest["mrn_system"],
            "visit_system": rest["visit_system"],
            "statuses": STATUSES,
            **{of: {"table": it.name, "columns": dict(it.columns)} for of, it in MAPPED.items()},
        }
        with Serving(table, house):
            yield house, over_rest
        house.client.close()


class Serving:
    """A gateway by that table of settings, for the block."""

    def __init__(self, table: dict[str, Any], house: House) -> None:
        settings = read_settings(environ={}, table=table)
        self._gateway = server(create_app(settings), settings)
        self._thread = threading.Thread(target=self._gateway.run, daemon=True)
        self._house = house

    def __enter__(self) -> None:
        self._thread.start()
        _until(lambda: _is_ready(self._house), 30, "the gateway did not get ready")

    def __exit__(self, *_: object) -> None:
        self._gateway.should_exit = True
        self._thread.join(timeout=10)


def test_the_worklist_is_the_same_over_the_database(houses: tuple[House, dict[str, Any]]) -> None:
    house, over_rest = houses

    answer = house.ask("clinician", WORKLIST)

    assert "errors" not in answer
    assert answer["data"] == over_rest["data"]
    assert len(answer["data"]["appointments"]["nodes"]) == 40


def test_calls_to_the_database_are_counted_as_those_to_any_source(
    houses: tuple[House, dict[str, Any]],
) -> None:
    house, over_rest = houses

    answer = house.ask("clinician", WORKLIST)

    def of_the_practice(told: dict[str, Any]) -> Any:
        (source,) = [one for one in told["extensions"]["sources"] if one["name"] == "pms"]
        return source["status"], source["calls"], source["complete"]

    assert of_the_practice(answer) == of_the_practice(over_rest)


def test_the_office_reads_what_is_owed(houses: tuple[House, dict[str, Any]]) -> None:
    house, _ = houses

    answer = house.data(
        "frontdesk",
        "{ patients(first: 3) { nodes { balance { amount { value currency } } coverage { payor } } } }",
    )

    assert any(node["balance"] for node in answer["patients"]["nodes"])
