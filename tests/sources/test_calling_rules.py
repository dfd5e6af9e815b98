"""The small rules of calling: when to retry, when to rest, what a misread says, whose rows are whose."""

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sources.calling import (
    Fault,
    Nonconforming,
    Reader,
    Reply,
    Unasked,
    in_chunks,
    many_each,
    one_each,
    only_asked,
)
from sources.calling.breaker import Breaker
from sources.calling.retry import retry_after, wait_before_retry
from sources.errors import SourceError, SourceMisread, SourceUnavailable
from sources.ports import Found

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0),
        (" 120 ", 120),
        ("-1", None),
        ("1.5", None),
        ("٣", None),
        (format_datetime(NOW + timedelta(seconds=30), usegmt=True), 30),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), 0),
        ("Fri, 20 Nov 2026 12:00:05 -0000", 5),
        ("soon", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


@given(st.text(max_size=60))
@example("9" * 50)
@example("Mon, 99 Nov 9999 99:99:99 GMT")
def test_any_retry_after_gives_a_time_that_is_not_negative_or_none(header: str) -> None:
    seconds = retry_after(header, NOW)

    assert seconds is None or 0 <= seconds < float("inf")


@pytest.mark.parametrize("status", [200, 207, 301, 400, 401, 403, 404, 408, 500, 502, 504])
def test_most_answers_are_not_worth_asking_again(status: int) -> None:
    assert wait_before_retry(Reply(status, {}, b""), 1) is None


@pytest.mark.parametrize("ending", [Fault.BROKEN, Reply(429, {}, b""), Reply(503, {}, b"")])
@given(attempt=st.integers(1, 5))
def test_without_a_word_of_the_source_the_wait_is_short_and_grows(
    ending: Reply | Fault, attempt: int
) -> None:
    wait = wait_before_retry(ending, attempt)

    assert wait is not None
    assert 0 <= wait <= 0.05 * 2**attempt


@pytest.mark.parametrize("fault", [Fault.SLOW, Fault.TOO_BIG, Fault.UNREADABLE])
def test_a_call_that_would_fail_again_is_not_repeated(fault: Fault) -> None:
    assert wait_before_retry(fault, 1) is None


def test_the_breaker_opens_rests_and_lets_one_call_through() -> None:
    now = [0.0]
    breaker = Breaker(2, 5.0, lambda: now[0])
    for _ in range(2):
        assert breaker.admits()
        breaker.failed()

    resting = breaker.admits()
    now[0] = 5.0
    probe, meanwhile = breaker.admits(), breaker.admits()
    breaker.failed()
    resting_again = breaker.admits()
    now[0] = 10.0
    second_probe = breaker.admits()
    breaker.succeeded()

    assert (resting, probe, meanwhile, resting_again, second_probe) == (False, True, False, False, True)
    assert [breaker.admits() for _ in range(3)] == [True, True, True]


def test_a_probe_whose_caller_went_away_leaves_room_for_another() -> None:
    now = [0.0]
    breaker = Breaker(1, 1.0, lambda: now[0])
    breaker.failed()
    now[0] = 1.0
    assert breaker.admits()
    breaker.abandoned()

    assert breaker.admits()


def test_a_success_in_between_starts_the_count_anew() -> None:
    breaker = Breaker(2, 1.0, lambda: 0.0)
    breaker.failed()
    breaker.succeeded()
    breaker.failed()

    assert breaker.admits()


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    day: str
    flags: list[bool] = []
    more: dict[str, int] = {}


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    inner: Inner
    code: str = msgspec.field(default="", name="theCode")


READER = Reader[Outer](Outer, "Thing")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ('{"inner": {"day": "Jane"}, "jane": 1}', "Thing: unknown field `jane`"),
        ('{"inner": {"day": "Jane", "Jane Doe": 1}}', "Thing.inner: unknown field of a strange name"),
        ('{"inner": {}}', "Thing.inner: `day` is missing"),
        ('{"inner": {"day": 7}}', "Thing.inner.day: int instead of str"),
        ('{"inner": {"day": null}}', "Thing.inner.day: null instead of str"),
        ('{"inner": {"day": "x", "flags": [true, "Jane"]}}', "Thing.inner.flags[]: str instead of bool"),
        ('{"inner": {"day": "x", "more": {"Jane": "Doe"}}}', "Thing.inner.more[]: str instead of int"),
        ('{"inner": "Jane"}', "Thing.inner: str instead of object"),
        ("[]", "Thing: array instead of object"),
        ("Jane", "Thing: not JSON that can be read"),
        ('{"inner": {"day": "Jane', "Thing: not JSON that can be read"),
        ('{"inner": ' + "[" * 5000, "Thing.inner: array instead of object"),
        ("", "Thing: not JSON that can be read"),
    ],
)
def test_a_misread_names_the_place_and_never_the_value(body: str, why: str) -> None:
    with pytest.raises(Nonconforming) as raised:
        READER.read(body.encode())

    assert str(raised.value) == why


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.just("SECRET"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["inner", "day", "flags", "more", "theCode", "SE CRET"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)


@given(JSON)
def test_no_value_gets_into_a_misread(value: Any) -> None:
    said = refusal_of(json.dumps(value).encode())

    assert re.fullmatch(r"(?:Thing[\w.\[\]]*: [\w `|]+)?", said)
    assert "SE" not in said


def refusal_of(body: bytes) -> str:
    try:
        READER.read(body)
    except Nonconforming as fault:
        return str(fault)
    return ""


@given(st.binary(max_size=40))
def test_any_bytes_are_refused_as_what_they_are(body: bytes) -> None:
    assert refusal_of(body).startswith("Thing")


KEYS = st.sampled_from("abcd")


class Row(NamedTuple):
    id: str
    value: int = 0


ROWS = st.builds(Row, st.sampled_from("0123456789"), st.just(0))


@given(st.lists(st.tuples(KEYS, ROWS)), st.lists(st.tuples(KEYS, st.just("why"))), st.sets(KEYS))
def test_rows_come_under_the_keys_that_were_asked_for_or_not_at_all(
    rows: list[tuple[str, Row]], unread: list[tuple[str, str]], asked: set[str]
) -> None:
    keys = [key for key, _ in rows] + [key for key, _ in unread]
    foreign = [key for key in keys if key not in asked]
    dropped: list[int] = []
    if 2 * len(foreign) > len(keys):
        for each in (one_each, many_each):
            with pytest.raises(Unasked):
                each("lab", rows, unread, asked, dropped.append)
        assert dropped == [len(foreign)] * 2
        return

    many = many_each("lab", rows, unread, asked, dropped.append)
    one = one_each("lab", rows, unread, asked, dropped.append)

    assert many.keys() == one.keys() == set(keys) & asked
    assert dropped == ([len(foreign)] * 2 if foreign else [])
    for key, mine in many.items():
        expected = list(dict.fromkeys(row for other, row in rows if other == key))
        is_bad = key in dict(unread)
        assert isinstance(mine, SourceMisread) if is_bad else mine == expected


def none_dropped(rows: int) -> None:
    raise AssertionError


@given(st.lists(st.integers(0, 9)), st.integers(0, 10))
def test_of_a_search_only_what_was_searched_for_is_kept_unless_most_is_not(
    rows: list[int], bound: int
) -> None:
    expected = [row for row in rows if row < bound]
    others = len(rows) - len(expected)
    dropped: list[int] = []
    if others > len(expected):
        with pytest.raises(Unasked):
            only_asked(rows, lambda row: row < bound, dropped.append)
    else:
        assert only_asked(rows, lambda row: row < bound, dropped.append) == expected

    assert dropped == ([others] if others else [])


def test_a_key_that_several_records_bear_names_none_of_them() -> None:
    first, second, third = object(), object(), object()
    found = one_each(
        "lab", [("a", first), ("a", second), ("b", third), ("b", third)], [], {"a", "b"}, none_dropped
    )

    assert isinstance(found["a"], SourceMisread)
    assert found["a"].why == "several records bear one key"
    assert found["b"] is third


def test_rows_that_bear_one_id_and_differ_cost_their_key() -> None:
    rows = [("a", Row("1")), ("a", Row("1", 5)), ("b", Row("1")), ("b", Row("2")), ("b", Row("1"))]
    found = many_each("lab", rows, [], {"a", "b"}, none_dropped)

    assert str(found["a"]) == "source `lab`: several records bear one id"
    assert found["b"] == [Row("1"), Row("2")]


@pytest.mark.parametrize("each", [one_each, many_each])
def test_a_row_that_does_not_tell_its_key_is_nobodys(each: Any) -> None:
    with pytest.raises(Unasked):
        each("lab", [(None, 1)], [], {"a"}, [].append)
    with pytest.raises(Unasked):
        each("lab", [], [(None, "why")], {"a"}, [].append)


@given(st.lists(st.integers(0, 30), max_size=40), st.integers(1, 7))
def test_every_key_is_asked_for_once_and_few_enough_at_a_time(keys: list[int], size: int) -> None:
    asked: list[list[int]] = []

    async def ask(chunk: Any) -> Found[int, str]:
        asked.append(list(chunk))
        return {key: str(key) for key in chunk}

    found = asyncio.run(in_chunks(keys, size, ask))

    assert found == {key: str(key) for key in keys}
    assert [key for chunk in asked for key in chunk] == list(dict.fromkeys(keys))
    assert all(1 <= len(chunk) <= size for chunk in asked)


@pytest.mark.anyio
async def test_a_chunk_that_fails_costs_its_own_keys_only() -> None:
    async def ask(chunk: Any) -> Found[int, str]:
        if 3 in chunk:
            raise SourceUnavailable("lab", "it failed")
        return {key: "row" for key in chunk}

    found = await in_chunks([1, 2, 3, 4, 5], 2, ask)

    assert {key: type(row) for key, row in found.items()} == {
        1: str,
        2: str,
        3: SourceUnavailable,
        4: SourceUnavailable,
        5: str,
    }


@pytest.mark.anyio
@pytest.mark.parametrize("size", [1, 9])
async def test_if_every_chunk_fails_the_call_fails(size: int) -> None:
    async def ask(chunk: Any) -> Found[int, str]:
        raise SourceUnavailable("lab", "it failed")

    with pytest.raises(SourceError, match="it failed"):
        await in_chunks([1, 2, 3], size, ask)
