"""Owns what a FHIR server needs to be told of, and what it is spared."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from typing import Literal

from sources.fhir.reading import Strict
from sources.fhir.vendors import VENDORS, Form, Vendor, Way
from sources.model import PatientId
from sources.naming import Practice

Strategy = Literal["auto", "or-list", "batch", "parallel"]
WatchedName = Literal["Patient", "Encounter", "Consent"]
VendorName = Literal["generic", "epic", "athenahealth", "hapi", "medplum"]


@dataclass(frozen=True)
class FhirServer:
    """One FHIR R4 or R4B server of some *vendor*; what is given here goes before what is known of the vendor.

    `strategy` is how many keys are asked for; `auto` finds out. `search` is how searches are sent: by POST
    ids stay out of URLs and logs; `get` is for servers that know nothing else. `elements` asks for the wanted
    elements only (`_elements`). `self_link` is whether an answer must say by its self link which filters were
    used; with None it need not, but what it says counts. `references` is the form in which whose rows are
    wanted is said, until another is found to be heard. At most `ids_per_call` ids go into one search, and
    as many rows are read of it as `page_limit` pages of `page_size` hold (see `Extent`). Each look for
    changes begins `overlap_s` before the last change seen: commits and clocks lag. `strict` is how far each
    resource is held against R4.
    """

    name: str
    base_url: str
    _: KW_ONLY
    vendor: VendorName = "generic"
    strategy: Strategy = "auto"
    search: Literal["post", "get"] | None = None
    elements: bool | None = None
    self_link: bool | None = None
    ids_per_call: int | None = None
    page_size: int | None = None
    references: Form | None = None
    page_limit: int = 20
    strict: Strict = "whole"
    overlap_s: int = 300

    def facts(self) -> Vendor:
        """What is known of the vendor, and what these settings say instead."""
        given = {
            "search": self.search,
            "elements": self.elements,
            "self_link": self.self_link,
            "keys_per_call": self.ids_per_call,
            "page_size": self.page_size,
            "references": self.references,
        }
        known = {name: value for name, value in given.items() if value is not None}
        return replace(VENDORS[self.vendor], **known)  # type: ignore[arg-type]

    def way(self, parameter: str) -> Way | None:
        """How keys of *parameter* are asked for; None: that is to be found out."""
        if self.strategy != "auto":
            return Way(self.strategy)
        return VENDORS[self.vendor].ways.get(parameter)


@dataclass(frozen=True)
class FhirSettings(FhirServer):
    """An EHR; `practices` are those whose MRNs and visit numbers its identifiers hold.

    `watched` are the types whose changes are told; with `as_said` only those of them that the server's
    CapabilityStatement says can be searched by `_lastUpdated`. `consent_witness` is the id of a patient who
    has a Consent on record, by whom it is proven that consents are found. With `follows_links` a patient's
    consents are also those of whom the server merged them with.
    """

    practices: tuple[Practice, ...]
    watched: tuple[WatchedName, ...] = ("Patient", "Encounter", "Consent")
    as_said: bool = True
    consent_witness: PatientId | None = None
    follows_links: bool = False
