"""A house whose practice sends HL7 v2: its book, what changes of its patients, and what its silence tells."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey

from gateway.cli.demo import demo_table
from gateway.cli.demo_practice import described
from sandbox.dataset import generate
from sandbox.pms.messages import Messages
from sandbox.pms.sender import line
from sandbox.serve import background
from tests.stories.conftest import TODAY
from tests.stories.events import listening
from tests.stories.house import House, _until
from tests.stories.test_story_database import Serving

BOOK = "query Book($id: ID!) { patient(id: $id) { appointments(first: 50) { nodes { id status } } } }"
SOURCES = "{ sources { name status asOf up } }"
CHANGES = """
subscription Changes {
  changes(types: [PATIENT]) { kind type source recordId record { ... on Patient { id } } patient { id } }
}
"""


class Practice:
    """The sandbox's practice at its line to the gateway."""

    def __init__(self, port: int, time_zone: str) -> None:
        self.port = port
        self.messages = Messages(time_zone)

    def send(self, *texts: str) -> list[str]:
        """The codes of the answers."""
        return asyncio.run(self._sent(texts))

    async def _sent(self, texts: tuple[str, ...]) -> list[str]:
        async with asyncio.timeout(60), line(self.port) as sender:
            return [(await sender.send(text)).split("\rMSA|")[1][:2] for text in texts]

    def listens(self) -> bool:
        """Whether the gateway does."""
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
        except OSError:
            return False
        return True


class Street:
    """A house and its practice, and the table of settings."""

    def __init__(self, house: House, practice: Practice, table: dict[str, Any]) -> None:
        self.house = house
        self.practice = practice
        self.table = table

    def state(self) -> dict[str, Any]:
        """What operators are told of the practice."""
        sources = self.house.data("frontdesk", SOURCES)["sources"]
        (found,) = [each for each in sources if each["name"] == "pms"]
        return dict(found)


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    dataset = generate(5, today=TODAY)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    key = ECKey.generate_key("P-384", {"kid": "test-1", "use": "sig", "alg": "ES384"}, private=True)
    with background(dataset, backend_jwks={"keys": [key.as_dict(private=False)]}) as at:
        table = demo_table(at, key.as_dict(private=True), dataset)
        rest = table["pms"]["pms"]
        alike = {name: rest[name] for name in ("time_zone", "mrn_system", "visit_system")}
        folder = tmp_path_factory.mktemp("feed")
        table["pms"]["pms"] = described("hl7v2", at, Path(folder), alike) | {"port": port}
        table["changes"] = {"poll_seconds": 0.2}
        for role in ("ehr", "pms", "crm"):
            table[role][role]["timeout_s"] = 9.0
        house = House(at, dataset)
        yield Street(house, Practice(port, dataset.pms.time_zone), table)
        house.client.close()


def test_a_practice_that_sends_is_in_the_graph_and_its_silence_is_told(street: Street) -> None:
    house, practice = street.house, street.practice
    rows = [row for row in house.dataset.pms.appointments if row["patient"]["mrn"] == "MRN-000001"]
    with Serving(street.table, house):
        _until(practice.listens, 30, "the gateway did not listen")
        assert street.state()["asOf"] is None
        assert set(practice.send(*map(practice.messages.booked, rows))) == {"AA"}
        before = house.ask("frontdesk", BOOK, {"id": "Patient/pat-000001"})
        state = street.state()

        with listening(house, house.token("clinician"), CHANGES) as listener:
            patient = house.dataset.pms.patients[1]
            assert practice.send(practice.messages.patient(patient, datetime.now(UTC), "A31")) == ["AA"]
            told = listener.told().result["data"]["changes"]

    street.table["pms"]["pms"]["stale_after_h"] = 0.000_001
    with Serving(street.table, house):
        after = house.ask("frontdesk", BOOK, {"id": "Patient/pat-000001"})
        stale = street.state()

    booked = {f"Appointment/{row['id']}" for row in rows}
    assert {row["id"] for row in before["data"]["patient"]["appointments"]["nodes"]} == booked
    assert after["data"] == before["data"]
    assert (state["status"], state["up"]) == ("ANSWERING", True)
    assert (stale["status"], stale["up"]) == ("STALE", True)
    assert state["asOf"] < stale["asOf"]
    for answer, status, as_of in ((before, "ok", state["asOf"]), (after, "stale", stale["asOf"])):
        (found,) = [each for each in answer["extensions"]["sources"] if each["name"] == "pms"]
        assert (found["status"], found["asOf"], found["complete"]) == (status, as_of, True)
    assert told == {
        "kind": "UPDATED",
        "type": "PATIENT",
        "source": "pms",
        "recordId": "Patient/pat-000002",
        "record": {"id": "Patient/pat-000002"},
        "patient": {"id": "Patient/pat-000002"},
    }
