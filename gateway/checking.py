"""Tries what the settings name, each by itself, and says what was found. Nothing of it is a patient's."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import NamedTuple

from gateway.adapters.assembling import adapters
from gateway.changes.log import LogUnavailable
from gateway.changes.redis_streams import RedisLog, connected
from gateway.identity import Identity, IdentityUnavailable
from gateway.quarantine import Store, StoreUnusable
from gateway.settings import Settings
from gateway.telemetry import Metrics
from sources.calling import Upstream
from sources.errors import SourceError
from sources.ports import Checked, Source

PATIENCE_S = 30.0


class Finding(NamedTuple):
    """What was found of one thing the settings name, such as `pms.north`: usable or not, and what it said."""

    at: str
    ok: bool
    said: tuple[str, ...]


Check = Callable[[], Awaitable[Checked]]


async def findings(settings: Settings) -> AsyncIterator[Finding]:
    """Everything the settings name, as it is found; what takes longer than PATIENCE_S has failed."""
    async with AsyncExitStack() as open_:
        kept = adapters(settings, observers=())
        _allow_released(settings, kept.upstreams)
        for upstream in kept.upstreams:
            open_.push_async_callback(upstream.close)
        identity = Identity(settings.identity, Metrics())
        open_.push_async_callback(identity.aclose)
        checks: dict[str, Check] = {
            "identity": lambda: _identity(identity),
            **{_at(settings, source): _checked(source, kept.upstreams) for source in kept.sources.every},
            "changes": lambda: _changes(settings),
            "audit": lambda: asyncio.to_thread(_audit, settings),
        }
        running = [asyncio.create_task(_tried(at, check)) for at, check in checks.items()]
        open_.callback(lambda: [task.cancel() for task in running])
        for task in asyncio.as_completed(running):
            yield await task


def _at(settings: Settings, source: Source) -> str:
    roles = {"ehr": settings.ehr, "pms": settings.pms, "crm": settings.crm}
    role = next(role for role, sources in roles.items() if source.name in sources)
    return f"{role}.{source.name}"


async def _tried(at: str, check: Check) -> Finding:
    try:
        async with asyncio.timeout(PATIENCE_S):
            found = await check()
    except TimeoutError:
        return Finding(at, False, (f"no answer within {PATIENCE_S:.0f} s",))
    except SourceError as error:
        return Finding(at, False, (error.why, *_next_step(error)))
    return Finding(at, found.ok, found.said)


def _allow_released(settings: Settings, upstreams: Sequence[Upstream]) -> None:
    """Allow what was released from quarantine, as a gateway does; a file that cannot be read has nothing."""
    path = settings.quarantine.path()
    with suppress(StoreUnusable):
        released = [] if path is None else Store(path).released()
        for upstream in upstreams:
            upstream.allowed.release(each.field for each in released if each.source == upstream.name)


def _checked(source: Source, upstreams: Sequence[Upstream]) -> Check:
    """The check of *source*, and which fields it may send beside those that are known."""
    lists = [each.allowed.version for each in upstreams if each.name == source.name and each.allowed.fields]

    async def check() -> Checked:
        found = await source.check()
        return found._replace(said=(*found.said, *(f"may send fields of {version}" for version in lists)))

    return check


def _next_step(error: SourceError) -> tuple[str, ...]:
    steps = {
        "SourceUnavailable": "see that its address is right and that it can be reached from here",
        "SourceTimeout": "see that it can be reached from here, or raise `timeout_s`",
        "SourceRejected": "see that our credentials are right and have the rights that docs/sources/ names",
        "SourceMisread": "it does not speak as this kind of source; see that `kind` and address are right",
    }
    return tuple(steps[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in steps)


async def _identity(identity: Identity) -> Checked:
    try:
        await identity.ready()
    except IdentityUnavailable:
        return Checked(False, ("its keys cannot be fetched", "see that `issuer` or `jwks_url` is right"))
    return Checked(True, ("its keys can be fetched",))


async def _changes(settings: Settings) -> Checked:
    changes = settings.changes
    if changes.redis_url is None or changes.log != "redis":
        return Checked(True, ("kept in this process",))
    log = RedisLog(connected(changes.redis_url.reveal()))
    try:
        await log.bookmark("caregraph check")
    except LogUnavailable:
        return Checked(False, ("Redis does not answer", "see that `redis_url` is right"))
    finally:
        await log.aclose()
    return Checked(True, ("kept in Redis",))


def _audit(settings: Settings) -> Checked:
    """Whether records could be kept, as far as can be said without keeping one."""
    if settings.audit.sink != "sqlite":
        return Checked(True, (f"kept in {settings.audit.sink}; not tried",))
    there = Path(settings.audit.directory).absolute()
    nearest = next(path for path in (there, *there.parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        return Checked(False, ("its directory cannot be written", "let us write there, or set another"))
    return Checked(True, ("its directory can be written",))
