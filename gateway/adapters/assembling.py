"""The sources that the settings name, put behind the ports of the graph."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import cast

from gateway.adapters.sections import Built, Means, SourceSection
from gateway.settings import Settings
from resolvers.loaders import Sources
from sources.calling import Observer, Upstream
from sources.naming import Naming, Practice
from sources.ports import Appointments, Billing, Changes, ClinicalRecords, Engagements


@dataclass(frozen=True)
class Adapters:
    """The sources, those that tell what changed, and what to start and to close with the gateway."""

    sources: Sources
    changes: tuple[Changes, ...]
    upstreams: tuple[Upstream, ...]
    beside: tuple[AbstractAsyncContextManager[object], ...] = ()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """What runs beside the sources, for as long as the block does; then every connection is closed."""
        async with AsyncExitStack() as open_:
            for upstream in self.upstreams:
                open_.push_async_callback(upstream.close)
            for one in self.beside:
                await open_.enter_async_context(one)
            yield


def adapters(settings: Settings, observers: Sequence[Observer]) -> Adapters:
    """The adapters for these settings; they belong to the event loop that runs them."""
    ehrs = {
        name: section.build(name, Means(observers, _practices(settings, name)))
        for name, section in settings.ehr.items()
    }
    others = Means(observers)
    practices = {name: section.build(name, others) for name, section in settings.pms.items()}
    crms = {name: section.build(name, others) for name, section in settings.crm.items()}
    built = [*ehrs.values(), *practices.values(), *crms.values()]
    ehr = cast(ClinicalRecords, _only(ehrs))
    practice = _only(practices)
    return Adapters(
        Sources(
            ehr=ehr,
            book=cast(Appointments, practice),
            billing=cast(Billing, practice),
            crm=cast(Engagements, _only(crms)),
            every=tuple(each.source for each in built),
        ),
        changes=(cast(Changes, practice),),
        upstreams=tuple(upstream for each in built for upstream in each.upstreams),
        beside=tuple(each.running for each in built if each.running is not None),
    )


def naming_of(sections: Mapping[str, SourceSection]) -> Naming:
    """How the ids of those sources are told apart."""
    return Naming.of(sections, next((name for name, section in sections.items() if section.bare_ids), None))


def _practices(settings: Settings, ehr: str) -> list[Practice]:
    """The practices whose patients that EHR knows."""
    naming = naming_of(settings.pms)
    return [
        Practice(name, section.mrn_system, section.visit_system, naming)
        for name, section in settings.pms.items()
        if section.ehr in (None, ehr)
    ]


def _only(built: Mapping[str, Built]) -> object:
    (one,) = built.values()
    return one.source
