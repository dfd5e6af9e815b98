"""Owns what is known of each vendor's FHIR servers: how many keys are asked for, caps, and what codes mean.

From the vendors' published CapabilityStatements and error lists; docs/sources/fhir.md says it in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Literal


class Way(Enum):
    """How many keys of one kind are asked for. The values of the first three are those of the settings."""

    LIST = "or-list"
    """One search with all keys as alternatives of one parameter."""
    BATCH = "batch"
    """One batch Bundle with a search, or a read, for each key."""
    SEARCHES = "parallel"
    """A search for each key, several at the same time."""
    READS = "parallel reads"
    """A read of each id, several at the same time: for servers that do not search by `_id`."""


class Form(Enum):
    """How a search names what it refers to (https://hl7.org/fhir/R4/search.html#reference)."""

    TYPED = "Patient/1"
    BARE = "1"

    def given(self, parameter: str, key: str) -> str:
        """How *key*, an id, an identifier or the like, is given as a value of the search *parameter*."""
        type_ = REFERRED.get(parameter) if self is Form.TYPED else None
        return key if type_ is None else f"{type_}/{key}"


REFERRED = {"patient": "Patient", "practitioner": "Practitioner"}
"""What the reference parameters that are searched by id refer to."""


class Meaning(Enum):
    """What an issue of an OperationOutcome means for the answer it came with, or in place of."""

    NOTHING = "nothing was found"
    INCOMPLETE = "there may be more than was given"
    LISTS_REFUSED = "several keys cannot be asked for in one search"
    EXPIRED = "the pages of the search have expired"
    IGNORED = "a parameter of ours is not known"
    FORBIDDEN = "we may not see all of it"
    WITHHELD = "it wants a break-the-glass decision that only its own users can make"
    INVALID = "a parameter is missing or wrong"


@dataclass(frozen=True)
class Vendor:
    """What is known of one vendor's servers. `ways` is by search parameter; what it lacks is found out.

    `self_link`: True where every answer says by its self link which filters were used, False where none does;
    None: what it says is believed, if it says anything. `offset` is the parameter by which a server without
    links is asked for the next page. `references` is the form that is tried first: Medplum finds nothing by
    `1`, where others take `Patient/1` as well. `allow` are the fields beside R4's that they send; its version
    is raised with every change of it.
    """

    ways: Mapping[str, Way] = field(default_factory=lambda: MappingProxyType({}))
    search: Literal["post", "get"] = "post"
    elements: bool = True
    self_link: bool | None = None
    offset: str | None = None
    references: Form = Form.TYPED
    keys_per_call: int = 500
    entries_per_batch: int = 100
    page_size: int = 1000
    codes: Mapping[str, Meaning] = field(default_factory=lambda: MappingProxyType({}))
    allow: tuple[str, ...] = ()
    allow_version: str = ""


_EPIC_CODES = {
    "4100": Meaning.INVALID,
    "4101": Meaning.NOTHING,
    "4110": Meaning.INVALID,
    "4111": Meaning.INVALID,
    "4112": Meaning.LISTS_REFUSED,
    "4113": Meaning.EXPIRED,
    "4118": Meaning.FORBIDDEN,
    "4119": Meaning.INCOMPLETE,
    "4122": Meaning.IGNORED,
    "4127": Meaning.INCOMPLETE,
    "59133": Meaning.INCOMPLETE,
    "4130": Meaning.WITHHELD,
    "4131": Meaning.WITHHELD,
    "4134": Meaning.WITHHELD,
}

_MEDPLUM_FIELDS = (
    *("Meta.account", "Meta.accounts", "Meta.author", "Meta.compartment", "Meta.onBehalfOf", "Meta.project"),
)

VENDORS: Mapping[str, Vendor] = MappingProxyType(
    {
        "generic": Vendor(),
        # It calls parameters it does not know by 4122, `_elements` among them: so none is sent.
        "epic": Vendor(
            ways={"patient": Way.SEARCHES},
            elements=False,
            references=Form.BARE,
            keys_per_call=100,
            page_size=100,
            codes=_EPIC_CODES,
        ),
        "athenahealth": Vendor(
            ways={"patient": Way.SEARCHES},
            elements=False,
            references=Form.BARE,
            keys_per_call=50,
            page_size=100,
        ),
        # It refuses parameters it does not know; its self link of a search by POST has none at all.
        "hapi": Vendor(ways={"_id": Way.LIST, "patient": Way.LIST, "identifier": Way.LIST}),
        # A parameter it does not know matches nothing there, so that no filter can be dropped.
        "medplum": Vendor(
            ways={"_id": Way.LIST, "patient": Way.LIST, "identifier": Way.LIST},
            elements=False,
            self_link=False,
            offset="_offset",
            allow=_MEDPLUM_FIELDS,
            allow_version="medplum-1",
        ),
    }
)
"""What is known, by the name the settings use; `generic` knows nothing and finds out."""
