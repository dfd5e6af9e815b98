"""The purpose of one request: what a caller may state beside, and within, what the token says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from policies.actor import Actor, Purpose
from policies.boundary import PURPOSES

WITHIN: Mapping[Purpose, frozenset[Purpose]] = MappingProxyType(
    {
        Purpose.TREAT: frozenset({Purpose.COC}),
        Purpose.HOPERAT: frozenset({Purpose.CAREMGT, Purpose.PATADMIN}),
    }
)
"""The narrower purposes a request may state where the token claims the wider one: children in v3 ActReason.

An emergency (ETREAT) is no narrowing of TREAT: it may open what treatment does not. Nor does a request turn
who asks for themselves (PATRQT) into family.
"""

CLAIMED_ALONE = frozenset({Purpose.ETREAT})
"""The purposes that a token has to claim: no request may state them by itself."""

_BY_CODE = {purpose.value: purpose for purpose in Purpose}


class PurposeUnknown(Exception):
    """What is stated is no code of PurposeOfUse that is known here."""


class PurposeRefused(Exception):
    """The actor may not ask for *purpose*; *permitted* are those it may ask for, in order."""

    def __init__(self, purpose: Purpose, permitted: tuple[Purpose, ...]) -> None:
        super().__init__(f"{purpose.value} may not be stated here")
        self.purpose = purpose
        self.permitted = permitted


def for_purpose(actor: Actor, code: str) -> Actor:
    """*actor*, asking for the purpose that the request states.

    Without a claim of its own, a token's request may state any purpose of the audience but an emergency; with
    one, only that purpose or one within it.

    Raises:
        PurposeUnknown: *code* is none of PurposeOfUse.
        PurposeRefused: it is not for this actor to ask for.
    """
    purpose = _BY_CODE.get(code)
    if purpose is None:
        raise PurposeUnknown
    may = permitted(actor)
    if purpose not in may:
        raise PurposeRefused(purpose, may)
    return replace(actor, purpose=purpose)


def permitted(actor: Actor) -> tuple[Purpose, ...]:
    """The purposes a request of *actor* may state, by code.

    None where the token claims one that is not its audience's: to narrow that would open what it closes.
    """
    may = PURPOSES[actor.audience]
    if actor.claims_purpose:
        within = {actor.purpose} | WITHIN.get(actor.purpose, frozenset())
        may = may & within if actor.purpose in may else frozenset()
    else:
        may -= CLAIMED_ALONE
    return tuple(sorted(may, key=lambda purpose: purpose.value))
