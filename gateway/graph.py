"""The graph as a service: who asks, what, may they, how it is run, how it is said."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
from graphql import GraphQLError, GraphQLSchema, OperationType
from graphql.execution.values import VariableValues
from opentelemetry.trace import Tracer

from gateway import identity
from gateway.audit import Audit, of_document, of_plan
from gateway.breaking import EXTENSION, BreakGlass, told
from gateway.changes import Gap
from gateway.changes.log import Item
from gateway.errors import Code, Fault, FormattedError, Overdue, RequestError, report, shown
from gateway.execution.collect import Opaque
from gateway.execution.core import CoreScope, run_in_core
from gateway.execution.engine import Engine, Prepared
from gateway.execution.events import NoSuchEvents, events_wanted
from gateway.execution.inputs import Refused
from gateway.execution.run import run
from gateway.feed import Feed
from gateway.identity import Identity
from gateway.operations import Operation, Operations
from gateway.presenting import codes, core_errors, field_errors, partial_errors, source_errors
from gateway.recording import Ran, Recording
from gateway.source_states import source_states
from gateway.stating import stated
from gateway.streaming import OpenStreams
from gateway.telemetry import Metrics, trace_context, trace_id, traceparent
from gateway.transport.service import (
    Answer,
    Asked,
    Outcome,
    RequestRefused,
    Result,
    Unauthenticated,
    Unavailable,
)
from gateway.visibility import Views
from gateway.volume import Volume
from policies import PART_2_NOTICE, Actor, Grant, Policy
from resolvers.faults import BadInput
from resolvers.house import House
from resolvers.loaders import Loaders
from resolvers.subscription import Subscribed
from sources.calling import Alarms, Tally, operating
from sources.model import Told

encode = msgspec.json.Encoder().encode

_RESERVE_S = 0.1
"""The longest time kept at an operation's end for what came in time to be told."""

OUTCOMES = {
    Code.GRAPHQL_PARSE_FAILED: Outcome.PARSE_FAILED,
    Code.GATEWAY_TIMEOUT: Outcome.TIMED_OUT,
    Code.REQUEST_RATE_LIMITED: Outcome.RATE_LIMITED,
    Code.INTERNAL: Outcome.FAILED,
}

SUBSCRIBE = Fault("Subscribe with `Accept: text/event-stream`, or over WebSocket, at this address.")
POST_IT = Fault("Send what changes something by POST.")


