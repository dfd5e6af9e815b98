"""What lives as long as the gateway and every request shares, and what a request is granted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from policies import Actor, ActorNames, Coordinate, Decision, RowConditions, RowRule
from resolvers.access import Explains
from resolvers.consents import Consents
from resolvers.cursors import Seal
from sources.model import CareKey, PatientId
from sources.ports import Appointments, Billing, ClinicalRecords, Engagements, Source


class Grants(Protocol):
    """The part of a grant that rows depend on."""

    @property
    def key(self) -> str: ...
    @property
    def actor(self) -> Actor: ...
    @property
    def actor_names(self) -> ActorNames: ...
    def decide(self, coordinate: Coordinate) -> Decision: ...
    def rows(self, resource: str, letters: str) -> RowRule: ...
    def conditions(self, resource: str, letters: str, *, consents: bool) -> RowConditions: ...
    def missing(self, coordinates: Iterable[Coordinate]) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Sources:
    """The sources the graph is resolved from, by what is asked of them."""

    ehr: ClinicalRecords
    book: Appointments
    billing: Billing
    crm: Engagements
    every: tuple[Source, ...]


@dataclass(frozen=True)
class House:
    """What lives as long as the gateway and every request shares."""

    sources: Sources
    care_key: Callable[[PatientId], CareKey]
    seal: Seal
    explain: Explains
    consents: Consents
