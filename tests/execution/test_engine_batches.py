"""Each way a batch can go wrong, and what the others in it get all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from resolvers.batching import Loader, NotFetched, Tasks
from sources.errors import SourceMisread, SourceUnavailable
from tests.execution.by_hand import ByHand, Directly, Fetched, answered, causes, thing, to

pytestmark = pytest.mark.anyio

THREE = [
    thing(id="1", friend_key="a", friend_keys=("a", "b")),
    thing(id="2", friend_key="b", friend_keys=()),
    thing(id="3", friend_key=None, friend_keys=("c", "a")),
]
FRIENDS = "{ grid { id friend { id } } }"


def three(**friends: Any) -> tuple[ByHand, Fetched]:
    """Three things, and their friends by key."""
    fetch = Fetched(friends)
    return ByHand({"Query.grid": to([THREE]), "Thing.friend": fetch}), fetch


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 - what is waited for tells no event
            await asyncio.sleep(0)


async def test_a_level_asks_once_for_all_its_rows() -> None:
    loaders, fetch = three(a=thing(id="A"), b=thing(id="B"))

    result = await answered(FRIENDS, loaders)

    assert result.data == {
        "grid": [
            [
                {"id": "1", "friend": {"id": "A"}},
                {"id": "2", "friend": {"id": "B"}},
                {"id": "3", "friend": None},
            ]
        ]
    }
    assert result.errors == []
    assert fetch.asked == [["a", "b"]]


async def test_an_answer_in_another_order_lands_under_its_own_keys() -> None:
    async def backwards(keys: Sequence[str]) -> dict[str, Any]:
        return {key: thing(id=key.upper()) for key in reversed(keys)}

    loaders = ByHand({"Query.grid": to([THREE]), "Thing.friend": backwards})

    result = await answered(FRIENDS, loaders)

    assert result.data is not None
    assert [each["friend"] for each in result.data["grid"][0]] == [{"id": "A"}, {"id": "B"}, None]


async def test_a_loader_that_raises_fails_each_row_at_its_own_path_and_no_row_without_a_key() -> None:
    async def broken(keys: Sequence[str]) -> dict[str, Any]:
        raise SourceUnavailable("ehr", "it did not answer")

    loaders = ByHand({"Query.grid": to([THREE]), "Thing.friend": broken})

    result = await answered(FRIENDS, loaders)

    assert result.data is not None
    assert [each["friend"] for each in result.data["grid"][0]] == [None, None, None]
    assert causes(result) == {
        ("grid", 0, 0, "friend"): "SourceUnavailable",
        ("grid", 0, 1, "friend"): "SourceUnavailable",
    }


async def test_a_key_that_fails_costs_its_own_field_alone() -> None:
    loaders, _ = three(a=SourceMisread("ehr", "`id` is missing"), b=thing(id="B"))

    result = await answered(FRIENDS, loaders)

    assert result.data is not None
    assert [each["friend"] for each in result.data["grid"][0]] == [None, {"id": "B"}, None]
    assert causes(result) == {("grid", 0, 0, "friend"): "SourceMisread"}


async def test_a_key_that_is_absent_is_null_without_an_error() -> None:
    loaders, _ = three(b=thing(id="B"))

    result = await answered(FRIENDS, loaders)

    assert result.data is not None
    assert [each["friend"] for each in result.data["grid"][0]] == [None, {"id": "B"}, None]
    assert result.errors == []


@pytest.mark.parametrize("given", [0, 1, 3], ids=["none", "too few", "too many"])
async def test_a_loader_that_gives_another_number_of_values_than_keys_fails_them_all(given: int) -> None:
    async def miscounted(keys: Sequence[str]) -> list[Any]:
        return [thing(id=f"of whom? {n}") for n in range(given)]

    async def root(keys: Sequence[None]) -> list[Any]:
        return [[THREE] for _ in keys]

    loaders = Directly({"Query.grid": root, "Thing.friend": miscounted})

    result = await answered(FRIENDS, loaders)

    assert result.data is not None
    assert [each["friend"] for each in result.data["grid"][0]] == [None, None, None]
    assert causes(result) == {
        ("grid", 0, 0, "friend"): "WrongCount",
        ("grid", 0, 1, "friend"): "WrongCount",
    }


async def test_a_list_of_keys_that_fail_fails_item_by_item_and_an_empty_one_not_at_all() -> None:
    loaders, fetch = three(a=SourceMisread("ehr", "`id` is missing"), c=thing(id="C"))

    result = await answered("{ grid { friends { id } } }", loaders)

    assert result.data == {
        "grid": [[{"friends": [None, None]}, {"friends": []}, {"friends": [{"id": "C"}, None]}]]
    }
    assert causes(result) == {
        ("grid", 0, 0, "friends", 0): "SourceMisread",
        ("grid", 0, 2, "friends", 1): "SourceMisread",
    }
    assert fetch.asked == [["a", "b", "c"]]


async def test_a_row_whose_key_raises_fails_alone() -> None:
    rows = [thing(id="1", friend_key="a"), thing(id="2")]
    loaders = ByHand({"Query.grid": to([rows]), "Thing.friend": Fetched({"a": thing(id="A")})})

    result = await answered(FRIENDS, loaders)

    assert result.data == {"grid": [[{"id": "1", "friend": {"id": "A"}}, {"id": "2", "friend": None}]]}
    assert causes(result) == {("grid", 0, 1, "friend"): "AttributeError"}


async def test_rows_without_keys_ask_nobody() -> None:
    rows = [
        thing(id="1", friend_key=None, friend_keys=None),
        thing(id="2", friend_key=None, friend_keys=(None,)),
    ]
    fetch = Fetched({})
    loaders = ByHand({"Query.grid": to([rows]), "Thing.friend": fetch})

    result = await answered("{ grid { friend { id } friends { id } } }", loaders)

    assert result.data == {"grid": [[{"friend": None, "friends": None}, {"friend": None, "friends": [None]}]]}
    assert result.errors == []
    assert fetch.asked == []


async def test_the_same_loader_in_two_places_is_asked_once_for_the_keys_of_both() -> None:
    loaders, fetch = three(a=thing(id="A"), b=thing(id="B"), c=thing(id="C"))

    result = await answered("{ grid { friend { id } again: friend { name: id } friends { id } } }", loaders)

    assert result.errors == []
    assert fetch.asked == [["a", "b", "c"]]


async def test_a_key_that_is_asked_for_again_deeper_down_is_fetched_once() -> None:
    ring = {"a": thing(id="A", friend_key="b"), "b": thing(id="B", friend_key="a")}
    fetch = Fetched(ring)
    loaders = ByHand({"Query.thing": to(thing(id="1", friend_key="a")), "Thing.friend": fetch})

    result = await answered('{ thing(id: "1") { friend { friend { friend { friend { id } } } } } }', loaders)

    assert result.data == {"thing": {"friend": {"friend": {"friend": {"friend": {"id": "B"}}}}}}
    assert fetch.asked == [["a"], ["b"]]


async def test_other_arguments_are_another_load() -> None:
    fetch = Fetched({"k": [thing(id="A")]})
    loaders = ByHand({"Query.thing": to(thing(many_key="k")), "Thing.many": fetch})

    await answered(
        '{ thing(id: "1") { a: many { id } b: many(first: 2) { id } c: many(first: 3) { id } } }', loaders
    )

    assert fetch.asked == [["k"], ["k"]]


async def test_an_argument_that_no_loader_takes_fails_the_field_of_each_row() -> None:
    loaders = ByHand({"Query.grid": to([[thing(), thing()]])})

    result = await answered("{ grid { many(first: -1) { id } } }", loaders)

    assert result.data == {"grid": [[{"many": None}, {"many": None}]]}
    assert causes(result) == {("grid", 0, 0, "many"): "BadInput", ("grid", 0, 1, "many"): "BadInput"}


async def test_an_answer_that_is_no_mapping_fails_its_keys_and_leaves_nobody_waiting() -> None:
    async def pairs(keys: Sequence[str]) -> list[tuple[str, str]]:
        return [(key, key.upper()) for key in keys]

    loader: Loader[str, Any] = Loader(pairs, Tasks())  # type: ignore[arg-type]

    async with asyncio.timeout(5):
        (value,) = await loader.load(["a"])

    assert isinstance(value, AttributeError)


async def test_a_batch_that_is_cancelled_fails_its_keys_and_does_not_say_that_there_is_nothing() -> None:
    started = asyncio.Event()

    async def endless(keys: Sequence[str]) -> dict[str, Any]:
        started.set()
        await asyncio.Event().wait()
        raise AssertionError("it was cancelled")

    loaders = ByHand({"Query.grid": to([THREE]), "Thing.friend": endless})
    running = asyncio.create_task(answered(FRIENDS, loaders))
    await started.wait()

    loaders.tasks.cancel()
    result = await asyncio.wait_for(running, 5)

    assert causes(result) == {
        ("grid", 0, 0, "friend"): "NotFetched",
        ("grid", 0, 1, "friend"): "NotFetched",
    }


async def test_a_batch_that_is_cancelled_before_it_began_leaves_nobody_waiting() -> None:
    tasks = Tasks()
    fetch = Fetched({"a": "A", "b": "B"})
    loader: Loader[str, str] = Loader(fetch, tasks)
    asking = asyncio.create_task(loader.load(["a"]))
    await until(lambda: len(tasks) == 1)

    tasks.cancel()
    (value,) = await asyncio.wait_for(asking, 5)

    assert isinstance(value, NotFetched)
    assert fetch.asked == []
    assert await loader.load(["b"]) == ["B"]


async def test_one_waiter_that_is_cancelled_takes_no_other_with_it() -> None:
    let_go = asyncio.Event()
    asked: list[Sequence[str]] = []

    async def slow(keys: Sequence[str]) -> dict[str, str]:
        asked.append(keys)
        await let_go.wait()
        return {key: key.upper() for key in keys}

    loader: Loader[str, str] = Loader(slow, Tasks())
    leaving = asyncio.create_task(loader.load(["a", "b"]))
    staying = asyncio.create_task(loader.load(["b", "c"]))
    await until(lambda: asked != [])

    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    let_go.set()

    assert await asyncio.wait_for(staying, 5) == ["B", "C"]
    assert asked == [["a", "b", "c"]]


async def test_when_the_deadline_passes_the_upstream_calls_are_cancelled() -> None:
    calls: list[str] = []

    async def endless(keys: Sequence[str]) -> dict[str, Any]:
        calls.append("started")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            calls.append("cancelled")
            raise
        raise AssertionError("it was cancelled")

    loaders = ByHand({"Query.grid": to([THREE]), "Thing.friend": endless})

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await answered(FRIENDS, loaders)
    loaders.tasks.cancel()
    await until(lambda: len(loaders.tasks) == 0)

    assert calls == ["started", "cancelled"]


async def test_when_the_deadline_passes_a_call_that_nobody_shares_is_cancelled_with_the_run() -> None:
    calls: list[str] = []

    async def endless(keys: Sequence[None]) -> list[Any]:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            calls.append("cancelled")
            raise
        raise AssertionError("it was cancelled")

    loaders = Directly({"Query.grid": endless, "Query.page": endless})

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await answered("{ grid { id } page { total } }", loaders)

    assert calls == ["cancelled", "cancelled"]
