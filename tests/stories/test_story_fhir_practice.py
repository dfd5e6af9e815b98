"""A house whose practice speaks FHIR: the graph is the same, whatever protocol is behind it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from joserfc.jwk import ECKey

from gateway.app import create_app
from gateway.cli.demo import demo_table
from gateway.cli.serve import server
from gateway.settings import read_settings
from sandbox.dataset import generate
from sandbox.pms.fhir import practice_dataset
from sandbox.records import Dataset
from sandbox.serve import background
from tests.sources.fhir_servers import MRNS, TOKEN, VISITS, serving
from tests.stories.conftest import TODAY
from tests.stories.house import STARTS_WITHIN_S, House, _is_ready, _until

WORKLIST = """
query Worklist {
  patients(first: 12) {
    nodes {
      id
      appointments(first: 50) {
        nodes {
          id status start end minutesDuration isTelehealth videoUrl locationName
          serviceType { text } reasonCode { text } practitioners { name { text } }
          encounter { id }
        }
      }
    }
  }
}
"""
BILLS = """
query Bills {
  patients(first: 12) {
    nodes {
      id
      coverage { id status payor plan subscriberId period { start end } }
      balance { amount { value currency } }
    }
  }
}
"""
BOOK = """
query Book {
  appointments(filter: { status: ["booked"] }, first: 10) {
    nodes { id status start patient { id } }
    pageInfo { hasNextPage }
  }
}
"""


@contextmanager
def house_of(
    dataset: Dataset, pms: dict[str, Any] | None = None, ehr: dict[str, Any] | None = None
) -> Iterator[House]:
    """A house over *dataset*, with the practice and the EHR of the demo or those of *pms* and *ehr*."""
    key = ECKey.generate_key("P-384", {"kid": "test-1", "use": "sig", "alg": "ES384"}, private=True)
    with background(dataset, backend_jwks={"keys": [key.as_dict(private=False)]}) as addresses:
        table = demo_table(addresses, key.as_dict(private=True), dataset)
        table |= {"changes": {"poll_seconds": 3_600.0}} | ({"pms": {"pms": pms}} if pms else {})
        table |= {"ehr": {"ehr": ehr}} if ehr else {}
        for role in ("ehr", "pms", "crm"):
            for section in table[role].values():
                section["timeout_s"] = 9.0
        settings = read_settings(environ={}, table=table)
        gateway = server(create_app(settings), settings)
        thread = threading.Thread(target=gateway.run, daemon=True)
        thread.start()
        house = House(addresses, dataset)
        try:
            _until(lambda: _is_ready(house), STARTS_WITHIN_S, "the gateway did not get ready")
            yield house
        finally:
            gateway.should_exit = True
            thread.join(timeout=10)
            house.client.close()


@pytest.fixture(scope="module")
def houses() -> Iterator[tuple[House, House]]:
    """One house with a practice of its own protocol, one with the same practice over FHIR."""
    dataset = generate(12, today=TODAY)
    with serving(practice_dataset(dataset.pms)) as url, house_of(dataset) as rest:
        pms = {
            "kind": "fhir",
            "url": url,
            "mrn_system": MRNS,
            "visit_system": VISITS,
            "auth": {"token": TOKEN},
        }
        with house_of(dataset, pms) as fhir:
            yield rest, fhir


@pytest.mark.parametrize(
    ("persona", "query"),
    [("clinician", WORKLIST), ("clinician", BOOK), ("frontdesk", BOOK), ("frontdesk", BILLS)],
    ids=["worklist", "book", "front desk's book", "bills"],
)
def test_the_answer_is_the_same_whether_the_practice_speaks_fhir_or_not(
    houses: tuple[House, House], persona: str, query: str
) -> None:
    rest, fhir = houses
    expected = rest.data(persona, query)

    assert fhir.data(persona, query) == expected
    rows = expected["patients" if "patients" in expected else "appointments"]["nodes"]
    assert len(rows) >= 10


def test_a_marketer_is_denied_appointments_before_the_practice_is_asked(houses: tuple[House, House]) -> None:
    _, fhir = houses
    query = "{ patients(first: 2) { nodes { id appointments(first: 1) { nodes { id } } } } }"
    answer = fhir.ask("marketer", query)

    assert all(node["appointments"] is None for node in answer["data"]["patients"]["nodes"])
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"FORBIDDEN"}
    assert "pms" not in {source["name"] for source in answer["extensions"].get("sources", [])}
