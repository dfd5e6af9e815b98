"""HAPI FHIR's JPA server over H2: our EHR adapter, our practice over FHIR, and the whole gateway over it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from sandbox.dataset import generate
from sandbox.pms.fhir import practice_dataset
from tests.interop.checks import Done
from tests.interop.fhir import PATIENTS, compared, finds_what_is_new, others, ours, put
from tests.interop.gateways import same_answers
from tests.interop.kits import Kits
from tests.interop.practices import compared as book_compared
from tests.interop.programs import same, server
from tests.sources.fhir_servers import practice_of

VERSION = "7.6.0"


@contextmanager
def hapi(kits: Kits) -> Iterator[str]:
    """The base URL of a server that holds nothing yet."""
    command = ["java", "-Xmx2g", "-cp", "classes:lib/*", "interop.HapiServer"]
    with server(command, kits.hapi(), starts_within_s=900) as port:
        yield f"http://127.0.0.1:{port}/fhir"


def ehr(kits: Kits) -> Done:
    """Each record comes back as it was loaded, as HAPI's and as nobody's in particular; so does the graph."""
    held = ours()
    with hapi(kits) as url:
        loaded = put(url, held)
        _refuses_what_it_does_not_know(url)
        answers = asyncio.run(compared(url, held, "hapi", ("or-list", "batch", "parallel"), 5))
        answers += asyncio.run(compared(url, held, "generic", ("auto",)))
        said = same_answers(held, {"kind": "fhir", "url": url, "vendor": "hapi"})
        asyncio.run(finds_what_is_new(url, held, "hapi"))
    return Done(
        VERSION,
        f"{loaded} resources; {answers} answers equal, in 4 ways and by pages of 5, new ones at once; "
        f"gateway: {said}",
    )


def _refuses_what_it_does_not_know(url: str) -> None:
    """That it does is why its vendor profile need not demand a self link.

    Raises:
        Disagreement: it drops a filter instead.
    """
    answer = httpx.post(f"{url}/Patient/_search", data={"gender": "female", "flavour": "x"}, timeout=60)
    same(answer.status_code, 400, "a parameter it does not know")


def ehr_of_others(kits: Kits) -> Done:
    """The same with patients that nobody here made."""
    held = others()
    with hapi(kits) as url:
        loaded = put(url, held)
        answers = asyncio.run(compared(url, held, "hapi", ("or-list",)))
    return Done(VERSION, f"{loaded} resources of Synthea; {answers} answers equal")


def practice(kits: Kits) -> Done:
    """A practice's appointments, places, coverages and accounts."""
    held = generate(PATIENTS)
    with hapi(kits) as url:
        loaded = put(url, practice_dataset(held.pms))

        async def read() -> int:
            adapter = practice_of(url, vendor="hapi")
            try:
                return await book_compared(adapter, held, stamped=False)
            finally:
                await adapter.close()

        rows = asyncio.run(read())
    return Done(VERSION, f"{loaded} resources; {rows} rows equal")
