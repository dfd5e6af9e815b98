"""A practice that sends messages: its settings, and the gateway's adapters with its listener at work."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gateway.adapters.assembling import adapters
from gateway.adapters.pms_hl7v2 import Hl7Feed
from gateway.adapters.sections import Means
from gateway.configuration import SettingsError, read
from gateway.measuring import Measuring
from gateway.settings import read_settings
from gateway.telemetry import Metrics, tracer_provider
from sandbox.pms.sender import line
from sources.pms.hl7v2 import Hl7Practice
from tests.gateway.test_settings import SECRETS, table
from tests.sources.test_hl7_messages import siu

FEED = {"time_zone": "America/Chicago", "mrn_system": "urn:mrn", "visit_system": "urn:visit"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"time_zone": "Mars/Olympus"}, "is not known; set it to a name of the IANA"),
        ({"charset": "EBCDIC"}, "is not read here; set it to a name of table 0211"),
        ({"database": "mysql://host/db"}, "is not usable: a projection is in SQLite or PostgreSQL"),
        ({"statuses": {"Here": "present"}}, "statuses"),
        ({"tls": {"certificate": "c.pem"}}, "tls.key"),
        ({"processing_id": "X"}, "processing_id"),
    ],
)
def test_what_cannot_be_used_is_told_with_the_next_step(given: dict[str, Any], why: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(Hl7Feed, {**FEED, **given}, {})
    (only,) = caught.value.faults
    assert why in only


def test_a_password_in_the_database_s_url_does_not_show() -> None:
    given = read(Hl7Feed, {**FEED, "database": "postgresql://u:hidden-word@host/db"}, {})

    assert "hidden-word" not in f"{given!r} {given.build('pms', Means()).source!r}"


@pytest.mark.anyio
async def test_the_listener_starts_and_stops_with_the_gateway_s_adapters(tmp_path: Path) -> None:
    given = table()
    feed = {**FEED, "kind": "hl7v2", "port": 0, "directory": str(tmp_path), "timeout_s": 30.0}
    given["pms"] = {"north": feed}
    environ = {name: value for name, value in SECRETS.items() if "PMS" not in name}
    measuring = Measuring(Metrics(), tracer_provider("tests", exporter=None).get_tracer("tests"))
    kept = adapters(read_settings(table=given, environ=environ), [measuring])
    (practice,) = [source for source in kept.sources.every if isinstance(source, Hl7Practice)]

    async with kept.running():
        async with asyncio.timeout(30), line(await practice.listening()) as sender:
            assert "\rMSA|AA|" in await sender.send(siu())
        (found,) = (await kept.sources.book.appointments(["FI-100"], frozenset())).values()
        assert getattr(found, "patient_mrn", None) == "MRN77"
        assert [one.name for one in kept.changes] == ["north"]

    counted = measuring.metrics.registry.get_sample_value(
        "caregraph_source_messages_total", {"source": "north", "outcome": "applied"}
    )
    assert counted == 1.0
