"""Whom of ours a consent means by an organization, a team or a group: what an operator says of each. Pure.

A name is a reference (`Organization/1`) or an identifier (`system|value`). Whom it stands for are audiences
and clients, all of them and no others. A name of which nothing is said can't be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from policies.actor import Audience

AUDIENCE = "urn:caregraph:audience"
CLIENT = "urn:caregraph:client"
"""The identifier systems by which a consent names one of our audiences, or a client by its id."""

ActorNames: TypeAlias = Mapping[str, frozenset[str]]
"""By name, those it stands for, as identifiers in the two systems."""

NO_NAMES: ActorNames = MappingProxyType({})

_REFERENCE = re.compile(
    r"(Organization|Group|CareTeam|PractitionerRole|Device)/([A-Za-z0-9_-]+:)?[A-Za-z0-9.-]{1,64}"
)
_IDENTIFIER = re.compile(r"[^|\s]+\|[^|]+")


def actor_names(said: Mapping[str, Iterable[str]]) -> ActorNames:
    """What is *said*: of each name audiences, such as `partner`, and clients, such as `client:lab-app`.

    Raises:
        ValueError: a name or one of those it stands for cannot be read; persons are known by their sign-in.
    """
    return MappingProxyType({_name(name): frozenset(map(_party, parties)) for name, parties in said.items()})


def _name(name: str) -> str:
    if _REFERENCE.fullmatch(name) is None and _IDENTIFIER.fullmatch(name) is None:
        raise ValueError(
            f"`{name}` names no organization, group, team, role or device;"
            " write a reference such as `Organization/1`, or an identifier as `system|value`"
        )
    return name


def _party(party: str) -> str:
    kind, _, client = party.partition(":")
    if kind == "client" and client:
        return f"{CLIENT}|{client}"
    if party in {audience.value for audience in Audience}:
        return f"{AUDIENCE}|{party}"
    known = ", ".join(audience.value for audience in Audience)
    raise ValueError(f"`{party}` is neither an audience ({known}) nor a client; write `client:ID` for one")
