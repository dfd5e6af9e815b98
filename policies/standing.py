"""What of an actor static decisions depend on."""

from __future__ import annotations

from typing import NamedTuple

from policies.actor import Actor, Audience, Purpose
from policies.rows import Reach
from policies.scopes import Context, Scopes


class Standing(NamedTuple):
    """What of an actor static decisions depend on. Two patients with the same scopes stand the same."""

    audience: Audience
    purpose: Purpose
    scopes: Scopes
    asks_in: Context
    has_patient: bool
    is_emergency: bool

    @classmethod
    def of(cls, actor: Actor) -> Standing:
        return cls(
            actor.audience,
            actor.purpose,
            actor.scopes,
            _asks_in(actor),
            actor.patient is not None,
            actor.emergency is not None,
        )

    @property
    def reach(self) -> Reach:
        return Reach(self.audience is Audience.PATIENT, self.has_patient)


def _asks_in(actor: Actor) -> Context:
    """The context in which the actor would ask for one more scope."""
    is_own = actor.audience is Audience.PATIENT or not actor.scopes.beyond_one_patient
    if actor.patient is not None and is_own:
        return Context.PATIENT
    return Context.USER if actor.is_user else Context.SYSTEM
