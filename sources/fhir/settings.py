"""Owns what a FHIR server needs to be told of, and what it is spared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sources.naming import Practice


@dataclass(frozen=True)
class FhirSettings:
    """One FHIR R4 server.

    `practices` are those whose MRNs and visit numbers its identifiers hold. `search` is how searches are
    sent: by POST ids stay out of URLs and logs; `get` is for servers that know nothing else. `elements` asks
    for the wanted elements only (`_elements`); turn it off for a server that answers wrongly to it. At most
    `ids_per_call` ids go into one search, and at most `page_limit` pages of `page_size` rows are read of it.
    """

    name: str
    base_url: str
    practices: tuple[Practice, ...]
    elements: bool = True
    search: Literal["post", "get"] = "post"
    ids_per_call: int = 500
    page_size: int = 1000
    page_limit: int = 20
