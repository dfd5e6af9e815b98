"""The criteria of a provision of a Consent (FHIR R4), and how each stands to a request. Pure.

Each criterion fits, does not, depends on the row, or can't be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple

from policies.actor import Actor, Audience
from policies.consent_actors import AUDIENCE, CLIENT, NO_NAMES, ActorNames
from policies.facts import CODES, DATES, labels_of, period_of, row_codings, sensitivities_of
from policies.labels import (
    ACT_CODE,
    CONFIDENTIALITY,
    LEVELS,
    NORMAL,
    UNKNOWN,
    Labels,
    labels,
    widened,
)
from policies.sensitivity import CPT, ICD10, ICD10CM, LOINC, RXNORM, SNOMED, of_code
from policies.times import span
from sources.model import Coding, ConsentActor, ConsentData, LogicalReference, Period, Provision

ACTIONS = "http://terminology.hl7.org/CodeSystem/consentaction"
PURPOSES = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
TYPES = "http://hl7.org/fhir/resource-types"

# fmt: off
OUTSIDE = frozenset({Audience.PARTNER, Audience.CRM, Audience.AI})
"""The audiences to whom showing a row is disclosing it; to the others it is use within the practice."""

ROLES: Mapping[str | None, frozenset[Audience]] = MappingProxyType({
    "PROV":   frozenset({Audience.CLINICIAN}),
    "EMP":    frozenset({Audience.CLINICIAN, Audience.PRACTICE}),
    "NOK":    frozenset({Audience.PATIENT}),
    "IRCP":   frozenset(Audience),
    "PRCP":   frozenset(Audience),
    "AFFL":   frozenset({Audience.PARTNER}),
})
"""Roles of v3-RoleClass and v3-ParticipationType that say who receives, as our audiences."""

BROADER: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "BTG": ("ETREAT", "TREAT"), "ERTREAT": ("ETREAT", "TREAT"),
    "ETREAT": ("TREAT",), "COC": ("TREAT",), "CLINTRL": ("TREAT",), "POPHLTH": ("TREAT",),
    "CAREMGT": ("HOPERAT",), "PATADMIN": ("HOPERAT",), "HQUALIMP": ("HOPERAT",),
    "FAMRQT": ("PATRQT",), "PWATRNY": ("PATRQT",),
    "TREAT": (), "HPAYMT": (), "HOPERAT": (), "HMARKT": (), "PATRQT": (), "HRESCH": (), "PUBHLTH": (),
})
"""The purposes of v3-ActReason that are known, and the broader ones that each is a part of."""
# fmt: on

_ACTION_CODES = frozenset({"collect", "access", "use", "disclose", "correct"})
_CODE_SYSTEMS = frozenset({ICD10, ICD10CM, SNOMED, LOINC, RXNORM, CPT, "http://hl7.org/fhir/sid/cvx"})
_PERSONS = frozenset({"Practitioner", "PractitionerRole", "RelatedPerson", "Patient"})


class Fit(Enum):
    """How a criterion stands to a request."""

    NO = 0
    YES = 1
    UNREADABLE = 2
    BY_ROW = 3


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks, as consents see them: `parties` are all the references and identifiers they go by.

    `named` are those of organizations and the like of which it is known whom they stand for.
    """

    audience: Audience
    purpose: str
    parties: frozenset[str]
    user: str | None
    kind: str
    now: datetime
    named: frozenset[str] = frozenset()

    @classmethod
    def of(cls, actor: Actor, kind: str, now: datetime, names: ActorNames = NO_NAMES) -> Asking:
        """The actor, asking for rows of a type; *names* are those of organizations, and whom they mean."""
        user = "/".join(actor.fhir_user.split("/")[-2:]) if actor.fhir_user is not None else None
        own = {f"{AUDIENCE}|{actor.audience.value}", f"{CLIENT}|{actor.client_id}"}
        parties = own | {name for name, means in names.items() if not means.isdisjoint(own)}
        if user is not None:
            parties.add(user)
        return cls(actor.audience, actor.purpose.value, frozenset(parties), user, kind, now, frozenset(names))


class Facts(NamedTuple):
    """What consents read of one row."""

    reference: str
    labels: Labels
    codings: tuple[Coding, ...]
    sensitivities: frozenset[str]
    period: Period | None

    @classmethod
    def of(cls, kind: str, row: object) -> Facts:
        found = sensitivities_of(kind, row)
        return cls(
            f"{kind}/{getattr(row, 'id', '')}",
            labels_of(kind, row).plus(found),
            row_codings(kind, row),
            found,
            period_of(kind, row),
        )


