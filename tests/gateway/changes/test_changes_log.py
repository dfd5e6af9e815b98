"""A log of changes, in memory or in Redis: in order, once, honest about what is gone."""

from __future__ import annotations

import asyncio
import time
from base64 import urlsafe_b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.changes import CursorMalformed, DeadLetter, Gap, MemoryLog, Unresolved
from gateway.changes.place import Place
from sources.model import Change, ChangeKind, ChangeType, Told
from tests.gateway.changes.made import Opened, change, logs, said, whole

KEY_PARTS = st.sampled_from(["5001", "5002", "5001:1"])
CHANGES = st.lists(
    st.builds(
        change,
        id=KEY_PARTS,
        version=st.sampled_from(["1", "2", "1:1"]),
        patient=st.sampled_from(["p1", "p2"]),
        source=st.sampled_from(["pms", "ehr"]),
        kind=st.sampled_from(ChangeKind),
        type=st.sampled_from(ChangeType),
    ),
    max_size=20,
)


@pytest.mark.anyio
async def test_what_was_appended_is_read_in_that_order_and_whole(opened: Opened) -> None:
    log = await opened()
    appended = [change("5001", 1), change("5002", 1, patient="p2"), change("5001", 2)]

    cursors = [await log.append(each) for each in appended]
    batch = await log.read(None)

    assert [whole(told) for told in batch.items if isinstance(told, Told)] == appended
    assert [item.cursor for item in batch.items] == cursors
    assert batch.cursor == cursors[-1]


@pytest.mark.anyio
async def test_a_change_that_comes_again_is_not_appended_again(opened: Opened) -> None:
    log = await opened()

    first = await log.append(change("5001", 1))
    again = await log.append(change("5001", 1, received="2026-11-22T15:00:00Z"))

    assert first is not None
    assert again is None
    assert said((await log.read(None)).items) == ["5001.1"]


@pytest.mark.anyio
async def test_of_many_at_once_with_one_key_one_is_appended(opened: Opened) -> None:
    log = await opened()

    cursors = await asyncio.gather(*(log.append(change("5001", 1)) for _ in range(20)))

    assert len([cursor for cursor in cursors if cursor is not None]) == 1
    assert said((await log.read(None)).items) == ["5001.1"]


@pytest.mark.anyio
async def test_reading_after_each_cursor_gives_what_was_appended_later(opened: Opened) -> None:
    log = await opened()
    start = await log.latest()
    cursors = [await log.append(change("5001", version)) for version in (1, 2, 3)]

    rest = [said((await log.read(cursor)).items) for cursor in (start, *cursors)]

    assert rest == [["5001.1", "5001.2", "5001.3"], ["5001.2", "5001.3"], ["5001.3"], []]


@pytest.mark.anyio
async def test_a_limit_parts_a_long_read_without_losing_or_doubling(opened: Opened) -> None:
    log = await opened()
    for version in range(5):
        await log.append(change("5001", version))

    one = await log.read(None, limit=2)
    two = await log.read(one.cursor, limit=2)
    three = await log.read(two.cursor, limit=2)

    assert [said(batch.items) for batch in (one, two, three)] == [
        ["5001.0", "5001.1"],
        ["5001.2", "5001.3"],
        ["5001.4"],
    ]


@pytest.mark.anyio
async def test_the_latest_cursor_is_behind_everything(opened: Opened) -> None:
    log = await opened()

    empty = await log.latest()
    appended = await log.append(change())

    assert await log.latest() == appended != empty


@pytest.mark.anyio
async def test_a_reader_that_waits_is_woken_by_the_next_change(opened: Opened) -> None:
    log = await opened()
    cursor = await log.latest()

    began = time.monotonic()
    reading = asyncio.create_task(log.read(cursor, wait_s=30))
    await asyncio.sleep(0.05)
    await log.append(change())

    assert said((await asyncio.wait_for(reading, 10)).items) == ["5001.1"]
    assert time.monotonic() - began < 1.9  # below the longest wait: it did not come by chance


@pytest.mark.anyio
async def test_a_reader_of_an_empty_log_is_woken_by_its_first_change(opened: Opened) -> None:
    log = await opened()

    reading = asyncio.create_task(log.read(None, wait_s=1.5))
    await asyncio.sleep(0.05)
    await log.append(change())

    assert said((await asyncio.wait_for(reading, 10)).items) == ["5001.1"]


@pytest.mark.anyio
async def test_a_reader_that_waits_in_vain_stays_where_it_is(opened: Opened) -> None:
    log = await opened()
    cursor = await log.append(change())

    batch = await log.read(cursor, wait_s=0.05)

    assert batch == ((), cursor)


@pytest.mark.anyio
async def test_a_cancelled_reader_disturbs_no_later_one(opened: Opened) -> None:
    log = await opened()
    cursor = await log.latest()
    readers = [asyncio.create_task(log.read(cursor, wait_s=30)) for _ in range(5)]
    await asyncio.sleep(0.05)

    for reader in readers:
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)
    appended = [await log.append(change("5001", version)) for version in range(10)]

    assert None not in appended
    assert said((await log.read(cursor)).items) == [f"5001.{version}" for version in range(10)]


@pytest.mark.anyio
async def test_a_cursor_older_than_what_is_kept_is_told_as_a_gap_before_the_oldest(opened: Opened) -> None:
    log = await opened(kept=5)
    cursor = await log.append(change("5001", 0))
    for version in range(1, 400):
        await log.append(change("5001", version))

    batch = await log.read(cursor)
    kept = (await log.read(None)).items

    gap = batch.items[0]
    assert isinstance(gap, Gap)
    assert batch.items[1:] == kept
    assert 5 <= len(kept) < 399
    assert said(kept)[-1] == "5001.399"
    assert (await log.read(gap.cursor)).items == kept


