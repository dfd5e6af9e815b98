"""A small service of nobody's health: graphql-core on a tiny schema, with the handles that tests pull."""

import asyncio
import math
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from graphql import (
    ExecutionResult,
    GraphQLError,
    OperationType,
    build_schema,
    execute,
    get_operation_ast,
    parse,
    subscribe,
    validate,
)

from gateway.transport.service import (
    Answer,
    Asked,
    Outcome,
    RequestRefused,
    Result,
    Unauthenticated,
    Unavailable,
)

SECRET = "the secret of a record"

SCHEMA = build_schema(
    """
    type Query { hello: String! echo(text: String!): String! slow: String broken: String never: String! }
    type Mutation { bump: Int! }
    type Subscription {
        count(to: Int!): Int!
        forever: Int!
        wide: String!
        failing: Int!
        expired: Int!
        stubborn: Int!
        twice: Int!
    }
    """
)


async def happens(event: asyncio.Event) -> None:
    """Wait for it, with a deadline."""
    async with asyncio.timeout(5):
        await event.wait()


async def until(condition: Callable[[], object]) -> None:
    """Wait until it holds, with a deadline."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


@dataclass
class Counts:
    """A meter that remembers."""

    statuses: Counter[int] = field(default_factory=Counter)
    codes: Counter[int] = field(default_factory=Counter)
    endings: Counter[str] = field(default_factory=Counter)

    def answered(self, status: int) -> None:
        self.statuses[status] += 1

    def closed(self, code: int) -> None:
        self.codes[code] += 1

    def streamed(self, ending: str) -> None:
        self.endings[ending] += 1


@dataclass(frozen=True)
class Caller:
    name: str
    expires_at: float = math.inf


@dataclass
class Tiny:
    """Anyone may call without a token; `Bearer` words stand for what tokens can be."""

    callers: dict[str, Caller] = field(default_factory=lambda: {"Bearer good": Caller("good")})
    asked: list[Asked] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)
    bumps: int = 0
    running: asyncio.Event = field(default_factory=asyncio.Event)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    more: asyncio.Event = field(default_factory=asyncio.Event)
    is_away: bool = False
    swallows_cancellation: bool = False
    answer: Answer | None = None
    sent: int = 0

    async def authenticate(self, authorization: str | None) -> Caller:
        self.authorizations.append(authorization)
        if self.is_away:
            raise Unavailable(7)
        if authorization is None:
            return Caller("anyone")
        if authorization == "Bearer later":
            raise Unavailable(7)
        if authorization == "Bearer broken":
            raise RuntimeError(SECRET)
        if authorization not in self.callers:
            raise Unauthenticated('Bearer realm="tiny", error="invalid_token"', "Sign in again.")
        return self.callers[authorization]

    def expires_at(self, caller: Caller) -> float:
        return caller.expires_at

    async def execute(self, caller: Caller, asked: Asked, *, only_queries: bool) -> Answer:
        self.asked.append(asked)
        if self.answer is not None:
            return self.answer
        if asked.query == "{ fault }":
            raise RuntimeError(SECRET)
        try:
            document = parse(asked.query or "")
        except GraphQLError as error:
            return Answer(_refusal([error]), Outcome.PARSE_FAILED)
        if errors := validate(SCHEMA, document):
            return Answer(_refusal(errors), Outcome.REQUEST_REFUSED)
        operation = get_operation_ast(document, asked.operation_name)
        if only_queries and operation is not None and operation.operation is not OperationType.QUERY:
            return Answer(_refusal([GraphQLError("Use POST.")]), Outcome.NOT_A_QUERY)
        result = execute(
            SCHEMA,
            document,
            self._root(),
            variable_values=asked.variables,
            operation_name=asked.operation_name,
        )
        if not isinstance(result, ExecutionResult):
            result = await result
        assert isinstance(result, ExecutionResult)
        if result.data is None and result.errors and not any(error.path for error in result.errors):
            return Answer(_refusal(result.errors), Outcome.REQUEST_REFUSED)
        partial = result.data is not None and bool(result.errors)
        return Answer(msgspec.json.encode(result.formatted), partial=partial)

    async def subscribe(
        self, caller: Caller, asked: Asked, *, reads_only: bool = False
    ) -> AsyncGenerator[Result, None]:
        document = parse(asked.query or "")
        if errors := validate(SCHEMA, document):
            raise RequestRefused(msgspec.json.encode([error.formatted for error in errors]))
        operation = get_operation_ast(document, asked.operation_name)
        if operation is None or operation.operation is not OperationType.SUBSCRIPTION:
            yield Result((await self.execute(caller, asked, only_queries=reads_only)).body)
            return
        self.asked.append(asked)
        results = subscribe(SCHEMA, document, self._root(), variable_values=asked.variables)
        if not isinstance(results, AsyncIterator | ExecutionResult):
            results = await results
        assert isinstance(results, AsyncIterator)
        try:
            async for result in results:
                self.sent += 1
                yield Result(msgspec.json.encode(result.formatted), f"place-{self.sent}")
        finally:
            self.stopped.set()

    def _root(self) -> dict[str, Any]:
        return {
            "hello": "world",
            "echo": lambda _info, text: text,
            "slow": self._slow,
            "broken": _broken,
            "never": _broken,
            "bump": self._bump,
            "count": _count,
            "forever": self._forever,
            "wide": _wide,
            "expired": _expired,
            "failing": _failing,
            "stubborn": self._stubborn,
            "twice": self._twice,
        }

    def _bump(self, _info: object) -> int:
        self.bumps += 1
        return self.bumps

    async def _slow(self, _info: object) -> str:
        self.running.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.stopped.set()
            if not self.swallows_cancellation:
                raise
        return "done at last"

    async def _forever(self, _info: object) -> AsyncGenerator[dict[str, int], None]:
        self.running.set()
        yield {"forever": 1}
        await asyncio.Event().wait()

    async def _twice(self, _info: object) -> AsyncGenerator[dict[str, int], None]:
        """Once at once, and again when there is `more`."""
        yield {"twice": 1}
        await self.more.wait()
        yield {"twice": 2}

    async def _stubborn(self, _info: object) -> AsyncGenerator[dict[str, int], None]:
        """Takes a cancellation for an end."""
        self.running.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return
        yield {"stubborn": 1}


def _broken(_info: object) -> str:
    raise GraphQLError("The field broke.")


async def _count(_info: object, to: int) -> AsyncGenerator[dict[str, int], None]:
    for number in range(1, to + 1):
        yield {"count": number}


async def _wide(_info: object) -> AsyncGenerator[dict[str, str], None]:
    while True:
        yield {"wide": "w" * 262_144}


async def _failing(_info: object) -> AsyncGenerator[dict[str, int], None]:
    yield {"failing": 1}
    raise RuntimeError(SECRET)


async def _expired(_info: object) -> AsyncGenerator[dict[str, int], None]:
    yield {"expired": 1}
    raise Unauthenticated("Bearer", "Sign in again.")


def _refusal(errors: list[GraphQLError]) -> bytes:
    return msgspec.json.encode({"errors": [error.formatted for error in errors]})
