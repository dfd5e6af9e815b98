"""The three things policy can say of a coordinate."""

from __future__ import annotations

from enum import Enum


class Effect(Enum):
    """What an actor gets. The value is the verb in rule ids; members are in order of strictness."""

    ALLOW = "allows"
    MASK = "masks"
    DENY = "denies"
