"""Owns the check of a FHIR server: that it speaks our FHIR, lets us in, and what else to know of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sources.fhir.bundles import page_reader
from sources.fhir.capability import Capability
from sources.fhir.client import FhirClient, Results
from sources.fhir.settings import FhirServer
from sources.fhir.strategies import Question, Strategies
from sources.fhir.vendors import Way
from sources.model import Patient
from sources.ports import Checked, Found

NOBODY = "caregraph-check"
"""An id that no patient has: asking for it costs nothing and needs every right that a real question needs."""

Searches = Mapping[str, Sequence[str]]
"""The search parameters an adapter uses, by resource type."""


async def checked(
    server: FhirServer, client: FhirClient, strategies: Strategies, searches: Searches
) -> Checked:
    """What the server says of itself, after it has answered a question about nobody.

    Raises:
        SourceError: it does not answer, does not let us in, or speaks another version of FHIR.
    """
    said = await client.metadata()
    if not said.is_spoken:
        raise client.misread(
            "CapabilityStatement.fhirVersion: neither R4 (4.0.x) nor R4B (4.3.0);"
            " set the base URL to that of an R4 endpoint"
        )
    await strategies.ask(Question(page_reader(Patient, "id"), "_id", [("_elements", "id")]), [NOBODY], _told)
    ways = {
        (type_, parameter): await strategies.way(type_, parameter)
        for type_, parameters in searches.items()
        for parameter in parameters
        if parameter in ("_id", "patient", "identifier")
    }
    return Checked(
        True,
        (
            f"software: {said.software}",
            f"FHIR {said.version}, vendor profile `{server.vendor}`",
            *_asked_by(ways),
            *_unnamed(said, searches),
        ),
    )


def _told(keys: Sequence[str], answer: Results[Patient]) -> Found[str, Patient]:
    return {}


def _asked_by(ways: Mapping[tuple[str, str], Way]) -> list[str]:
    """A line for each way, with what is asked so."""
    lines = []
    for way in Way:
        names = [f"{type_} by {parameter}" for (type_, parameter), its in ways.items() if its is way]
        if names:
            lines.append(f"{way.value}: {', '.join(names)}")
    return lines


def _unnamed(said: Capability, searches: Searches) -> list[str]:
    names = [
        f"{type_} by {parameter}"
        for type_, parameters in searches.items()
        for parameter in parameters
        if said.lacks(type_, parameter)
    ]
    return [f"not among the searches it names: {', '.join(names)}"] if names else []
