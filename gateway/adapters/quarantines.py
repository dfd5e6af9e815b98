"""The quarantines of those sources of the settings that keep what they refuse, for an operator's command."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from gateway.adapters.sections import Means
from gateway.settings import Settings
from sources.quarantine import Quarantine


@asynccontextmanager
async def quarantines(settings: Settings) -> AsyncIterator[Mapping[str, Quarantine]]:
    """By the source's name; none of the sources is called, listens or is looked at."""
    found: dict[str, Quarantine] = {}
    async with AsyncExitStack() as open_:
        for name, section in settings.pms.items():
            built = section.build(name, Means())
            for each in (*built.upstreams, built.source):
                if hasattr(each, "close"):
                    open_.push_async_callback(each.close)
            if hasattr(built.source, "quarantine"):
                found[name] = built.source.quarantine
        yield found
