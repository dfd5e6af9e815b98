"""Clients and sources are watched: a week is replayed, then a burst; it is told, and slowed if so set."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from gateway.telemetry import Metrics
from gateway.volume import Bounds, Volume
from gateway.volume.keeping import keeping
from gateway.volume.watching import HOUR_S, MOST_CLIENTS
from sources.calling import Tally

WEEK_S = 168 * HOUR_S
BOUNDS = Bounds(times=10.0, least_requests=50, least_records=500)


class Replay:
    """A gateway's volume, and a clock that is set by hand."""

    def __init__(self, *, throttles: bool = False) -> None:
        self.now = 3 * WEEK_S
        self.metrics = Metrics()
        self.volume = Volume(BOUNDS, self.metrics, lambda: self.now, throttles=throttles)

    def ask(self, client: str, rows: int = 10) -> None:
        tally = Tally()
        tally.of("ehr").called(1_000)
        tally.of("ehr").rows += rows
        self.volume.took(client, tally)

    def quiet_week(self) -> None:
        """Twelve requests an hour by day; the others ask once a day."""
        for hour in range(168):
            for n in range(12 if 8 <= hour % 24 < 18 else 0):
                self.now = 3 * WEEK_S + hour * HOUR_S + n * 300
                assert self.volume.wait("portal") is None
                self.ask("portal")
            if hour % 24 == 9:
                self.ask("reports", rows=100)
        self.now = 4 * WEEK_S

    def alarms(self) -> dict[tuple[str, str, str], float]:
        samples = [it for metric in self.metrics.volume_alarms.collect() for it in metric.samples]
        return {
            (it.labels["of"], it.labels["name"], it.labels["measure"]): it.value
            for it in samples
            if it.name.endswith("_total")
        }


def test_a_quiet_week_raises_nothing_and_a_burst_of_the_next_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    replay = Replay()
    replay.quiet_week()
    assert replay.alarms() == {}
    replay.now += 10 * HOUR_S

    with caplog.at_level(logging.WARNING):
        for _ in range(300):
            assert replay.volume.wait("portal") is None
            replay.ask("portal", rows=0)

    assert replay.alarms() == {("client", "portal", "requests"): 1, ("source", "ehr", "requests"): 1}
    told = {(getattr(it, "client", None), getattr(it, "source", None)): it for it in caplog.records}
    assert told.keys() == {("portal", None), (None, "ehr")}
    of_client = vars(told["portal", None])
    assert (of_client["kind"], of_client["count"], of_client["usual"]) == ("requests", 120, 12.0)


def test_a_client_that_takes_many_records_in_few_requests_is_told_of() -> None:
    replay = Replay()
    replay.quiet_week()
    replay.now += 9 * HOUR_S
    replay.ask("reports", rows=1_000)

    assert replay.alarms() == {("client", "reports", "records"): 1}


def test_a_client_never_seen_before_has_a_week_and_its_source_is_watched_meanwhile() -> None:
    replay = Replay()
    replay.quiet_week()
    replay.now += 12 * HOUR_S
    for _ in range(1_000):
        replay.ask("stolen", rows=0)

    assert replay.alarms() == {("source", "ehr", "requests"): 1}


def test_an_alarmed_client_is_held_to_its_usual_pace_until_the_hour_is_over_and_no_other_is() -> None:
    replay = Replay(throttles=True)
    replay.quiet_week()
    replay.now += 10 * HOUR_S
    for _ in range(120):
        assert replay.volume.wait("portal") is None
        replay.ask("portal", rows=0)

    assert replay.volume.wait("portal") == 300
    assert replay.volume.wait("reports") is None
    replay.now += 299.5
    assert replay.volume.wait("portal") == 1
    replay.now += 0.5
    assert [replay.volume.wait("portal") for _ in range(2)] == [None, 300]
    replay.now += HOUR_S
    assert [replay.volume.wait("portal") for _ in range(3)] == [None] * 3


def test_unless_so_set_nobody_is_slowed() -> None:
    replay = Replay()
    replay.quiet_week()
    replay.now += 10 * HOUR_S
    for _ in range(500):
        replay.ask("portal")

    assert replay.volume.wait("portal") is None


def test_of_very_many_clients_those_seen_last_are_watched() -> None:
    replay = Replay()
    for n in range(MOST_CLIENTS + 50):
        replay.ask(f"client-{n}")
        replay.ask("client-0")

    kept = replay.volume.kept()["client"]
    assert len(kept) == MOST_CLIENTS
    assert "client-0" in kept
    assert "client-1" not in kept


@pytest.mark.anyio
async def test_what_is_usual_outlives_the_process(tmp_path: Path) -> None:
    path = tmp_path / "usual.json"
    before = Replay()
    async with keeping(before.volume, path):
        before.quiet_week()
        before.now += 60
        before.ask("portal")
    after = Replay()
    after.now = before.now + 10 * HOUR_S
    async with keeping(after.volume, path):
        for _ in range(120):
            after.ask("portal", rows=0)

    assert after.alarms()["client", "portal", "requests"] == 1
    assert os.listdir(tmp_path) == ["usual.json"]


@pytest.mark.anyio
@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"version":2,"client":{},"source":{}}', b'{"version":1,"client":{"a":[[1]]}}']
)
async def test_a_file_that_is_damaged_is_told_of_and_begun_anew(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "usual.json"
    path.write_bytes(content)
    replay = Replay()
    with caplog.at_level(logging.WARNING):
        async with keeping(replay.volume, path):
            replay.ask("portal")

    assert [it.getMessage() for it in caplog.records] == [
        "the file of `volume.file` can't be read; what is usual is learnt anew"
    ]
    again = Replay()
    async with keeping(again.volume, path):
        assert "portal" in again.volume.kept()["client"]
