"""Stand-ins for the FHIR servers of the market, over real sockets, and the settings that go with each."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import uvicorn
from starlette.applications import Starlette

from sandbox.addresses import bound_anywhere
from sandbox.dataset import Dataset
from sandbox.ehr.app import ehr_app
from sandbox.ehr.quirks import ATHENAHEALTH, EPIC, HAPI, MEDPLUM, NONE, Quirks
from sources.calling import Limits, StaticBearer, Upstream
from sources.ehr.fhir import FhirRecords, FhirSettings
from sources.naming import alone
from sources.pms.fhir import FhirPmsSettings, FhirPractice

TOKEN = "let-me-in"
MRNS, VISITS = "urn:caregraph:sandbox:mrn", "urn:caregraph:sandbox:visit"
UNHURRIED = Limits(timeout_s=20.0)


@dataclass(frozen=True)
class Kind:
    """A server that behaves by *quirks*, and how the adapter is set for it."""

    quirks: Quirks = NONE
    settings: dict[str, Any] = field(default_factory=dict)


LISTLESS = frozenset({"patient", "_id", "identifier"})

SERVERS: dict[str, Kind] = {
    "or-list": Kind(settings={"strategy": "or-list"}),
    "batch": Kind(settings={"strategy": "batch"}),
    "parallel": Kind(settings={"strategy": "parallel"}),
    "found out: lists": Kind(),
    "found out: batches": Kind(Quirks(one_value=LISTLESS)),
    "found out: parallel": Kind(Quirks(one_value=LISTLESS, batch=False)),
    "R4B": Kind(Quirks(fhir_version="4.3.0")),
    "GET only": Kind(Quirks(get_only=True), {"search": "get"}),
    "no _elements": Kind(Quirks(ignored=frozenset({"_elements"}))),
    "_elements refused": Kind(Quirks(refused=frozenset({"_elements"}))),
    "pages expire": Kind(Quirks(lost_pages=1), {"page_size": 40, "page_limit": 1000}),
    "epic": Kind(EPIC, {"vendor": "epic"}),
    "athenahealth": Kind(ATHENAHEALTH, {"vendor": "athenahealth"}),
    "hapi": Kind(HAPI, {"vendor": "hapi"}),
    "medplum": Kind(MEDPLUM, {"vendor": "medplum", "page_size": 40, "page_limit": 1000}),
}
"""Each must give what the specification promises."""


PRACTICES = {
    name: SERVERS[name]
    for name in ("or-list", "batch", "parallel", "found out: batches", "GET only", "epic", "hapi", "medplum")
}
"""Those that must give what the port of a PMS promises, when they serve a practice."""


async def _verify(token: str) -> dict[str, Any] | None:
    return {"scope": "system/*.cruds"} if token == TOKEN else None


def fhir_server(dataset: Dataset, base_url: str, quirks: Quirks = NONE) -> Starlette:
    """The stand-in, which lets in who has TOKEN."""
    return ehr_app(dataset, verify=_verify, base_url=base_url, quirks=quirks)


@contextmanager
def serving(dataset: Dataset, quirks: Quirks = NONE) -> Iterator[str]:
    """A FHIR server in a thread of its own: its base URL."""
    with bound_anywhere() as (addresses, listeners):
        app = fhir_server(dataset, addresses.ehr, quirks)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, ws="none"))
        thread = threading.Thread(
            target=lambda: asyncio.run(server.serve([listeners.ehr])), name="fhir", daemon=True
        )
        thread.start()
        try:
            yield addresses.ehr
        finally:
            server.should_exit = True
            thread.join(30)


def patients_in(query: str) -> list[str]:
    """The ids of the patients that a search is for, in whichever form it names them."""
    return [value.removeprefix("Patient/") for value in parse_qs(query)["patient"][0].split(",")]


def records_of(url: str, *, keeps_consents: bool = True, **settings: Any) -> FhirRecords:
    """The adapter for the server at *url*; to be closed."""
    upstream = Upstream("ehr", "ehr", url, authorizer=StaticBearer(TOKEN), limits=UNHURRIED)
    practices = alone("pms", MRNS, VISITS)
    return FhirRecords(
        FhirSettings("ehr", url, practices, **settings), upstream, keeps_consents=keeps_consents
    )


def practice_of(url: str, **settings: Any) -> FhirPractice:
    """The adapter for the practice's server at *url*; to be closed."""
    upstream = Upstream("pms", "pms", url, authorizer=StaticBearer(TOKEN), limits=UNHURRIED)
    settings = {"mrn_system": MRNS, "visit_system": VISITS, **settings}
    return FhirPractice(FhirPmsSettings("pms", url, **settings), upstream)
