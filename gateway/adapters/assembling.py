"""The sources that the settings name, put behind the ports of the graph."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TypedDict, cast

from gateway.adapters.sections import Built, Means, SourceSection
from gateway.settings import Settings
from resolvers.house import Sources
from sources.calling import Observer, Upstream
from sources.naming import Naming, Practice
from sources.ports import Appointments, Billing, Changes, ClinicalRecords, Engagements
from sources.several import NamedChanges, SeveralEngagements, SeveralPractices, SeveralRecords


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
    return Adapters(
        Sources(
            ehr=_ehr(ehrs, settings),
            **_practice(practices, naming_of(settings.pms)),
            crm=_crm(crms),
            every=tuple(each.source for each in built),
        ),
        changes=(
            *_changes(ehrs, naming_of(settings.ehr)),
            *_changes(practices, naming_of(settings.pms)),
        ),
        upstreams=tuple(upstream for each in built for upstream in each.upstreams),
        beside=tuple(each.running for each in built if each.running is not None),
    )


def naming_of(sections: Mapping[str, SourceSection]) -> Naming:
    """How the ids of those sources are told apart. The only one goes bare unless it says otherwise."""
    said = next((name for name, section in sections.items() if section.bare_ids), None)
    only = next((name for name, section in sections.items() if section.bare_ids is None), None)
    return Naming(frozenset(sections), only if len(sections) == 1 and said is None else said)


def _practices(settings: Settings, ehr: str) -> list[Practice]:
    """The practices whose patients that EHR knows."""
    naming = naming_of(settings.pms)
    return [
        Practice(name, section.mrn_system, section.visit_system, naming)
        for name, section in settings.pms.items()
        if section.ehr in (None, ehr)
    ]


def _ehr(built: Mapping[str, Built], settings: Settings) -> ClinicalRecords:
    records = {name: cast(ClinicalRecords, each.source) for name, each in built.items()}
    naming = naming_of(settings.ehr)
    if _is_alone(naming):
        return next(iter(records.values()))
    return SeveralRecords(records, naming, {name: _practices(settings, name) for name in records})


class _Pms(TypedDict):
    book: Appointments
    billing: Billing


def _practice(built: Mapping[str, Built], naming: Naming) -> _Pms:
    books = {name: cast(Appointments, each.source) for name, each in built.items()}
    billing = {
        name: cast(Billing, each.source) for name, each in built.items() if hasattr(each.source, "balances")
    }
    if _is_alone(naming) and billing:
        return _Pms(book=next(iter(books.values())), billing=next(iter(billing.values())))
    several = SeveralPractices(books, billing, naming)
    return _Pms(book=several, billing=several)


def _crm(built: Mapping[str, Built]) -> Engagements:
    crms = {name: cast(Engagements, each.source) for name, each in built.items()}
    return next(iter(crms.values())) if len(crms) == 1 else SeveralEngagements(crms)


def _changes(built: Mapping[str, Built], naming: Naming) -> tuple[Changes, ...]:
    telling = [cast(Changes, each.source) for each in built.values() if hasattr(each.source, "changes")]
    return tuple(telling) if _is_alone(naming) else tuple(NamedChanges(one, naming) for one in telling)


def _is_alone(naming: Naming) -> bool:
    """Whether there is one source, whose ids are the house's: then nothing stands between."""
    return len(naming.sources) == 1 and naming.bare is not None
