"""Consent (FHIR R4): whether a patient's consents let one actor have a row. Pure.

Consent only ever takes away: what scopes, the boundary and labels close, no consent opens, but for the
labels that a permission names (policies/clearance.py). What can't be read, where it would matter, denies.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple

from policies.actor import Audience
from policies.consent_criteria import Asking, Facts, Fit, fits
from policies.labels import ACT_CODE
from sources.model import Coding, Consent, Provision

SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
PRIVACY = "patient-privacy"

DEEPEST = 8
"""How deep exceptions to exceptions are followed; what lies deeper can't be read."""

STATUSES = frozenset({"draft", "proposed", "rejected", "inactive", "entered-in-error"})
"""Those of a consent that is not in force: it counts as absent."""

OTHER_SCOPES = frozenset({"adr", "research", "treatment"})
"""The scopes of consents that are about something else than who may read."""


class Says(Enum):
    """What a consent, or a provision of it, says of a request."""

    NOTHING = 0
    PERMIT = 1
    DENY = 2
    UNREADABLE = 3
    BY_ROW = 4


class Answer(NamedTuple):
    """What is said; `cleared` are the labels that it names: of a permission, those that it clears."""

    says: Says
    cleared: tuple[Coding, ...] = ()


def matters(audience: Audience, purpose: str) -> bool:
    """Whether consents bind the actor. They never bind the patient, nor who holds their power of attorney."""
    return audience is not Audience.PATIENT or purpose == "FAMRQT"


def in_force(consent: Consent) -> bool:
    """Whether the consent counts at all: it is active, about privacy, or one of the two can't be read."""
    if consent.status in STATUSES:
        return False
    scopes = [it.code for it in consent.scope.coding if it.system == SCOPE] if consent.scope else []
    return not scopes or not all(code in OTHER_SCOPES for code in scopes)


def answer(consents: Iterable[Consent], asking: Asking, facts: Facts | None = None) -> Answer:
    """What the patient's consents say together. Any that denies, or can't be read, prevails.

    Without *facts*, BY_ROW is the answer where it depends on the row. Where no consent speaks there is the
    implied one: NOTHING is taken away.
    """
    said = [_consent(consent, asking, facts) for consent in consents if in_force(consent)]
    by_says = {one.says for one in said}
    for prevailing in (Says.DENY, Says.UNREADABLE, Says.BY_ROW):
        if prevailing in by_says:
            return Answer(prevailing)
    cleared = tuple(coding for one in said for coding in one.cleared)
    return Answer(Says.PERMIT if Says.PERMIT in by_says else Says.NOTHING, cleared)


def _consent(consent: Consent, asking: Asking, facts: Facts | None) -> Answer:
    scopes = [it.code for it in consent.scope.coding if it.system == SCOPE] if consent.scope else []
    if consent.status != "active" or PRIVACY not in scopes:
        return Answer(Says.UNREADABLE)
    try:
        root = consent.provision or Provision()
        return _provision(root, _base(consent), asking, facts, 0)
    except Exception:  # noqa: BLE001 - a consent that can't be evaluated denies
        return Answer(Says.UNREADABLE)


def _base(consent: Consent) -> str | None:
    """What the consent says by itself: its provision's type, or its policy rule."""
    if consent.provision is not None and consent.provision.type is not None:
        return consent.provision.type
    rules = consent.policy_rule.coding if consent.policy_rule is not None else ()
    return _RULES.get((rules[0].system, rules[0].code)) if len(rules) == 1 else None


_RULES: Mapping[tuple[str | None, str | None], str] = MappingProxyType(
    {(ACT_CODE, "OPTIN"): "permit", (ACT_CODE, "OPTOUT"): "deny"}
)
_TYPES: Mapping[str | None, Says] = MappingProxyType({"permit": Says.PERMIT, "deny": Says.DENY})


def _provision(rule: Provision, type_: str | None, asking: Asking, facts: Facts | None, depth: int) -> Answer:
    """What a provision says: nothing where it does not fit, else what its exceptions say, else its type."""
    if depth > DEEPEST:
        return Answer(Says.UNREADABLE)
    says = _TYPES.get(type_, Says.UNREADABLE)
    fit = fits(rule, asking, facts, takes=says is not Says.PERMIT)
    if fit is not Fit.YES:
        return Answer(_UNFIT[fit])
    exceptions = [_provision(one, one.type, asking, facts, depth + 1) for one in rule.provision]
    said = {one.says for one in exceptions}
    for prevailing in (Says.DENY, Says.UNREADABLE, Says.BY_ROW):
        if prevailing in said:
            return Answer(prevailing)
    if Says.PERMIT in said:
        return Answer(Says.PERMIT, tuple(coding for one in exceptions for coding in one.cleared))
    return Answer(says, rule.security_label)


_UNFIT = MappingProxyType({Fit.NO: Says.NOTHING, Fit.UNREADABLE: Says.UNREADABLE, Fit.BY_ROW: Says.BY_ROW})
