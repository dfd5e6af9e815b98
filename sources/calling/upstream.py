"""Owns a question to a source: one deadline, bulkhead, pace, retries and breaker, one kind of error out."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Container, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sources.calling.alarms import Alarms
from sources.calling.allowance import AllowanceReader
from sources.calling.allowed import Allowed
from sources.calling.authorizing import Anonymous, Authorizer
from sources.calling.breaker import Breaker, Standing, instant
from sources.calling.budget import RetryBudget
from sources.calling.failures import error_of, outcome_of
from sources.calling.flaws import Flaw
from sources.calling.joining import Flights
from sources.calling.limits import DEFAULT_LIMITS, Limits
from sources.calling.observing import Event, Observer, Outcome
from sources.calling.operation import Operation, current_operation
from sources.calling.pacing import Pace
from sources.calling.requesting import Pairs, Requests, dressed
from sources.calling.retry import THROTTLING, retry_after, wait_before_retry
from sources.calling.tls import SYSTEM, Tls
from sources.calling.transport import Fault, Reply, Request, Transport, TransportFault
from sources.calling.wreq_transport import WreqTransport
from sources.errors import SourceError, SourceMisread, SourceTimeout, SourceUnavailable
from sources.ports import Health

log = logging.getLogger(__name__)

_LEAST_S = 0.002
"""With less than that left, no request is begun: its answer could not come in time."""

_FAIR_S = 1.0
"""A source that did not answer within that, or half its timeout if that is less, is slow; before, we were."""

_SENT = {"Accept": "application/json", "Cache-Control": "no-cache"}
"""An answer that somebody kept is no answer: a consent that was withdrawn a moment ago has to count. Unless
told so, HAPI repeats for a minute what a search found, as may any proxy on the way (RFC 9111, 5.2.1.4)."""

_ANSWERING = frozenset({Fault.TOO_BIG})


class Upstream:
    """The one way to call the source *name* at *base_url*. It belongs to one event loop.

    *meant* gives an answer the status that HTTP has for it, where the vendor's own error codes tell more.
    *allowance* reads what the source says of our quota in its answers. *allowed* are the fields its records
    may have beside those that are known.
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
        allowance: AllowanceReader | None = None,
        tls: Tls = SYSTEM,
        allowed: Allowed | None = None,
    ) -> None:
        self.name = name
        self.allowed = allowed or Allowed()
        self.kind = kind
        self.limits = limits
        self._requests = Requests(base_url, _SENT | dict(headers or {}))
        self._authorizer = authorizer or Anonymous()
        self._transport = transport or WreqTransport(limits.max_bytes, tls)
        self._observers = tuple(observers)
        self._meant = meant or _as_it_is
        self._alarms = Alarms()
        self._slots = asyncio.Semaphore(limits.concurrency)
        self._breaker = Breaker(limits.trip_after, limits.rest_s, time.monotonic)
        self._budget = RetryBudget(limits.retry_ratio, limits.retry_burst)
        self._pace = Pace(limits.quotas, allowance, time.monotonic)
        self._flights = Flights[Reply]()
        self._standing = Standing()
        self._left_alone_since: str | None = None
        self._tell(Event.UP)
        self._tell(Event.TAKEN_UP)

    def health(self) -> Health:
        """Whether the source answered lately, and what keeps calls from it."""
        up, since = self._standing.up, self._standing.since
        return Health(self.name, self.kind, up, since, self._left_alone_since, self._quota_used_up_until())

    def _quota_used_up_until(self) -> str | None:
        wait = self._pace.wait()
        return instant(datetime.now(UTC) + timedelta(seconds=wait)) if wait > 0 else None

    def deadline(self) -> float:
        """When a question that is asked now must be answered, on the loop's clock."""
        return _now() + self.limits.timeout_s

    def owns(self, url: str) -> bool:
        """Whether the absolute *url* has the origin of this source: scheme, host and port."""
        return self._requests.owns(url)

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: Pairs | None = None,
        form: Pairs | None = None,
        json: Any = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool = True,
        deadline: float | None = None,
        answers: Container[int] = (),
    ) -> Reply:
        """The source's answer, its status below 300, by *deadline*; see `deadline()`, which it is if None.

        It is never later than the deadline of the operation the question belongs to. A status among *answers*
        is an answer, too: for sources whose refusals say something worth reading.

        *path* is under the base URL, or an absolute URL of the source's own origin. A *body* that is neither
        a form nor JSON needs its `Content-Type` among *headers*. An *idempotent* request is repeated where
        that may help, and shared with who asks the same for the same actor.

        Raises:
            SourceError: there is no such answer; see `sources.calling.failures`.
        """
        request = self._requests.made(
            method, path, query=query, form=form, json=json, body=body, headers=headers
        )
        operation = current_operation()
        until = self.deadline() if deadline is None else deadline
        if operation is None:
            return await self._in_time(request, idempotent, until, answers, None)
        if operation.deadline is not None:
            until = min(until, operation.deadline)
        tally = operation.tally.of(self.name)
        started = time.perf_counter()
        try:
            reply = await self._in_time(request, idempotent, until, answers, operation)
        except SourceError as error:
            tally.failed(error, time.perf_counter() - started)
            raise
        tally.answered(time.perf_counter() - started)
        return reply

    def misread(self, why: str, record: str | None = None) -> SourceMisread:
        """The error for an answer, or the *record* of that id, that does not conform, after telling the
        observers of it. *why* begins with the place: `Patient.name[]: malformed`."""
        if (operation := current_operation()) is not None:
            operation.tally.of(self.name).misread()
        flaw = Flaw.of(why)
        for observer in self._observers:
            observer.on_misread(self.name, flaw, record)
        return SourceMisread(self.name, why)

    def foreign(self, kind: str, rows: int) -> None:
        """Tell of *rows* rows of a *kind* that the source sent and nobody asked for, and that are dropped."""
        log.warning(
            "a source sent rows that were not asked for; they are dropped",
            extra={"source": self.name, "kind": kind, "count": rows},
        )
        self.cut()
        for observer in self._observers:
            observer.on_foreign(self.name, kind, rows)

    def took(self, rows: int) -> None:
        """Tell that *rows* records were read out of an answer."""
        if (operation := current_operation()) is not None:
            operation.tally.of(self.name).rows += rows

    def cut(self) -> None:
        """Tell that there is more than was read, or that some of it was dropped."""
        if (operation := current_operation()) is not None:
            operation.tally.of(self.name).cut()

    def granted(self) -> str | None:
        """The scopes that the source has granted us, parted by spaces; None: that is not known."""
        return self._authorizer.granted()

    async def close(self) -> None:
        """Let go of every connection."""
        await self._authorizer.close()
        await self._transport.close()

    async def _in_time(
        self,
        request: Request,
        idempotent: bool,
        until: float,
        answers: Container[int],
        operation: Operation | None,
    ) -> Reply:
        try:
            with self._alarms.until(until):
                if operation is None or operation.whose is None or not (idempotent and self.limits.joins):
                    return await self._asked(request, idempotent, until, answers, operation)
                key = (operation.whose, request.method, request.url, request.body, *request.headers.items())
                if self._flights.is_under_way(key):
                    self._tell(Event.JOINED)
                ask = partial(self._asked, request, idempotent, until, answers, operation)
                return await self._flights.ask(key, ask)
        except TimeoutError:
            raise SourceTimeout(self.name, f"no answer within {self.limits.timeout_s:g} s") from None

    async def _asked(
        self,
        request: Request,
        idempotent: bool,
        until: float,
        answers: Container[int],
        operation: Operation | None,
    ) -> Reply:
        attempt, renewed = 0, False
        traceparent = None if operation is None else operation.traceparent
        self._budget.called()
        async with self._slots:
            while True:
                attempt += 1
                authorization = await self._authorizer.authorization()
                await self._turn(until)
                ending = await self._exchange(dressed(request, authorization, traceparent), until)
                if isinstance(ending, Reply) and (ending.status < 300 or ending.status in answers):
                    return ending
                if _is_unauthorized(ending) and authorization is not None and not renewed:
                    renewed = True
                    if self._authorizer.refused(authorization):
                        continue
                wait = wait_before_retry(ending, attempt) if idempotent else None
                if wait is None or attempt >= self.limits.attempts or _now() + wait >= until:
                    raise error_of(self.name, ending)
                if not self._budget.spend():
                    self._tell(Event.RETRY_WITHHELD)
                    raise error_of(self.name, ending)
                self._tell(Event.RETRIED)
                await asyncio.sleep(wait)

    async def _turn(self, until: float) -> None:
        """Waits until the next request is within our quota.

        Raises:
            SourceUnavailable: that is not before *until*.
        """
        is_told = False
        while (wait := self._pace.wait()) > 0:
            if _now() + wait >= until:
                self._tell(Event.WITHHELD)
                raise SourceUnavailable(
                    self.name, "our quota of calls to it is used up for now; this one was not made"
                )
            if not is_told:
                self._tell(Event.DELAYED)
                is_told = True
            await asyncio.sleep(wait)
        self._pace.take()

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
        self._judge(ending, seconds)
        if isinstance(ending, Reply):
            self._pace.learn(ending.headers)
            if ending.status in THROTTLING:
                self._pace.rest(retry_after(ending.headers.get("retry-after"), datetime.now(UTC)) or 0.0)
        if (operation := current_operation()) is not None:
            operation.tally.of(self.name).called(size)
        for observer in self._observers:
            observer.on_call(self.name, outcome, seconds, size)

    def _judge(self, ending: Reply | Fault | None, seconds: float) -> None:
        """What an exchange that ended so says of the source as a whole."""
        was_open = self._breaker.is_open
        if ending is None or (ending is Fault.SLOW and seconds < min(_FAIR_S, self.limits.timeout_s / 2)):
            self._breaker.abandoned()
        elif _has_failed(ending):
            self._breaker.failed()
            if self._standing.saw(up=False):
                self._tell(Event.DOWN)
        else:
            self._breaker.succeeded()
            if self._standing.saw(up=True):
                self._tell(Event.UP)
        if self._breaker.is_open is not was_open:
            self._left_alone_since = None if was_open else instant(datetime.now(UTC))
            self._tell(Event.TAKEN_UP if was_open else Event.LEFT_ALONE)

    def _tell(self, event: Event) -> None:
        for observer in self._observers:
            observer.on_event(self.name, event)


def _as_it_is(reply: Reply) -> Reply:
    return reply


def _now() -> float:
    return asyncio.get_running_loop().time()


def _is_unauthorized(ending: Reply | Fault) -> bool:
    return isinstance(ending, Reply) and ending.status == 401


def _has_failed(ending: Reply | Fault) -> bool:
    """Whether it is a fault of the source as a whole, rather than an answer to this one request."""
    return ending not in _ANSWERING if isinstance(ending, Fault) else ending.status >= 500
