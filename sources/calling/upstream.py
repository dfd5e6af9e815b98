"""Owns a call to a source: one deadline, a bulkhead, retries, a breaker, and one kind of error out."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from sources.calling.authorizing import Anonymous, Authorizer
from sources.calling.breaker import Breaker, Standing
from sources.calling.failures import error_of, outcome_of
from sources.calling.observing import Observer, Outcome, current_tally
from sources.calling.retry import wait_before_retry
from sources.calling.transport import Fault, Reply, Request, Transport, TransportFault
from sources.calling.wreq_transport import WreqTransport
from sources.errors import SourceMisread, SourceTimeout, SourceUnavailable
from sources.ports import Health

log = logging.getLogger(__name__)

Pairs = Sequence[tuple[str, str]]
"""Names and values of a form or a query; a name may come several times."""

_LEAST_S = 0.002
"""With less than that left, no request is begun: its answer could not come in time."""

_ANSWERING = frozenset({Fault.TOO_BIG})


@dataclass(frozen=True)
class Limits:
    """What bounds the calls to one source. `timeout_s` is for a whole call, retries included."""

    timeout_s: float = 2.0
    concurrency: int = 32
    attempts: int = 3
    trip_after: int = 5
    rest_s: float = 5.0
    max_bytes: int = 64 << 20


DEFAULT_LIMITS = Limits()


class Upstream:
    """The one way to call the source *name* at *base_url*. It belongs to one event loop.

    *meant* gives an answer the status that HTTP has for it, where the vendor's own error codes tell more.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        base_url: str,
        *,
        authorizer: Authorizer | None = None,
        headers: Mapping[str, str] | None = None,
        limits: Limits = DEFAULT_LIMITS,
        transport: Transport | None = None,
        observers: Sequence[Observer] = (),
        meant: Callable[[Reply], Reply] | None = None,
    ) -> None:
        self.name = name
        self.kind = kind
        self.limits = limits
        self._base_url = base_url.rstrip("/")
        self._origin = _origin(self._base_url)
        self._authorizer = authorizer or Anonymous()
        self._headers = {"Accept": "application/json"} | dict(headers or {})
        self._transport = transport or WreqTransport(limits.max_bytes)
        self._observers = tuple(observers)
        self._meant = meant or _as_it_is
        self._slots = asyncio.Semaphore(limits.concurrency)
        self._breaker = Breaker(limits.trip_after, limits.rest_s, time.monotonic)
        self._standing = Standing()

    def health(self) -> Health:
        """Whether the source answered lately."""
        return Health(self.name, self.kind, self._standing.up, self._standing.since)

    def deadline(self) -> float:
        """When a call that begins now must be over, on the loop's clock."""
        return asyncio.get_running_loop().time() + self.limits.timeout_s

    def owns(self, url: str) -> bool:
        """Whether the absolute *url* has the origin of this source: scheme, host and port."""
        try:
            return _origin(url) == self._origin
        except ValueError:
            return False

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: Pairs | None = None,
        form: Pairs | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool = True,
        deadline: float | None = None,
        answers: Container[int] = (),
    ) -> Reply:
        """The source's answer, its status below 300, by *deadline*; see `deadline()`, which it is if None.

        A status among *answers* is an answer, too: for sources whose refusals say something worth reading.

        *path* is under the base URL, or an absolute URL of the source's own origin. An *idempotent*
        request is repeated where that may help.

        Raises:
            SourceError: there is no such answer; see `sources.calling.failures`.
        """
        request = self._request(method, path, query, form, json, headers)
        until = self.deadline() if deadline is None else deadline
        try:
            async with asyncio.timeout_at(until), self._slots:
                return await self._attempts(request, idempotent, until, answers)
        except TimeoutError:
            raise SourceTimeout(self.name, f"no answer within {self.limits.timeout_s:g} s") from None

    def misread(self, why: str) -> SourceMisread:
        """The error for an answer that does not conform, after telling the observers of it."""
        for observer in self._observers:
            observer.on_misread(self.name, why)
        return SourceMisread(self.name, why)

    def foreign(self, kind: str, rows: int) -> None:
        """Tell of *rows* rows of a *kind* that the source sent and nobody asked for, and that are dropped."""
        log.warning(
            "a source sent rows that were not asked for; they are dropped",
            extra={"source": self.name, "kind": kind, "count": rows},
        )
        for observer in self._observers:
            observer.on_foreign(self.name, kind, rows)

    async def close(self) -> None:
        """Let go of every connection."""
        await self._authorizer.close()
        await self._transport.close()

    def _request(
        self,
        method: str,
        path: str,
        query: Pairs | None,
        form: Pairs | None,
        json: Any,
        headers: Mapping[str, str] | None,
    ) -> Request:
        url = self._url(path)
        if query:
            url = f"{url}?{_encoded(query)}"
        sent = self._headers if headers is None else self._headers | dict(headers)
        if form is not None:
            sent = sent | {"Content-Type": "application/x-www-form-urlencoded"}
            return Request(method, url, sent, _encoded(form).encode())
        if json is not None:
            sent = {"Content-Type": "application/json"} | sent
            return Request(method, url, sent, msgspec.json.encode(json))
        return Request(method, url, sent)

    def _url(self, path: str) -> str:
        if "://" not in path:
            return f"{self._base_url}/{path}" if path else self._base_url
        if not self.owns(path):
            raise ValueError("a call to another origin would take our credentials there")
        return path

    async def _attempts(
        self, request: Request, idempotent: bool, until: float, answers: Container[int]
    ) -> Reply:
        attempt, renewed = 0, False
        while True:
            attempt += 1
            authorization = await self._authorizer.authorization()
            ending = await self._exchange(_authorized(request, authorization), until)
            if isinstance(ending, Reply) and (ending.status < 300 or ending.status in answers):
                return ending
            if _is_unauthorized(ending) and authorization is not None and not renewed:
                renewed = True
                if self._authorizer.refused(authorization):
                    continue
            wait = wait_before_retry(ending, attempt) if idempotent else None
            if wait is None or attempt >= self.limits.attempts or _now() + wait >= until:
                raise error_of(self.name, ending)
            await asyncio.sleep(wait)

    async def _exchange(self, request: Request, until: float) -> Reply | Fault:
        """One request and how it ended, told to the breaker, the observers and the operation's tally."""
        if until - _now() < _LEAST_S:
            raise TimeoutError
        if not self._breaker.admits():
            raise SourceUnavailable(
                self.name, "it failed several times in a row and is left alone for a while"
            )
        started = time.perf_counter()
        try:
            ending: Reply | Fault = self._meant(await self._transport.send(request, until - _now()))
        except TransportFault as fault:
            ending = fault.fault
        except BaseException:
            # Cancelled at the deadline: it was too slow. Cancelled before: its caller went away.
            self._account(Fault.SLOW if _now() >= until else None, time.perf_counter() - started)
            raise
        self._account(ending, time.perf_counter() - started)
        return ending

    def _account(self, ending: Reply | Fault | None, seconds: float) -> None:
        outcome = Outcome.CANCELLED if ending is None else outcome_of(ending)
        size = len(ending.body) if isinstance(ending, Reply) else 0
        if ending is None:
            self._breaker.abandoned()
        elif _has_failed(ending):
            self._breaker.failed()
            self._standing.saw(up=False)
        else:
            self._breaker.succeeded()
            self._standing.saw(up=True)
        if (tally := current_tally()) is not None:
            tally.add(self.name, size)
        for observer in self._observers:
            observer.on_call(self.name, outcome, seconds, size)


def _as_it_is(reply: Reply) -> Reply:
    return reply


def _encoded(pairs: Pairs) -> str:
    # A comma needs no escape there (RFC 3986, 3.4), and a list of ids without escapes is many times cheaper.
    return urlencode(pairs, safe=",")


def _now() -> float:
    return asyncio.get_running_loop().time()


def _authorized(request: Request, authorization: str | None) -> Request:
    if authorization is None:
        return request
    return request._replace(headers={**request.headers, "Authorization": authorization})


def _is_unauthorized(ending: Reply | Fault) -> bool:
    return isinstance(ending, Reply) and ending.status == 401


def _has_failed(ending: Reply | Fault) -> bool:
    """Whether it is a fault of the source as a whole, rather than an answer to this one request."""
    return ending not in _ANSWERING if isinstance(ending, Fault) else ending.status >= 500


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname, parts.port or default
