"""Practices that send messages or write files: their settings, and the gateway's adapters at work."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gateway.adapters.assembling import adapters
from gateway.adapters.pms_files import FilesFeed
from gateway.adapters.pms_hl7v2 import Hl7Feed
from gateway.adapters.sections import Means
from gateway.configuration import SettingsError, read
from gateway.measuring import Measuring
from gateway.settings import read_settings
from gateway.telemetry import Metrics, tracer_provider
from sandbox.pms.export import Export
from sandbox.pms.sender import line
from sandbox.records import Pms
from sources.pms.files import FilesPractice
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
        assert [one.name for one in kept.changes] == ["main", "north"]

    counted = measuring.metrics.registry.get_sample_value(
        "caregraph_source_messages_total", {"source": "north", "outcome": "applied"}
    )
    assert counted == 1.0
    sample = measuring.metrics.registry.get_sample_value
    age = sample("caregraph_source_age_seconds", {"source": "north"})
    assert age is not None
    assert 0 <= age < 3_600
    assert sample("caregraph_source_stale", {"source": "north"}) == 0.0
    assert practice.health().as_of is not None


FILES = {
    "time_zone": "America/Chicago",
    "mrn_system": "urn:mrn",
    "visit_system": "urn:visit",
    "path": "/srv/pms",
    "feeds": {
        "book": {
            "kind": "appointments",
            "pattern": "book_{stamp}.csv",
            "columns": {"id": "ID", "mrn": "CHART", "status": "STATUS", "start": "STARTS"},
            "whole": "sha256",
        }
    },
}
SFTP = {"host": "files.example", "username": "caregraph", "known_hosts": "/etc/known_hosts"}


def with_book(**changed: Any) -> dict[str, Any]:
    return {**FILES, "feeds": {"book": {**FILES["feeds"]["book"], **changed}}}  # type: ignore[index]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({**FILES, "feeds": {}}, "`feeds` have no appointments"),
        (with_book(kind="pictures"), "`feeds.book.kind` is not usable; set it to one of appointments"),
        (with_book(pattern="book.csv"), "`feeds.book` cannot be used: a pattern is a name of files"),
        (
            with_book(columns={"id": "ID"}),
            "`feeds.book` cannot be used: appointments need a column for `mrn`",
        ),
        (with_book(most_deleted=2), "feeds.book.most_deleted"),
        ({**FILES, "sftp": SFTP}, "is missing, and so is `password`"),
    ],
)
def test_files_that_cannot_be_used_are_told_with_the_next_step(given: dict[str, Any], why: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(FilesFeed, given, {})
    (only,) = caught.value.faults
    assert why in only


def test_a_password_for_sftp_does_not_show() -> None:
    given = read(FilesFeed, {**FILES, "sftp": {**SFTP, "password": "hidden-word"}}, {})
    built = given.build("pms", Means())

    assert "hidden-word" not in f"{given!r} {vars(given._folder())!r}"
    assert built.source.name == "pms"


@pytest.mark.anyio
async def test_a_folder_is_looked_at_as_long_as_the_gateway_s_adapters_run(tmp_path: Path) -> None:
    given = table()
    where = {
        "path": str(tmp_path),
        "directory": str(tmp_path / "data"),
        "look_every_s": 0.05,
        "timeout_s": 30.0,
    }
    given["pms"] = {"north": {**FILES, "kind": "files", **where}}
    environ = {name: value for name, value in SECRETS.items() if "PMS" not in name}
    kept = adapters(read_settings(table=given, environ=environ), [])
    (practice,) = [source for source in kept.sources.every if isinstance(source, FilesPractice)]
    content = b"ID,CHART,STATUS,STARTS\n7,MRN-7,booked,2026-12-01T10:00\n"
    Export(tmp_path, Pms()).write("book_20261120010000.csv", content)

    async with kept.running():
        async with asyncio.timeout(30):
            while not await practice.files():  # noqa: ASYNC110 - another task writes it to the disk
                await asyncio.sleep(0.05)
        (found,) = (await kept.sources.book.appointments(["7"], frozenset())).values()

    assert getattr(found, "patient_mrn", None) == "MRN-7"
