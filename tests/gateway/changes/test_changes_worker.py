"""The poller: asks, keeps its bookmark, and gets over what goes wrong."""

from __future__ import annotations

import asyncio
import itertools
import logging
import signal
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.changes import Intake, Log, LogUnavailable, MemoryLog, Poller
from gateway.changes.backoff import Backoff
from sources.errors import BookmarkLost, SourceMisread, SourceUnavailable
from sources.model import Change, Mrn
from sources.ports import Noticed
from tests.gateway.changes.made import (
    Chart,
    Feed,
    Opened,
    Remembering,
    change,
    fresh_prefix,
    noticed,
    redis_log,
    running,
    said,
    until,
)

DOWN = SourceUnavailable("pms", "connection refused")
ROOT = Path(__file__).parents[3]


def a_poller(feed: Feed, log: Log, observer: Remembering | None = None, every_s: float = 0.005) -> Poller:
    """A poller of a source whose patients are M1, who is p1, and M2, who is p2."""
    return Poller(feed, Intake(log, Chart(M1="p1", M2="p2")), log, every_s, observer=observer)


async def told(log: Log) -> list[str]:
    """All that is in the log."""
    return said((await log.read(None)).items)


@pytest.mark.anyio
async def test_where_a_source_has_forgotten_what_changed_a_gap_is_told_once_and_it_goes_on(
    opened: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    log, feed = await opened(), Feed(page=2)
    await log.append(change("1"))
    await log.keep_bookmark("pms", "7")
    feed.faults += [BookmarkLost("pms")]
    async with running(a_poller(feed, log).run()):
        await until(lambda: len(feed.asked) > 2)
        feed.changes_made += [noticed("5001", version) for version in range(2)]
        await until(lambda: feed.asked[-1] == "2")

    assert await told(log) == ["1.1", "gap", "5001.0", "5001.1"]
    assert feed.asked[:3] == ["7", None, "0"]
    assert not await log.lost("pms", "7")
    assert ["changes are lost" in record.message for record in caplog.records] == [True]


@pytest.mark.anyio
async def test_a_source_that_tells_of_no_beginning_is_asked_again_later(opened: Opened) -> None:
    log, feed, observer = await opened(), Feed(page=2), Remembering()
    feed.faults += [BookmarkLost("pms")]
    async with running(a_poller(feed, log, observer).run()):
        await until(lambda: len(feed.asked) > 1)

    assert feed.asked[:2] == [None, None]
    assert await told(log) == []


@pytest.mark.anyio
async def test_what_a_source_tells_comes_into_the_log_and_the_bookmark_goes_on(opened: Opened) -> None:
    log, feed = await opened(), Feed(page=2)
    async with running(a_poller(feed, log).run()):
        await until(lambda: len(feed.asked) > 1)
        feed.changes_made += [noticed("5001", version) for version in range(5)]
        await until(lambda: feed.asked[-1] == "5")

    assert await told(log) == [f"5001.{version}" for version in range(5)]
    assert await log.bookmark("pms") == "5"
    assert list(dict.fromkeys(feed.asked)) == [None, "0", "2", "4", "5"]


@pytest.mark.anyio
async def test_the_first_time_it_begins_with_what_happens_from_now_on() -> None:
    log, feed = MemoryLog(), Feed(noticed("5001", 1))
    async with running(a_poller(feed, log).run()):
        await until(lambda: feed.asked[-1:] == ["1"])
        feed.changes_made.append(noticed("5001", 2))
        await until(lambda: feed.asked[-1] == "2")

    assert await told(log) == ["5001.2"]


@pytest.mark.anyio
async def test_a_restart_goes_on_where_the_last_one_was(opened: Opened) -> None:
    log, feed = await opened(), Feed(noticed("5001", 1), noticed("5001", 2))
    await log.keep_bookmark("pms", "1")

    async with running(a_poller(feed, log).run()):
        await until(lambda: feed.asked[-1:] == ["2"])

    assert feed.asked[0] == "1"
    assert await told(log) == ["5001.2"]


@pytest.mark.anyio
async def test_a_source_that_tells_things_again_is_told_once(opened: Opened) -> None:
    log, feed, observer = await opened(), Feed(page=2, again=3), Remembering()
    await log.keep_bookmark("pms", "0")
    feed.changes_made += [noticed("5001", version) for version in range(9)]

    async with running(a_poller(feed, log, observer).run()):
        await until(lambda: feed.asked[-1:] == ["9"])

    assert await told(log) == [f"5001.{version}" for version in range(9)]


@pytest.mark.anyio
@pytest.mark.parametrize(
    "fault",
    [DOWN, SourceMisread("pms", "`updated_at` is no instant"), TimeoutError(), KeyError("canary-name")],
)
async def test_a_source_that_fails_is_asked_again_from_the_same_bookmark(
    fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "gateway")
    log, feed, observer = MemoryLog(), Feed(noticed("5001", 1)), Remembering()
    await log.keep_bookmark("pms", "0")
    feed.faults = [fault, fault]
    poller = a_poller(feed, log, observer)

    async with running(poller.run()):
        await until(lambda: feed.asked[-1:] == ["1"])
        await until(lambda: observer.polls["pms", True] >= 2)

    assert feed.asked[:4] == ["0", "0", "0", "1"]
    assert await told(log) == ["5001.1"]
    assert observer.polls["pms", False] == 2
    assert [record.getMessage() for record in caplog.records] == [
        "changes are not taken in",
        "changes are taken in again",
    ]
    assert "canary" not in caplog.text


@pytest.mark.anyio
async def test_its_health_is_the_last_rounds() -> None:
    log, feed, observer = MemoryLog(), Feed(), Remembering()
    feed.faults = [DOWN] * 1000
    poller = a_poller(feed, log, observer)

    async with running(poller.run()):
        await until(lambda: observer.polls["pms", False] > 0)
        assert poller.health()[:3] == ("pms", "rest", False)
        feed.faults.clear()
        await until(lambda: observer.polls["pms", True] > 0)
        assert poller.health()[:3] == ("pms", "rest", True)


@pytest.mark.anyio
async def test_it_waits_longer_from_failure_to_failure() -> None:
    asked: list[float] = []

    class Down(Feed):
        async def changes(self, bookmark: str | None) -> tuple[list[Noticed], str]:
            asked.append(time.monotonic())
            raise DOWN

    async with running(a_poller(Down(), MemoryLog(), every_s=0.02).run()):
        await until(lambda: len(asked) == 6)

    waits = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert all(wait >= 0.01 * 2**failures for failures, wait in enumerate(waits))


@pytest.mark.anyio
async def test_after_an_answer_it_waits_as_shortly_as_at_first() -> None:
    feed, asked = Feed(), []
    feed.faults = [DOWN] * 7

    class Timed(Remembering):
        def on_poll(self, source: str, answered: bool) -> None:
            asked.append(time.monotonic())
            if answered:
                feed.faults = [DOWN]

    async with running(a_poller(feed, MemoryLog(), Timed(), every_s=0.01).run()):
        await until(lambda: len(asked) == 10)

    waits = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert waits[8] < waits[6]  # after the eighth failure, which followed an answer; after the seventh


@pytest.mark.parametrize(("most_s", "bounds"), [(8.0, [1, 2, 4, 8, 8, 8]), (0.5, [1, 1, 1])])
def test_waits_double_up_to_their_bound_and_begin_anew(most_s: float, bounds: list[float]) -> None:
    backoff = Backoff(1.0, most_s)

    for _ in range(2):
        waits = [backoff.failed() for _ in bounds]
        assert all(bound / 2 <= wait <= bound for wait, bound in zip(waits, bounds, strict=True))
        backoff.succeeded()


@pytest.mark.anyio
async def test_a_source_that_hangs_is_given_up_and_asked_again() -> None:
    class Hanging(Feed):
        async def changes(self, bookmark: str | None) -> tuple[list[Noticed], str]:
            self.asked.append(bookmark)
            await asyncio.sleep(3600)
            return [], ""

    log, feed, observer = MemoryLog(), Hanging(), Remembering()
    poller = Poller(feed, Intake(log, Chart()), log, 0.005, answer_within_s=0.02, observer=observer)

    async with running(poller.run()):
        await until(lambda: observer.polls["pms", False] >= 2)

    assert len(feed.asked) >= 2


@pytest.mark.anyio
async def test_the_bookmark_stays_while_a_patient_cannot_be_told() -> None:
    log, feed, chart, observer = MemoryLog(), Feed(noticed("5001", 1)), Chart(M1="p1"), Remembering()
    chart.patients[Mrn("M1")] = SourceUnavailable("ehr", "connection refused")
    await log.keep_bookmark("pms", "0")

    async with running(Poller(feed, Intake(log, chart), log, 0.005, observer=observer).run()):
        await until(lambda: observer.polls["pms", False] >= 2)
        assert await log.bookmark("pms") == "0"
        chart.patients.update(Chart(M1="p1").patients)
        await until(lambda: feed.asked[-1:] == ["1"])

    assert await told(log) == ["5001.1"]


@pytest.mark.anyio
async def test_cancelled_it_leaves_no_task() -> None:
    before = asyncio.all_tasks()

    async with running(a_poller(feed := Feed(), MemoryLog()).run()) as task:
        await until(lambda: len(feed.asked) > 2)

    assert task.cancelled()
    assert asyncio.all_tasks() == before


class Dying(MemoryLog):
    """A log whose process dies at a given one of its calls, before or after it did what it was called for."""

    def __init__(self) -> None:
        super().__init__()
        self.lives = 10**9

    async def append(self, change: Change) -> str | None:
        self._step()
        cursor = await super().append(change)
        self._step()
        return cursor

    async def keep_bookmark(self, source: str, bookmark: str) -> None:
        self._step()
        await super().keep_bookmark(source, bookmark)
        self._step()

    def _step(self) -> None:
        self.lives -= 1
        if self.lives < 0:
            raise asyncio.CancelledError


async def one_life(log: Log, feed: Feed, end: str) -> None:
    """A poller asks until it dies, or has it all and is stopped."""
    poller = asyncio.create_task(a_poller(feed, log, every_s=0.0).run())
    await until(lambda: poller.done() or feed.asked[-1:] == [end])
    poller.cancel()
    await asyncio.wait([poller])
    assert poller.cancelled()


@settings(max_examples=60, deadline=None)
@given(
    deaths=st.lists(st.integers(0, 12), max_size=8),
    page=st.integers(1, 5),
    again=st.integers(0, 3),
    patients=st.lists(st.sampled_from(["M1", "M2"]), min_size=1, max_size=12),
)
def test_wherever_the_process_dies_nothing_is_lost_or_told_twice(
    deaths: list[int], page: int, again: int, patients: list[str]
) -> None:
    async def story() -> None:
        log = Dying()
        await log.keep_bookmark("pms", "0")
        made = [noticed(f"a{mrn}", version, mrn) for version, mrn in enumerate(patients)]
        for lives in deaths:
            log.lives = lives
            feed = Feed(*made, page=page, again=again)
            await one_life(log, feed, str(len(made)))
        log.lives = 10**9
        feed = Feed(*made, page=page, again=again)
        async with running(a_poller(feed, log, every_s=0.0).run()):
            await until(lambda: feed.asked[-1:] == [str(len(made))])

        assert await told(log) == [f"a{mrn}.{version}" for version, mrn in enumerate(patients)]

    asyncio.run(story())


CHILD = """
import asyncio, os, random, signal, sys
from gateway.changes import Intake, Poller
from tests.gateway.changes.made import Chart, Feed, noticed, redis_log

class Doomed(Feed):
    async def changes(self, bookmark):
        if len(self.asked) == 50:
            asyncio.get_running_loop().call_later(random.random() / 100, os.kill, os.getpid(), signal.SIGKILL)
        return await super().changes(bookmark)

url, prefix, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
feed = Doomed(*(noticed(f"a{number % 7}", number) for number in range(count)), page=3)
log = redis_log(url, prefix)
asyncio.run(Poller(feed, Intake(log, Chart(M1="p1")), log, 0.0005).run())
"""


@pytest.mark.timeout(180)  # it starts processes, which takes its time on a busy machine
@pytest.mark.anyio
async def test_a_process_that_is_killed_loses_nothing(redis_url: str) -> None:
    prefix, count = fresh_prefix(), 250
    log = redis_log(redis_url, prefix)
    await log.keep_bookmark("pms", "0")
    endings = []
    while await log.bookmark("pms") != str(count):
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", CHILD, redis_url, prefix, str(count)), cwd=ROOT
        )
        endings.append(await child.wait())

    told_of_them = said((await log.read(None)).items)
    await log.aclose()
    assert told_of_them == [f"a{number % 7}.{number}" for number in range(count)]
    assert len(endings) >= 2
    assert set(endings) == {-signal.SIGKILL}


@pytest.mark.anyio
async def test_two_processes_may_ask_one_source(opened: Opened) -> None:
    log = await opened()
    await log.keep_bookmark("pms", "0")
    made = [noticed("5001", version) for version in range(40)]
    one, two = Feed(*made, page=3), Feed(*made, page=5)

    async with running(a_poller(one, log).run()), running(a_poller(two, log).run()):
        await until(lambda: one.asked[-1:] == ["40"] and two.asked[-1:] == ["40"])

    assert await told(log) == [f"5001.{version}" for version in range(40)]


@pytest.mark.anyio
async def test_a_log_that_is_away_costs_nothing_but_time() -> None:
    class Away(MemoryLog):
        away = 5

        async def bookmark(self, source: str) -> str | None:
            self.away -= 1
            if self.away > 0:
                raise LogUnavailable("ConnectionError")
            return await super().bookmark(source)

    log, feed = Away(), Feed(noticed("5001", 1))
    await log.keep_bookmark("pms", "0")

    async with running(a_poller(feed, log, every_s=0.001).run()):
        await until(lambda: feed.asked[-1:] == ["1"])

    assert await told(log) == ["5001.1"]