@pytest.mark.anyio
async def test_a_cursor_just_before_the_oldest_kept_is_no_gap(opened: Opened) -> None:
    log = await opened(kept=5)
    cursors = [await log.append(change("5001", version)) for version in range(400)]
    kept = (await log.read(None)).items

    before = cursors[400 - len(kept) - 1]

    assert (await log.read(before)).items == kept


@pytest.mark.anyio
async def test_a_cursor_of_another_log_is_told_as_a_gap(opened: Opened) -> None:
    log, other = await opened(), await opened()
    earlier = await other.append(change("5009", 1))
    await log.append(change("5001", 1))
    later = await other.append(change("5009", 2))

    for cursor in (earlier, later):
        batch = await log.read(cursor)

        assert said(batch.items) == ["gap", "5001.1"]
        assert said((await log.read(batch.items[0].cursor)).items) == ["5001.1"]


@pytest.mark.anyio
async def test_a_cursor_of_another_log_is_a_gap_in_an_empty_one_too_and_once(opened: Opened) -> None:
    log, other = await opened(), await opened()

    batch = await log.read(await other.latest())

    assert said(batch.items) == ["gap"]
    assert (await log.read(batch.cursor)).items == ()


@pytest.mark.anyio
async def test_a_place_that_was_never_reached_is_told_as_a_gap(opened: Opened) -> None:
    log = await opened()
    cursor = await log.append(change("5001", 1))
    assert cursor is not None
    place = Place.of(cursor)
    ahead = Place(place.epoch, place.count + 7, place.major + 7, place.minor)

    batch = await log.read(ahead.cursor)

    assert said(batch.items) == ["gap"]
    assert batch.cursor == cursor


@pytest.mark.anyio
@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "é", "lKE", "A" * 200, "a b", "2 or 1=1"])
async def test_what_is_no_cursor_is_refused_in_words_that_hold_nothing_of_it(
    opened: Opened, cursor: str
) -> None:
    log = await opened()

    with pytest.raises(CursorMalformed) as refused:
        await log.read(cursor)

    assert str(refused.value) == "the cursor is not one of ours; subscribe without it to begin from now"


@given(text=st.text(max_size=60) | st.binary(max_size=40).map(lambda raw: raw.hex()))
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    try:
        place = Place.of(text)
    except CursorMalformed:
        return
    assert Place.of(place.cursor) == place


@pytest.mark.anyio
async def test_a_cursor_holds_nothing_of_the_change(opened: Opened) -> None:
    log = await opened()

    cursor = await log.append(change("appointment-5001", "v77", patient="patient-1", source="practice"))

    assert cursor is not None
    held = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    assert not [part for part in (b"5001", b"v77", b"patient", b"practice") if part in held]


@pytest.mark.anyio
async def test_a_dead_letter_is_kept_once_and_the_oldest_go_first(opened: Opened) -> None:
    log = await opened()  # of three letters
    letters = [DeadLetter(change(str(id), patient=""), Unresolved.UNKNOWN) for id in range(5)]

    is_new = [await log.bury(letter) for letter in letters]
    again = await log.bury(DeadLetter(letters[-1].change, Unresolved.UNANSWERED))
    kept = list(await log.letters())

    assert all(is_new)
    assert not again
    assert kept == letters[-3:]


@pytest.mark.anyio
async def test_a_change_that_was_a_dead_letter_may_still_be_appended(opened: Opened) -> None:
    log = await opened()
    await log.bury(DeadLetter(change(patient=""), Unresolved.UNKNOWN))

    assert await log.append(change()) is not None


@pytest.mark.anyio
async def test_bookmarks_are_kept_by_source(opened: Opened) -> None:
    log = await opened()

    await log.keep_bookmark("pms", "17")
    await log.keep_bookmark("ehr", "2026-11-22T14:00:00Z")
    await log.keep_bookmark("pms", "18")

    kept = [await log.bookmark(source) for source in ("pms", "ehr", "crm")]
    assert kept == ["18", "2026-11-22T14:00:00Z", None]


@given(changes=CHANGES, limit=st.integers(1, 5))
def test_each_key_is_told_once_and_in_the_order_of_its_first_coming(
    log_kind: str, redis_url: str, changes: list[Change], limit: int
) -> None:
    async def story() -> None:
        async with logs(log_kind, redis_url) as opened:
            log = await opened()
            cursors = [await log.append(each) for each in changes]
            told: list[Change] = []
            cursor = None
            while (batch := await log.read(cursor, limit=limit)).items:
                told += [whole(item) for item in batch.items if isinstance(item, Told)]
                cursor = batch.cursor

            expected = {each.key: each for each in reversed(changes)}
            firsts = [each for each in changes if expected[each.key] is each]
            assert told == firsts
            assert [cursor is None for cursor in cursors] == [expected[c.key] is not c for c in changes]

    asyncio.run(story())


@pytest.mark.anyio
async def test_in_memory_the_oldest_keys_are_forgotten_beyond_their_number() -> None:
    log = MemoryLog(kept=2, remembered=3)
    for version in range(4):
        await log.append(change("5001", version))

    assert await log.append(change("5001", 1)) is None
    assert await log.append(change("5001", 0)) is not None
