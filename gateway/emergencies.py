"""The emergencies that are open: those declared in this process, or in all that share a Redis."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from hmac import compare_digest, digest
from typing import NamedTuple, Protocol

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from policies import LONGEST_S, Actor, Emergency
from sources.model import PatientId

SESSIONS = 10_000
"""How many a process keeps at most by itself; the one declared first lapses early to make room."""

_ANSWER_S = 2.0
_SEAL_BYTES = sha256().digest_size


class Key(NamedTuple):
    """What an emergency holds for: one token and one patient."""

    issuer: str
    token_id: str
    patient: PatientId

    @classmethod
    def of(cls, caller: Actor, patient: PatientId) -> Key:
        return cls(caller.issuer, caller.token_id, patient)


class EmergenciesUnavailable(Exception):
    """It can't be told which emergencies are open, nor can one be opened."""


class Emergencies(Protocol):
    """The emergencies that are open. Both methods may raise EmergenciesUnavailable."""

    async def open(self, key: Key, emergency: Emergency) -> None: ...

    async def find(self, key: Key) -> Emergency | None:
        """The one that is open, or that was and has lapsed."""
        ...

    async def aclose(self) -> None: ...


class OwnEmergencies:
    """Those of this process alone; gone with it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._open: OrderedDict[Key, Emergency] = OrderedDict()

    async def open(self, key: Key, emergency: Emergency) -> None:
        now = self._clock()
        self._open[key] = emergency
        self._open.move_to_end(key)
        while self._open:  # in the order they were declared, so the first is the first to lapse
            oldest = next(iter(self._open))
            if len(self._open) <= SESSIONS and not self._open[oldest].is_over(now):
                return
            del self._open[oldest]

    async def find(self, key: Key) -> Emergency | None:
        return self._open.get(key)

    async def aclose(self) -> None:
        """There is nothing to close."""


class _Kept(msgspec.Struct, array_like=True, frozen=True):
    until: float
    part2: bool
    declared: str


_KEPT = msgspec.json.Decoder(_Kept)


class SharedEmergencies:
    """Those of all processes with the same Redis and *secret*; Redis drops them when they lapse.

    Whoever can read that Redis learns no token and no patient: keys are keyed hashes. Whoever can write in it
    opens nothing: what is kept is sealed, together with its key. Owns *redis*.
    """

    def __init__(self, redis: Redis, secret: bytes, prefix: str = "{caregraph}:glass") -> None:
        self._redis = redis
        self._secret = digest(secret, b"break-glass", sha256)
        self._prefix = prefix

    async def open(self, key: Key, emergency: Emergency) -> None:
        name = self._name(key)
        body = msgspec.json.encode(_Kept(emergency.until, emergency.part2, emergency.declared))
        await self._call(self._redis.set(name, self._seal(name, body) + body, ex=LONGEST_S))

    async def find(self, key: Key) -> Emergency | None:
        name = self._name(key)
        found = await self._call(self._redis.get(name))
        if not isinstance(found, bytes):
            return None
        seal, body = found[:_SEAL_BYTES], found[_SEAL_BYTES:]
        if not compare_digest(seal, self._seal(name, body)):
            return None
        kept = _KEPT.decode(body)
        return Emergency(key.patient, kept.until, kept.part2, kept.declared)

    async def aclose(self) -> None:
        await self._redis.aclose()

    async def _call(self, call: object) -> object:
        try:
            async with asyncio.timeout(_ANSWER_S):
                return await call  # type: ignore[misc]
        except (RedisError, OSError):  # a timeout is an OSError
            raise EmergenciesUnavailable from None

    def _name(self, key: Key) -> str:
        return f"{self._prefix}:{digest(self._secret, msgspec.json.encode(key), sha256).hex()}"

    def _seal(self, name: str, body: bytes) -> bytes:
        return digest(self._secret, name.encode() + b"\n" + body, sha256)