def fits(rule: Provision, asking: Asking, facts: Facts | None, *, takes: bool) -> Fit:
    """Whether all that the provision states fits. What *takes* away is read widely, what gives narrowly."""
    return _all(
        (
            _period(rule.period, asking.now),
            _any(_actor(one, asking) for one in rule.actor),
            _any(_action(it, asking) for one in rule.action for it in _coded(one.coding)),
            _any(_purpose(one, asking.purpose) for one in rule.purpose),
            _any(_class(one, asking.kind, facts) for one in rule.class_),
            _any(_datum(one, facts) for one in rule.data),
            _labels(rule.security_label, facts, takes=takes),
            _any(
                _code(it, asking.kind, facts, takes=takes) for one in rule.code for it in _coded(one.coding)
            ),
            _data_period(rule.data_period, asking.kind, facts, takes=takes),
        )
    )


def _coded(codings: tuple[Coding, ...]) -> tuple[Coding, ...]:
    """The codings; in place of none one that can't be read."""
    return codings or (Coding(),)


def _all(found: Iterable[Fit]) -> Fit:
    """All must fit: one that does not settles it, whatever the others are."""
    seen = set(found)
    return next((fit for fit in (Fit.NO, Fit.BY_ROW, Fit.UNREADABLE) if fit in seen), Fit.YES)


def _any(found: Iterator[Fit]) -> Fit:
    """One of the alternatives must fit; where none is stated, all do."""
    seen = set(found)
    return next((fit for fit in (Fit.YES, Fit.BY_ROW, Fit.UNREADABLE, Fit.NO) if fit in seen), Fit.YES)


def _is(fits: bool) -> Fit:
    return Fit.YES if fits else Fit.NO


def _period(period: Period | None, now: datetime) -> Fit:
    if period is None:
        return Fit.YES
    try:
        return _is(span(period).holds(now))
    except ValueError:
        return Fit.UNREADABLE


def _actor(actor: ConsentActor, asking: Asking) -> Fit:
    """By reference or identifier whom it names; by role what part they play. Both must fit."""
    return _all((_role(actor, asking.audience), _named(actor, asking)))


def _role(actor: ConsentActor, audience: Audience) -> Fit:
    if actor.role is None:
        return Fit.YES
    found = [ROLES.get(coding.code) for coding in _coded(actor.role.coding)]
    return _any(Fit.UNREADABLE if who is None else _is(audience in who) for who in found)


def _named(actor: ConsentActor, asking: Asking) -> Fit:
    reference = actor.reference
    if reference is None:
        return Fit.UNREADABLE if actor.role is None else Fit.YES
    known = {name in asking.parties for name in _names(reference) if name in asking.named}
    if known:
        return _is(known.pop()) if len(known) == 1 else Fit.UNREADABLE
    if reference.identifier is not None:
        return _identified(reference.identifier.system, reference.identifier.value, asking)
    if reference.id is None:
        return Fit.UNREADABLE
    if f"{reference.kind}/{reference.id}" in asking.parties:
        return Fit.YES
    return _another(reference.kind, reference.id, asking)


def _names(reference: LogicalReference) -> Iterator[str]:
    """The names by which it names somebody."""
    if reference.identifier is not None:
        yield f"{reference.identifier.system}|{reference.identifier.value}"
    if reference.id is not None:
        yield f"{reference.kind}/{reference.id}"


def _identified(system: str | None, value: str | None, asking: Asking) -> Fit:
    if system not in (AUDIENCE, CLIENT) or not value:
        return Fit.UNREADABLE
    return _is(f"{system}|{value}" in asking.parties)


def _another(kind: str | None, id_: str, asking: Asking) -> Fit:
    """Whether a person who is not the actor by name is surely another. Who is in a group, we don't know.

    Nor do we know whether somebody of one source is somebody of another one, where ids bear their source.
    """
    if kind not in _PERSONS:
        return Fit.UNREADABLE
    if asking.audience in OUTSIDE:
        return Fit.NO
    is_of_one_list = asking.user is not None and _list(asking.user) == _list(f"{kind}/{id_}")
    return Fit.NO if is_of_one_list else Fit.UNREADABLE


def _list(reference: str) -> tuple[str, str]:
    """The kind, and the name of the source that the id bears; an id of FHIR holds no colon of its own."""
    kind, _, id_ = reference.partition("/")
    return kind, id_.rpartition(":")[0]


