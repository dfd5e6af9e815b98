"""The kinds of systems that may hold a world's records, and the settings that go with each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.addresses import Addresses
from sandbox.crm.dynamics import dynamics_app
from sandbox.crm.dynamics.sign_in import AppRegistration
from sandbox.crm.salesforce import salesforce_app
from sandbox.crm.salesforce.sign_in import ConnectedApp
from sandbox.ehr.app import ehr_app
from sandbox.ehr.quirks import NONE, Quirks
from sandbox.knobs import Knobs
from sandbox.pms.fhir import practice_dataset
from sandbox.records import Dataset
from sandbox.serving import one
from tests.canary.feeds import Feed, database, files, messages

REQUESTS_KEPT = 200_000
ROLES = ("ehr", "pms", "crm")
TOKEN = "let-me-in"
Table = dict[str, Any]


@dataclass(frozen=True)
class Kinds:
    """What holds the records. `ehr` is what the settings say of the EHR beside its address.

    With two `clinics` there are two sources of each role, the second of the usual kinds.
    """

    quirks: Quirks = NONE
    ehr: Mapping[str, Any] = field(default_factory=dict)
    pms: str = "rest"
    crm: str = "hubspot"
    clinics: int = 1
    shows_consents: bool = True

    @property
    def usual_roles(self) -> frozenset[str]:
        """The sources that show all of their records that the graph has fields for."""
        pms = {"pms"} if self.pms == "rest" else set[str]()
        crm = {"crm"} if self.crm == "hubspot" else set[str]()
        return frozenset({"ehr"} | pms | crm)

    @property
    def asked(self) -> tuple[str, ...]:
        """The sources that are asked over HTTP, so that one can see what they are told."""
        return ROLES if self.pms in ("rest", "fhir") else ("ehr", "crm")

    @property
    def tells_changes(self) -> bool:
        """Whether appointments that the practice changes are told, to those whom consents bind."""
        return self.pms == "rest" and self.shows_consents

    def __str__(self) -> str:
        vendor = self.ehr.get("vendor", "generic")
        silent = "" if self.shows_consents else " silent about consents"
        kinds = f"EHR {self.quirks.software} as {vendor}{silent}, PMS {self.pms}, CRM {self.crm}"
        return f"{self.clinics} clinics: {kinds}" if self.clinics > 1 else kinds


USUAL = Kinds()


@dataclass(frozen=True)
class Places:
    """Where what is not served over HTTP lies: a folder that is not there yet, and an empty database."""

    folder: Path
    database: str | None = None


@dataclass
class Held:
    """The settings of the sources, and where the knobs of each are."""

    table: Table
    knobs: dict[str, str]
    feed: Feed | None = None
    """The practice, if it is none that is asked over HTTP: it tells what it has, once the gateway runs."""


@contextmanager
def held(
    kinds: Kinds, dataset: Dataset, addresses: Addresses, table: Table, places: Places
) -> Iterator[Held]:
    """The systems of *kinds*, running beside those at *addresses*; *table* has the settings of these."""
    found = Held(table, {name: addresses.knobs(name) for name in ROLES})
    found.table["ehr"]["ehr"] |= kinds.ehr
    with ExitStack() as running:
        if kinds.pms == "fhir":
            url = running.enter_context(_fhir_practice(dataset))
            other = {"kind": "fhir", "url": f"{url}/fhir", "auth": {"token": TOKEN}}
            found.table["pms"]["pms"] = _systems(table) | other
            found.knobs["pms"] = f"{url}/sandbox"
        elif kinds.pms != "rest":
            found.feed = _fed(kinds.pms, dataset, places)
            zone = {"time_zone": dataset.pms.time_zone}
            found.table["pms"]["pms"] = _systems(table) | zone | found.feed.table
        if kinds.crm != "hubspot":
            url = running.enter_context(one(_crm(kinds.crm, dataset)))
            found.table["crm"]["crm"] = _signing_in(kinds.crm, url)
            found.knobs["crm"] = f"{url}/sandbox"
        yield found


def _systems(table: Table) -> Table:
    return {name: table["pms"]["pms"][name] for name in ("mrn_system", "visit_system")}


def _fed(kind: str, dataset: Dataset, places: Places) -> Feed:
    if kind == "database":
        assert places.database is not None, "no database was given"
        return database(dataset, places.database)
    return {"files": files, "hl7v2": messages}[kind](dataset, places.folder)


def _signing_in(kind: str, url: str) -> Table:
    if kind == "salesforce":
        app = ConnectedApp()
        return {"kind": kind, "url": url, "client_id": app.client_id, "client_secret": app.secret}
    registered = AppRegistration()
    given = {"client_id": registered.client_id, "client_secret": registered.secret}
    return {"kind": kind, "url": url, "tenant": registered.tenant, "authority": url, **given}


def _crm(kind: str, dataset: Dataset) -> ASGIApp:
    is_salesforce = kind == "salesforce"
    app = salesforce_app(dataset.contacts) if is_salesforce else dynamics_app(dataset.contacts)
    return Knobs(app, "crm", kept=REQUESTS_KEPT)


def with_second(first: Held, second: Table, addresses: Addresses) -> None:
    """Adds the clinic of those settings to the first one's, whose ids go on as they are."""
    ehr, pms, crm = (second[role][role] for role in ROLES)
    first.table["ehr"]["ehr"] |= {"bare_ids": True}
    first.table["pms"]["pms"] |= {"bare_ids": True, "ehr": "ehr"}
    first.table["ehr"]["south"] = ehr
    first.table["pms"]["southpms"] = pms | {"ehr": "south"}
    first.table["crm"]["southcrm"] = crm
    first.knobs |= {f"{role} south": addresses.knobs(role) for role in ROLES}


class _Later:
    """An application that is made once its address is known."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


@contextmanager
def _fhir_practice(dataset: Dataset) -> Iterator[str]:
    """The practice's records on a FHIR server of their own: where it is."""

    async def verify(token: str) -> dict[str, Any] | None:
        return {"scope": "system/*.rs"} if token == TOKEN else None

    later = _Later()
    with one(later) as url:
        app = ehr_app(practice_dataset(dataset.pms), verify=verify, base_url=url)
        later.app = Knobs(app, "ehr", kept=REQUESTS_KEPT)
        yield url
