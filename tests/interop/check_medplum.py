"""Medplum's FHIR server: our EHR adapter, our practice over FHIR, and the whole gateway over it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.dataset import generate
from sandbox.pms.fhir import practice_dataset
from tests.interop.checks import Done
from tests.interop.fhir import PATIENTS, compared, others, ours, put
from tests.interop.gateways import same_answers
from tests.interop.kits import Kits
from tests.interop.practices import compared as book_compared
from tests.interop.programs import server
from tests.sources.fhir_servers import practice_of

KIT = "@medplum/fhir-router"


@contextmanager
def medplum(kits: Kits) -> Iterator[str]:
    """The base URL of a server that holds nothing yet."""
    with server(["node", "medplum.mjs"], kits.node()) as port:
        yield f"http://127.0.0.1:{port}/fhir/R4"


def ehr(kits: Kits) -> Done:
    """Each record comes back as it was loaded, asked for in each way, on pages of any size."""
    held = ours()
    with medplum(kits) as url:
        loaded = put(url, held)
        answers = asyncio.run(compared(url, held, "medplum", ("or-list", "batch", "parallel"), 5))
    return Done(
        kits.npm_version(KIT), f"{loaded} resources; {answers} answers equal, in 3 ways and by pages of 5"
    )


def ehr_of_others(kits: Kits) -> Done:
    """The same with patients that nobody here made. None of them has a consent, and as the router has no
    CapabilityStatement either, nothing would prove that it hears questions for some: it is said to keep none.
    """
    held = others()
    with medplum(kits) as url:
        loaded = put(url, held)
        answers = asyncio.run(compared(url, held, "medplum", ("or-list",), keeps_consents=False))
    return Done(kits.npm_version(KIT), f"{loaded} resources of Synthea; {answers} answers equal")


def practice(kits: Kits) -> Done:
    """A practice's appointments, places, coverages and accounts."""
    held = generate(PATIENTS)
    with medplum(kits) as url:
        loaded = put(url, practice_dataset(held.pms))

        async def read() -> int:
            adapter = practice_of(url, vendor="medplum")
            try:
                return await book_compared(adapter, held, stamped=False)
            finally:
                await adapter.close()

        rows = asyncio.run(read())
    return Done(kits.npm_version(KIT), f"{loaded} resources; {rows} rows equal")


def gateway(kits: Kits) -> Done:
    """One query over three systems has the same answer as over the sandbox's own EHR."""
    held = ours()
    with medplum(kits) as url:
        put(url, held)
        said = same_answers(held, {"kind": "fhir", "url": url, "vendor": "medplum"})
    return Done(kits.npm_version(KIT), said)