@dataclass(frozen=True)
class Graph:
    """One graph: its schema, its policy, its sources, and whose tokens it takes."""

    schema: GraphQLSchema
    policy: Policy
    house: House
    identity: Identity
    operations: Operations
    engine: Engine
    views: Views
    feed: Feed
    metrics: Metrics
    tracer: Tracer
    audit: Audit
    recording: Recording
    break_glass: BreakGlass
    volume: Volume
    streams: OpenStreams
    deadline_s: float = 10.0
    _alarms: Alarms = field(default_factory=Alarms)
    _prepared: WeakKeyDictionary[Operation, Prepared] = field(default_factory=WeakKeyDictionary)

    async def authenticate(self, authorization: str | None) -> Actor:
        """Who bears the token (`transport.service.Service`)."""
        try:
            return await self.identity.actor(authorization)
        except identity.Unauthenticated as refused:
            raise Unauthenticated(refused.challenge, Code.UNAUTHENTICATED.value) from None
        except identity.IdentityUnavailable:
            raise Unavailable(retry_after_s=5) from None

    def expires_at(self, caller: Actor) -> float:
        """When the caller's token ends, in seconds since the epoch."""
        return caller.expires_at

    async def execute(self, caller: Actor, asked: Asked, *, only_queries: bool) -> Answer:
        """Runs one operation; a subscription is not run here."""
        trace, operation, outcome = trace_id(asked.traceparent), None, None
        try:
            caller = self._in_turn(stated(caller, asked))
            operation = self._operation(asked)
            if operation.kind is OperationType.SUBSCRIPTION:
                raise RequestError(Code.BAD_USER_INPUT, [SUBSCRIBE])
            if only_queries and operation.kind is not OperationType.QUERY:
                outcome = Outcome.NOT_A_QUERY
                raise RequestError(Code.BAD_USER_INPUT)
            caller = await self._in_emergency(caller, asked, operation, trace)
            return await self._run(operation, asked, caller, None)
        except RequestError as refused:
            self.recording.refused(caller, asked, operation, refused, trace)
            return _refusal(refused, trace, outcome)

    async def subscribe(
        self, caller: Actor, asked: Asked, *, reads_only: bool = False
    ) -> AsyncGenerator[Result, None]:
        """The results of one operation of any kind: of a subscription, one for each change."""
        trace, operation = trace_id(asked.traceparent), None
        held = AsyncExitStack()
        try:
            caller = self._in_turn(stated(caller, asked))
            operation = self._operation(asked)
            if reads_only and operation.kind is OperationType.MUTATION:
                raise RequestError(Code.BAD_USER_INPUT, [POST_IT])
            caller = await self._in_emergency(caller, asked, operation, trace)
            if operation.kind is not OperationType.SUBSCRIPTION:
                yield Result((await self._run(operation, asked, caller, None)).body)
                return
            variables = self._variables(operation, asked)
            events = self._events(self._wanted(operation, caller, variables, asked.resume_after), caller)
            held.enter_context(self.streams.held(caller.client_id))
        except RequestError as refused:
            self.recording.refused(caller, asked, operation, refused, trace)
            raise RequestRefused(encode(refused.shown(trace))) from None
        async with held, aclosing(events):
            self.recording.started(operation, caller, trace)
            async for item in events:
                if isinstance(item, Gap):
                    yield Result(_missed(item, trace), item.cursor)
                else:
                    answer = await self._run(operation, asked, caller, Happened(item))
                    yield Result(answer.body, item.cursor)

    async def _run(self, operation: Operation, asked: Asked, caller: Actor, root: object) -> Answer:
        started = time.perf_counter()
        caller = self.break_glass.now(caller)
        variables = self._variables(operation, asked)
        grant = self.policy.grant(caller)
        kind = operation.kind.value
        # What an event tells must be read after it: its calls join none that began before.
        whose = (id(caller), grant.key) if root is None else None
        with (
            self.tracer.start_as_current_span("graphql.execute", trace_context(asked.traceparent)) as span,
            operating(deadline=self._sources_until(), whose=whose, traceparent=traceparent(span)) as underway,
        ):
            about = root.changes.patient_id if isinstance(root, Happened) else None
            trace, ran, tally = trace_id(), Ran(about=about), underway.tally
            try:
                with self._alarms.until(asyncio.get_running_loop().time() + self.deadline_s):
                    await self._execute(operation, asked, variables, grant, trace, root, ran)
            except TimeoutError:
                ran.failed(shown(Overdue(), path=None, trace_id=trace))
            except asyncio.CancelledError:
                self.recording.cancelled(operation, caller, trace, ran, tally)
                raise
            except Exception as fault:  # noqa: BLE001 - one answer in fixed words, whatever broke
                report(fault, trace)
                ran.failed(shown(fault, path=None, trace_id=trace))
            finally:
                self.volume.took(caller.client_id, tally)
            tally.told(ran.of_sources)
            await self.recording.answered(operation, caller, trace, ran, tally)
            if span.is_recording():
                span.set_attributes(
                    {
                        "graphql.operation.type": kind,
                        "graphql.document.hash": operation.hash,
                        "caregraph.audience": caller.audience.value,
                        "caregraph.purpose": caller.purpose.value,
                        "caregraph.break_glass": caller.emergency is not None,
                        "caregraph.upstream_calls": tally.total,
                    }
                )
        self._measure(kind, ran.errors, tally, time.perf_counter() - started)
        return _answer(ran, _extensions(ran, grant, tally))

    def _in_turn(self, caller: Actor) -> Actor:
        """The caller, if their client may ask now.

        Raises:
            RequestError: it asks far more than is usual, and is held to its usual pace.
        """
        wait_s = self.volume.wait(caller.client_id)
        if wait_s is not None:
            raise RequestError(Code.REQUEST_RATE_LIMITED, retry_after_s=wait_s)
        return caller

    def _sources_until(self) -> float:
        """When calls to sources must be over: a little before the operation, so that the rest can be told."""
        reserve_s = min(_RESERVE_S, self.deadline_s / 20)
        return asyncio.get_running_loop().time() + self.deadline_s - reserve_s

    async def _execute(
        self,
        operation: Operation,
        asked: Asked,
        variables: VariableValues,
        grant: Grant,
        trace: str,
        root: object,
        ran: Ran,
    ) -> None:
        """Runs the operation in the engine, or else in graphql-core; *ran* is told how far it came."""
        prepared = self._prepare(operation)
        try:
            plan = self.engine.plan(prepared, grant, variables.coerced)
        except Opaque as opaque:
            self.metrics.fallbacks.labels(opaque.reason).inc()
            await self._execute_in_core(prepared, asked, grant, trace, root, ran)
            return
        ran.plan = self.audit.plan(plan, lambda: of_plan(plan, grant))
        loaders = ran.loaders = Loaders(self.house, grant, plan.wanted)
        try:
            result = await run(plan, loaders, variables, root)
        finally:
            loaders.close()
        ran.data = result.data
        missing = loaders.missing.values()
        ran.errors = [*field_errors(result.errors, trace), *partial_errors(missing, trace)]
        ran.of_sources = [*source_errors(error.cause for error in result.errors), *missing]

    async def _execute_in_core(
        self, prepared: Prepared, asked: Asked, grant: Grant, trace: str, root: object, ran: Ran
    ) -> None:
        key = (prepared.hash, prepared.name, grant.key)
        ran.plan = self.audit.plan(key, lambda: of_document(self.schema, prepared, grant))
        loaders = ran.loaders = Loaders(self.house, grant, self.engine.readable(grant))
        scope = CoreScope(grant, loaders, lambda: self.views.of(grant))
        try:
            result = await run_in_core(self.schema, prepared, scope, asked.variables, root)
        finally:
            loaders.close()
        ran.data = result.data
        missing = loaders.missing.values()
        ran.errors = [*core_errors(result.errors or (), trace), *partial_errors(missing, trace)]
        ran.of_sources = [*source_errors(result.errors or ()), *missing]

    def _operation(self, asked: Asked) -> Operation:
        if asked.query is None:
            raise RequestError(Code.PERSISTED_QUERY_NOT_FOUND)
        return self.operations.find(asked.query, asked.operation_name)

    def _variables(self, operation: Operation, asked: Asked) -> VariableValues:
        return VariableValues({}, self.operations.coerced(operation, asked.variables))

    def _prepare(self, operation: Operation) -> Prepared:
        prepared = self._prepared.get(operation)
        if prepared is None:
            prepared = Prepared.of(operation.hash, operation.document, operation.definition)
            self._prepared[operation] = prepared
        return prepared

    def _events(self, wanted: Subscribed, caller: Actor) -> AsyncGenerator[Item, None]:
        """The changes wanted that the caller may know of, as of when each is told.

        Raises:
            RequestError: where to begin is no cursor.
        """
        try:
            return self.feed.changes(wanted, lambda: self._grant(caller), self.house)
        except BadInput as fault:
            raise RequestError(Code.BAD_USER_INPUT, [Fault(str(fault))]) from None

    def _wanted(
        self, operation: Operation, caller: Actor, variables: VariableValues, after: str | None
    ) -> Subscribed:
        """What the subscription's arguments ask for; *after* is where the client's last stream broke off.

        Raises:
            RequestError: an argument can't be used, or the actor may not subscribe.
        """
        prepared = self._prepare(operation)
        try:
            wanted: Subscribed = events_wanted(
                self.schema, prepared, self.policy.grant(caller), variables, after
            )
        except BadInput as fault:
            raise RequestError(Code.BAD_USER_INPUT, [Fault(str(fault))]) from None
        except (GraphQLError, NoSuchEvents):
            raise RequestError(Code.BAD_USER_INPUT) from None
        except Refused:
            raise RequestError(Code.FORBIDDEN) from None
        return wanted

    def _grant(self, caller: Actor) -> Grant:
        """What the caller may read now."""
        return self.policy.grant(self.break_glass.now(caller))

    async def _in_emergency(self, caller: Actor, asked: Asked, operation: Operation, trace: str) -> Actor:
        return await self.break_glass.declared(caller, asked.extensions.get(EXTENSION), operation, trace)

    def _measure(self, kind: str, errors: list[FormattedError], tally: Tally, seconds: float) -> None:
        answered = self.metrics.answered(kind, "ok" if not errors else "errors")
        answered.operations.inc()
        answered.seconds.observe(seconds)
        answered.calls.observe(tally.total)
        for code in codes(errors):
            self.metrics.errors.labels(code).inc()


