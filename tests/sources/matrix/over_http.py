"""Owns the faults of sources over HTTP: a stub that has one, byte by byte, until it is healed."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from sources.calling import Limits, Reply, Tls, Upstream, client_credentials
from tests.sources.authority import Authority
from tests.sources.matrix.trying import ATTEMPTS, PAUSE_S, SAID, Trial, seen, timeout_s
from tests.sources.stub import (
    Answer,
    Asked,
    Behaviour,
    Stub,
    answer,
    closed_port,
    cut_short,
    drip,
    json_answer,
    reset,
    silence,
    stub,
)

TOKEN = "/token"
EVERYWHERE = (b"null", f'["{SAID}"]'.encode(), b"")
"""Bodies that are no answer of any source."""


PLAIN: dict[str, Answer] = {
    "reset": reset,
    "slow first byte": silence,
    "slow body": drip,
    "cut connection": cut_short,
    "429": json_answer({"message": SAID}, 429, Retry_After=str(PAUSE_S)),
    "500": json_answer({"message": SAID}, 500),
    "503": json_answer({"message": SAID}, 503, Retry_After="0"),
    "HTML": answer(f"<html>{SAID}</html>".encode(), type_="text/html"),
    "redirect": answer(b"", 302, Location="http://other.example/"),
    "revoked credential": json_answer({"message": SAID}, 401),
    "no rights": json_answer({"message": SAID}, 403),
}
"""Faults that are one answer, whatever was asked."""


class Row(NamedTuple):
    """A row to send: whose it is, its id, and what else is in it."""

    key: str
    id: str
    more: dict[str, Any]


class Sent(NamedTuple):
    """What an answer holds; with *following*, it names that page as the next one."""

    rows: tuple[Row, ...]
    following: int | None = None


@dataclass(frozen=True)
class OverHttp:
    """An adapter over HTTP.

    It is `made` with a URL and its upstream, asked by `ask`, and `answers` writes what its source would send.
    `other_shapes` are bodies that are JSON and no answer; `meant` as for an `Upstream`.
    """

    keys: tuple[str, str, str]
    made: Callable[[str, Upstream], Any]
    ask: Callable[[Any], Awaitable[Mapping[Any, Any]]]
    answers: Callable[[Asked, Sent], bytes]
    other_shapes: Sequence[bytes] = ()
    meant: Callable[[Reply], Reply] | None = None

    @asynccontextmanager
    async def under(self, fault: str, folder: Path) -> AsyncIterator[Trial]:
        """See `Subject`. A source that cannot be reached is one at the same address once it is healed."""
        unreached = {"refused": self._refused, "TLS failure": self._untrusted}
        if fault in unreached:
            async with unreached[fault](folder) as trial:
                yield trial
            return
        async with stub(_signed_in(self._well)) as source, self._at(source.url, fault) as adapter:
            # By now there is a token: the fault meets a question, not the sign-in before it.
            while (await seen(lambda: self.ask(adapter))).errors:  # in little time, on a busy machine
                pass
            source.asked.clear()
            source.behaviour = _signed_in(self._faulty(fault), first=2)

            async def heal() -> None:
                source.behaviour = _signed_in(self._well)
                if fault == "429":
                    await _until_pause_is_over(lambda: self.ask(adapter))

            times = len(self.other_shapes) + len(EVERYWHERE) if fault == "wrong type" else 1
            yield Trial(lambda: self.ask(adapter), heal, lambda: _data_calls(source), times)

    @asynccontextmanager
    async def _refused(self, folder: Path) -> AsyncIterator[Trial]:
        url = closed_port()
        async with AsyncExitStack() as later, self._at(url, "refused") as adapter:

            async def heal() -> None:
                port = int(url.rpartition(":")[2])
                await later.enter_async_context(stub(_signed_in(self._well), port=port))

            yield Trial(lambda: self.ask(adapter), heal)

    @asynccontextmanager
    async def _untrusted(self, folder: Path) -> AsyncIterator[Trial]:
        ours, others = Authority(folder), Authority(folder, "other")
        theirs = others.serving(others.issued("impostor"))
        async with AsyncExitStack() as first, AsyncExitStack() as later:
            source = await first.enter_async_context(stub(_signed_in(self._well), tls=theirs))
            port = int(source.url.rpartition(":")[2])

            async def heal() -> None:
                await first.aclose()
                tls = ours.serving(ours.issued("server"))
                await later.enter_async_context(stub(_signed_in(self._well), tls=tls, port=port))

            trusted = Tls(ca_file=ours.certificate)
            async with self._at(source.url, "TLS failure", trusted) as adapter:
                yield Trial(lambda: self.ask(adapter), heal, lambda: len(source.asked))

    @asynccontextmanager
    async def _at(self, url: str, fault: str, tls: Tls | None = None) -> AsyncIterator[Any]:
        tls = tls or Tls()
        limits = Limits(timeout_s=timeout_s(fault), attempts=ATTEMPTS, trip_after=1000)
        authorizer = client_credentials("it", f"{url}{TOKEN}", "caregraph", "secret", tls=tls)
        upstream = Upstream("it", "it", url, limits=limits, authorizer=authorizer, tls=tls, meant=self.meant)
        adapter = self.made(url, upstream)
        try:
            yield adapter
        finally:
            await adapter.close()

    def _well(self, asked: Asked) -> Answer:
        return self.answers(asked, Sent(self._rows()))

    def _rows(self, **more: Any) -> tuple[Row, Row]:
        return Row(self.keys[0], "1", more), Row(self.keys[1], "2", {})

    def _faulty(self, fault: str) -> Behaviour:
        if fault in PLAIN:
            return lambda asked: PLAIN[fault]
        if fault == "cut JSON":
            return lambda asked: _halved(self._well(asked))
        if fault == "wrong type":
            shapes = itertools.cycle([*EVERYWHERE, *self.other_shapes])
            return lambda asked: answer(next(shapes))
        if fault == "expired token":
            return self._expired
        return self._of_rows(fault)

    def _expired(self, asked: Asked) -> Answer:
        return json_answer({}, 401) if asked.headers["authorization"] == "Bearer t1" else self._well(asked)

    def _of_rows(self, fault: str) -> Behaviour:
        rows = self._rows()
        sent = {
            "unknown field": Sent(self._rows(vendor=SAID)),
            "wrong patient's row": Sent((*rows, Row(self.keys[2], "3", {}))),
            "duplicate row": Sent((rows[0], *rows)),
            "empty page": Sent(()),
        }
        if fault in sent:
            return lambda asked: self.answers(asked, sent[fault])
        assert fault == "endless paging", fault
        pages = itertools.count(1)

        def without_end(asked: Asked) -> Answer:
            page = next(pages)
            rows = (Row(key, str(1000 * n + page), {}) for n, key in enumerate(self.keys[:2]))
            return self.answers(asked, Sent(tuple(rows), page))

        return without_end


async def _until_pause_is_over(ask: Callable[[], Awaitable[Mapping[Any, Any]]]) -> None:
    async with asyncio.timeout(10 * PAUSE_S):
        while (await seen(ask)).errors:  # noqa: ASYNC110 - nothing tells of its end
            await asyncio.sleep(0.1)


def _signed_in(data: Behaviour, first: int = 1) -> Behaviour:
    """*data* for whoever has a token, of which the *first* has that number. Who was refused gets none."""
    tokens = itertools.count(first)
    refused = False

    def behaviour(asked: Asked) -> Answer:
        nonlocal refused
        if asked.target != TOKEN:
            given = data(asked)
            refused = refused or _is_refusal_of_all(asked, given)
            return given
        if refused:
            return json_answer({"error": "invalid_client", "error_description": SAID}, 401)
        token = {"access_token": f"t{next(tokens)}", "token_type": "Bearer", "expires_in": 3600}
        return json_answer(token)

    return behaviour


def _is_refusal_of_all(asked: Asked, given: Answer) -> bool:
    """Whether the credential itself is revoked: the refusal names no token that has expired."""
    return isinstance(given, bytes) and given.startswith(b"HTTP/1.1 401") and SAID.encode() in given


def _halved(whole: Answer) -> bytes:
    assert isinstance(whole, bytes)
    head, _, body = whole.partition(b"\r\n\r\n")
    kind = next(line for line in head.decode().split("\r\n") if line.startswith("Content-Type: "))
    return answer(body[: len(body) // 2], type_=kind.removeprefix("Content-Type: "))


def _data_calls(source: Stub) -> int:
    return sum(asked.target != TOKEN for asked in source.asked)
