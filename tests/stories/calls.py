"""What reached a source, read as its own API means it: independent of the adapters that sent it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs


@dataclass(frozen=True)
class Call:
    """One call for records. `form` holds a FHIR search's parameters, of query and body; `body` is JSON."""

    source: str
    method: str
    path: str
    form: dict[str, list[str]]
    body: Any
    text: str

    @property
    def target(self) -> str:
        """What it asks for: `ehr Encounter`, `pms appointments`, `crm contacts`."""
        parts = self.path.strip("/").split("/")
        return f"{self.source} {parts[3] if self.source == 'crm' else parts[1]}"

    @property
    def elements(self) -> frozenset[str]:
        """The FHIR elements asked for; a search that did not narrow them asks for everything."""
        return frozenset(self.form["_elements"][0].split(",")) if "_elements" in self.form else frozenset("*")

    def values(self, parameter: str) -> list[str]:
        """The alternatives of a FHIR search parameter; of `patient` the ids, in whichever form they are."""
        values = [one for value in self.form.get(parameter, ()) for one in value.split(",")]
        return [one.removeprefix("Patient/") for one in values] if parameter == "patient" else values


def call_of(source: str, recorded: dict[str, Any]) -> Call | None:
    """The recorded request as a call for records; None if it is for a token, a statement, what changed, or to
    see whether consents can be searched for."""
    path, text = recorded["path"], recorded["body"]
    if "/oauth" in path or "/.well-known" in path or path.endswith(("/metadata", "/_history")):
        return None
    if "updated_since" in text or "_lastUpdated" in text or "caregraph-check" in text:
        return None
    is_form = source == "ehr"
    form = parse_qs("&".join((recorded["query"], text if is_form else "")), keep_blank_values=True)
    if is_form and "/Patient/" not in path and form.keys() <= {"_count", "_elements"}:
        return None
    body = json.loads(text) if text and not is_form else None
    return Call(source, recorded["method"], path, form, body, f"{path}?{recorded['query']} {text}")
