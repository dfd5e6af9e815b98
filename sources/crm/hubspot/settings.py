"""Owns what a HubSpot account needs to be told of: the names of its properties."""

from __future__ import annotations

from dataclasses import dataclass, field

from sources.crm.hubspot.properties import PropertyNames


@dataclass(frozen=True)
class HubSpotSettings:
    """One HubSpot account. `id_property` is the unique contact property that holds the care key.

    At most `keys_per_call` contacts are read at once; HubSpot takes no more than 100.
    """

    name: str
    id_property: str = "care_key"
    properties: PropertyNames = field(default_factory=PropertyNames)
    keys_per_call: int = 100
