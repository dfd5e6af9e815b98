"""Who may break the glass, and for whom."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

from policies.actor import Actor, Audience
from policies.boundary import PURPOSES
from policies.emergency import Emergency
from sources.model import PatientId


class Bar(Enum):
    """Why an actor may not break the glass; in words for them."""

    AUDIENCE = "Only those who treat patients may break the glass."
    USER = "Only a person who signed in may break the glass, not a system."
    PURPOSE = "The purpose of your token is not one that your audience may ask for, so it can't be lifted."
    REACH = "Your token does not reach this patient: break-glass lifts no scope."


class BreakGlassRefused(Exception):
    """The actor may not break the glass, because of that bar."""

    def __init__(self, bar: Bar) -> None:
        self.bar = bar


def in_emergency(actor: Actor, emergency: Emergency) -> Actor:
    """*actor*, reading in that emergency.

    Raises:
        BreakGlassRefused: it is not for them to declare.
    """
    bar = _bar(actor, emergency.patient)
    if bar is not None:
        raise BreakGlassRefused(bar)
    return replace(actor, emergency=emergency)


def as_of(actor: Actor, now: float) -> Actor:
    """*actor* as they stand at that time: an emergency that has lapsed is none."""
    if actor.emergency is None or not actor.emergency.is_over(now):
        return actor
    return replace(actor, emergency=None)


def _bar(actor: Actor, patient: PatientId) -> Bar | None:
    if actor.audience is not Audience.CLINICIAN:
        return Bar.AUDIENCE
    if not actor.is_user:
        return Bar.USER
    if actor.purpose not in PURPOSES[actor.audience]:
        return Bar.PURPOSE
    # Whether there is such a patient is not looked up: the answer would tell it to whoever asks.
    reaches = actor.scopes.beyond_one_patient or actor.patient == patient
    return None if reaches and actor.scopes.resources else Bar.REACH
