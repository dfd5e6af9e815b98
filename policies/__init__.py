"""Policy: who may read which field of which row, for what purpose, and why. Pure; nothing here does I/O."""

from policies.actor import DEFAULT_PURPOSE, Actor, Audience, Purpose
from policies.boundary import BOUNDARY, Rule
from policies.break_glass import BreakGlassRefused, as_of, in_emergency
from policies.classification import Classified, Coordinate, DataClass, Needs, Requirement
from policies.conditions import IMPLIED, RowConditions, Verdict
from policies.consent import Answer, Says, in_force
from policies.consent_actors import ActorNames, actor_names
from policies.decisions import Decision, Grant, Policy
from policies.effects import Effect
from policies.emergency import BREAK_GLASS, LONGEST_S, Emergency
from policies.labels import PART_2_NOTICE
from policies.masks import MASKS, Mask
from policies.matrix import render
from policies.purposes import PurposeRefused, PurposeUnknown, for_purpose
from policies.rows import RowRule
from policies.scopes import Context, PrivateScope, ResourceScope, Scopes

__all__ = [
    "BOUNDARY",
    "BREAK_GLASS",
    "DEFAULT_PURPOSE",
    "IMPLIED",
    "LONGEST_S",
    "MASKS",
    "PART_2_NOTICE",
    "Actor",
    "ActorNames",
    "Answer",
    "Audience",
    "BreakGlassRefused",
    "Classified",
    "Context",
    "Coordinate",
    "DataClass",
    "Decision",
    "Effect",
    "Emergency",
    "Grant",
    "Mask",
    "Needs",
    "Policy",
    "PrivateScope",
    "Purpose",
    "PurposeRefused",
    "PurposeUnknown",
    "Requirement",
    "ResourceScope",
    "RowConditions",
    "RowRule",
    "Rule",
    "Says",
    "Scopes",
    "Verdict",
    "actor_names",
    "as_of",
    "for_purpose",
    "in_emergency",
    "in_force",
    "render",
]