def _action(coding: Coding, asking: Asking) -> Fit:
    if coding.system != ACTIONS or coding.code not in _ACTION_CODES:
        return Fit.UNREADABLE
    return _is(coding.code in ("access", "use") or (coding.code == "disclose" and asking.audience in OUTSIDE))


def _purpose(coding: Coding, purpose: str) -> Fit:
    if coding.system != PURPOSES or coding.code not in BROADER:
        return Fit.UNREADABLE
    return _is(coding.code in (purpose, *BROADER.get(purpose, ())))


def _class(coding: Coding, kind: str, facts: Facts | None) -> Fit:
    """A resource type, or (LOINC) a class of documents."""
    if coding.system == TYPES and coding.code:
        return _is(coding.code == kind)
    if coding.system != LOINC or not coding.code:
        return Fit.UNREADABLE
    if kind != "DocumentReference":
        return Fit.NO
    if facts is None:
        return Fit.BY_ROW
    return _is(any(it.system == LOINC and it.code == coding.code for it in facts.codings))


def _datum(data: ConsentData, facts: Facts | None) -> Fit:
    """One resource by name. What is related to it, depends on it or was written by it, we can't tell."""
    if data.meaning != "instance" or data.reference.id is None or data.reference.kind is None:
        return Fit.UNREADABLE
    if facts is None:
        return Fit.BY_ROW
    return _is(f"{data.reference.kind}/{data.reference.id}" == facts.reference)


def _labels(named: tuple[Coding, ...], facts: Facts | None, *, takes: bool) -> Fit:
    """A denial fits a row that bears one of the labels; a permission one that bears no others."""
    if not named:
        return Fit.YES
    if any(coding.system not in (CONFIDENTIALITY, ACT_CODE) for coding in named):
        return Fit.UNREADABLE
    wanted = labels(named)
    if UNKNOWN in wanted.sensitivities:
        return Fit.UNREADABLE
    if facts is None:
        return Fit.BY_ROW
    return _is(_bears(facts.labels, wanted, named) if takes else covered(facts.labels, named))


def _bears(row: Labels, wanted: Labels, named: tuple[Coding, ...]) -> bool:
    levels = [labels((coding,)).level for coding in named if coding.system == CONFIDENTIALITY]
    is_level = any(LEVELS.index(level) <= LEVELS.index(row.level) for level in levels)
    if UNKNOWN in row.sensitivities:
        return True
    is_sensitive = not widened(wanted.sensitivities).isdisjoint(row.sensitivities)
    return is_level or is_sensitive or not wanted.handling.isdisjoint(row.handling)


def covered(row: Labels, named: tuple[Coding, ...]) -> bool:
    """Whether the labels *named*, and a normal confidentiality, are all that the row bears."""
    said = labels(named)
    level = max(said.level, NORMAL, key=LEVELS.index)
    is_sensitive = row.sensitivities <= widened(said.sensitivities)
    return is_sensitive and not row.exceeds(level) and row.handling <= said.handling


def _code(coding: Coding, kind: str, facts: Facts | None, *, takes: bool) -> Fit:
    """A denial fits the code, what lies below it in ICD-10, and what is sensitive in the same way."""
    if coding.system not in _CODE_SYSTEMS or not coding.code:
        return Fit.UNREADABLE
    if kind not in CODES:
        return Fit.NO
    if facts is None:
        return Fit.BY_ROW
    if any(it.system == coding.system and it.code == coding.code for it in facts.codings):
        return Fit.YES
    return _is(takes and _is_alike(coding.system, coding.code, facts))


def _is_alike(system: str | None, code: str, facts: Facts) -> bool:
    below = system in (ICD10, ICD10CM) and any(
        it.system == system and it.code is not None and it.code.startswith(code) for it in facts.codings
    )
    return below or bool(of_code(system, code) & facts.sensitivities)


def _data_period(period: Period | None, kind: str, facts: Facts | None, *, takes: bool) -> Fit:
    """A denial fits a row any part of which is in the period; a permission one that is in it altogether."""
    if period is None:
        return Fit.YES
    if kind not in DATES:
        return Fit.NO
    if facts is None:
        return Fit.BY_ROW
    if facts.period is None:
        return Fit.UNREADABLE
    try:
        whole, row = span(period), span(facts.period)
    except ValueError:
        return Fit.UNREADABLE
    return _is(whole.meets(row) if takes else whole.covers(row))