@dataclass(frozen=True)
class Happened:
    """The root of one event of a subscription."""

    changes: Told


def _missed(gap: Gap, trace: str) -> bytes:
    """What a subscriber is told instead of changes that are no longer kept."""
    error = shown(RequestError(Code.CONFLICT), path=None, trace_id=trace)
    error["extensions"]["gap"] = True
    error["extensions"]["cursor"] = gap.cursor
    return encode({"errors": [error], "data": None})


def _extensions(ran: Ran, grant: Grant, tally: Tally) -> dict[str, Any]:
    """What an answer says of itself, beside its data."""
    said: dict[str, Any] = source_states(tally, grant)
    if grant.actor.emergency is not None:
        said[EXTENSION] = told(grant.actor.emergency)
    if ran.data is not None and ran.plan is not None and ran.plan.masked:
        said["masked"] = [masked._asdict() for masked in ran.plan.masked]
    if ran.data is not None and ran.loaders is not None and ran.loaders.touched.is_part_2:
        said["notices"] = [PART_2_NOTICE]
    return said


def _answer(ran: Ran, extensions: dict[str, Any]) -> Answer:
    data, errors = ran.data, ran.errors
    if not errors:
        return Answer(encode({"data": data, "extensions": extensions}))
    body = encode({"data": data, "errors": errors, "extensions": extensions})
    outcome = Outcome.EXECUTED
    if data is None and len(errors) == 1 and "path" not in errors[0]:
        outcome = OUTCOMES.get(Code[errors[0]["extensions"]["code"]], Outcome.EXECUTED)
    return Answer(body, outcome, partial=data is not None)


def _refusal(refused: RequestError, trace: str, outcome: Outcome | None = None) -> Answer:
    body = encode({"errors": refused.shown(trace)})
    outcome = outcome or OUTCOMES.get(refused.code, Outcome.REQUEST_REFUSED)
    return Answer(body, outcome, retry_after_s=refused.retry_after_s)
