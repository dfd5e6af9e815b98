"""Break-glass over several processes: what is declared at one holds at all, for fifteen minutes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from gateway.audit import Audit, MemorySink
from gateway.breaking import AWAY, LAPSED, BreakGlass
from gateway.changes import connected
from gateway.emergencies import Key, SharedEmergencies
from gateway.errors import Code, RequestError
from gateway.telemetry import Metrics
from policies import Actor, Emergency
from sources.model import PatientId
from tests.gateway.audit.made import SEALS, actor
from tests.gateway.changes.made import fresh_prefix
from tests.gateway.changes.redis_process import RedisProcess
from tests.gateway.test_break_glass import ANA, BEGAN, LASTS_S, OPERATION, REASON, Clock, saying

pytestmark = pytest.mark.anyio

SECRET = b"shared by all processes"
A_CLINICIAN = actor()


class Process:
    """One gateway process, as far as break-glass goes."""

    def __init__(self, url: str, prefix: str, secret: bytes = SECRET) -> None:
        self.clock = Clock()
        self.kept = MemorySink(SEALS)
        self.audit = Audit(self.kept, SECRET, "policy-1")
        self.shared = SharedEmergencies(connected(url), secret, prefix)
        self.glass = BreakGlass(self.audit, Metrics(), self.shared, clock=self.clock)

    async def declare(self, said: object, caller: Actor = A_CLINICIAN) -> Emergency | None:
        return (await self.glass.declared(caller, said, OPERATION, "t1")).emergency

    async def refused(self, said: object, caller: Actor = A_CLINICIAN) -> RequestError:
        with pytest.raises(RequestError) as refused:
            await self.declare(said, caller)
        return refused.value


@asynccontextmanager
async def process(url: str, prefix: str, secret: bytes = SECRET) -> AsyncIterator[Process]:
    made = Process(url, prefix, secret)
    async with made.audit.running():
        try:
            yield made
        finally:
            await made.glass.aclose()


@asynccontextmanager
async def two(url: str) -> AsyncIterator[tuple[Process, Process, str]]:
    prefix = fresh_prefix()
    async with process(url, prefix) as one, process(url, prefix) as other:
        yield one, other, prefix


@pytest.mark.parametrize("part2", [False, True])
async def test_what_is_declared_at_one_process_is_used_at_another(redis_url: str, part2: bool) -> None:
    async with two(redis_url) as (one, other, _):
        declared = await one.declare(saying(reason=REASON, part2Emergency=part2))
        used = await other.declare(saying())

    assert declared == used == Emergency(ANA, BEGAN + LASTS_S, part2, "t1")
    assert [record.kind for record in (*one.kept.records, *other.kept.records)] == ["break-glass"] * 2


@pytest.mark.parametrize(
    ("said", "caller"),
    [
        pytest.param(saying("Patient/ben"), A_CLINICIAN, id="another patient"),
        pytest.param(saying(), actor(token_id="jti-2"), id="another token"),
        pytest.param(saying(), actor(issuer="https://other.example"), id="another issuer's token"),
    ],
)
async def test_it_holds_for_that_token_and_that_patient_alone(
    redis_url: str, said: object, caller: Actor
) -> None:
    async with two(redis_url) as (one, other, _):
        await one.declare(saying(reason=REASON))

        refused = await other.refused(said, caller)

    assert (refused.code, refused.faults[0].message) == (Code.FORBIDDEN, LAPSED)


async def test_it_lapses_everywhere_and_redis_lets_go_of_it_by_itself(redis_url: str) -> None:
    async with two(redis_url) as (one, other, prefix), Redis.from_url(redis_url) as redis:
        await one.declare(saying(reason=REASON))
        (name,) = await redis.keys(f"{prefix}:*")
        left_s = await redis.ttl(name)
        other.clock.now += LASTS_S - 1
        assert await other.declare(saying()) is not None
        other.clock.now += 1
        refused = await other.refused(saying())
        await redis.delete(name)
        gone = await one.refused(saying())

    assert 0 < left_s <= LASTS_S
    assert refused.faults[0].message == gone.faults[0].message == LAPSED


async def test_a_use_does_not_prolong_it_and_a_declaration_does(redis_url: str) -> None:
    async with two(redis_url) as (one, other, _):
        await one.declare(saying(reason=REASON))
        other.clock.now += 600
        used = await other.declare(saying())
        again = await other.declare(saying(reason=REASON))
        found = await one.declare(saying())

    assert used is not None
    assert used.until == BEGAN + LASTS_S
    assert again == found
    assert found is not None
    assert found.until == BEGAN + 600 + LASTS_S


async def test_what_is_kept_names_neither_patient_nor_token_nor_reason(redis_url: str) -> None:
    async with two(redis_url) as (one, _, prefix), Redis.from_url(redis_url) as redis:
        await one.declare(saying(reason=REASON))
        names = await redis.keys(f"{prefix}:*")
        held = repr([(name, await redis.get(name)) for name in names])

    assert len(names) == 1
    for text in (ANA, A_CLINICIAN.token_id, A_CLINICIAN.subject, A_CLINICIAN.issuer, "Unconscious"):
        assert text not in held


async def test_who_writes_in_redis_opens_nothing(redis_url: str) -> None:
    async with two(redis_url) as (one, other, _), Redis.from_url(redis_url) as redis:
        await one.declare(saying(reason=REASON))
        mine, theirs = (one.shared._name(Key.of(A_CLINICIAN, patient)) for patient in (ANA, PatientId("ben")))
        kept = await redis.get(mine)
        assert isinstance(kept, bytes)
        refusals = []
        for written in (kept, b"", b"x" * 64, b"\xff" * 64, b'[9e9,true,"t"]', kept[:32] + b'[9e9,true,"t"]'):
            await redis.set(theirs, written)
            refusals.append((await other.refused(saying("Patient/ben"))).faults[0].message)
        await redis.set(mine, kept.replace(b"false", b"true"))
        altered = await other.refused(saying())

    assert refusals == [LAPSED] * 6
    assert altered.faults[0].message == LAPSED


async def test_processes_of_another_secret_share_nothing(redis_url: str) -> None:
    prefix = fresh_prefix()
    async with process(redis_url, prefix) as one, process(redis_url, prefix, b"another") as other:
        await one.declare(saying(reason=REASON))

        assert (await other.refused(saying())).faults[0].message == LAPSED


async def test_without_redis_nothing_is_declared_or_used_and_it_is_back_when_redis_is(
    redis_server: RedisProcess,
) -> None:
    async with two(redis_server.url) as (one, other, _):
        await one.declare(saying(reason=REASON))
        redis_server.stop()
        refusals = [await one.refused(saying(reason=REASON)), await other.refused(saying())]
        redis_server.start()
        nothing_kept = await other.refused(saying())
        declared = await one.declare(saying(reason=REASON))

        assert await other.declare(saying()) == declared

    for refused in refusals:
        assert (refused.code, refused.faults[0].message) == (Code.INTERNAL, AWAY)
        assert refused.shown("t1")[0]["extensions"]["retryable"] is True
    assert nothing_kept.faults[0].message == LAPSED
