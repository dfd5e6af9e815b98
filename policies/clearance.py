"""Clearance: which labelled rows each audience may know of. This file is for compliance to review.

A row passes if it is no more confidential than the line allows, if all it tells of is named there, and if
each of its handling codes is open to the audience. What no line clears is withheld.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from policies.actor import Audience, Purpose
from policies.labels import PART_2, PSYCHOTHERAPY, SENSITIVITIES, UNKNOWN

# fmt: off
PATIENT, CLINICIAN, PRACTICE = Audience.PATIENT, Audience.CLINICIAN, Audience.PRACTICE
PARTNER, CRM, AI = Audience.PARTNER, Audience.CRM, Audience.AI
EVERYTHING = tuple(SENSITIVITIES)


class Clearing(NamedTuple):
    """One line: who, for which purposes, up to which confidentiality, about what."""

    audience: Audience
    purposes: tuple[Purpose, ...]
    level: str
    about: tuple[str, ...]
    because: str


CLEARANCES: tuple[Clearing, ...] = (
    Clearing(PATIENT, (Purpose.PATRQT, Purpose.PWATRNY), "V", (*EVERYTHING, UNKNOWN),
             "Their own record; who holds a power of attorney stands in their place (45 CFR 164.502(g))."),
    Clearing(PATIENT, (Purpose.FAMRQT,), "N", ("demographics",),
             "Family see what the patient's record says in the open, and nothing sensitive."),
    Clearing(CLINICIAN, (Purpose.TREAT, Purpose.ETREAT, Purpose.COC), "V", EVERYTHING,
             "Treatment needs the whole picture (45 CFR 164.502(b)(2)(i))."),
    Clearing(CLINICIAN, (Purpose.CAREMGT,), "R", EVERYTHING,
             "Managing care needs the conditions, not the most closely held records."),
    Clearing(CLINICIAN, (Purpose.HOPERAT,), "N", ("demographics",),
             "Running the practice is no treatment (minimum necessary, 45 CFR 164.514(d))."),
    Clearing(PRACTICE, (Purpose.HOPERAT, Purpose.PATADMIN, Purpose.HPAYMT), "R",
             ("demographics", "special handling"),
             "The front desk books, greets and bills a well-known patient or a colleague as any other."),
    Clearing(PARTNER, (Purpose.HOPERAT, Purpose.COC, Purpose.CAREMGT), "N", ("demographics",),
             "What is restricted or sensitive is shared with others only as the patient consents."),
    Clearing(CRM, (Purpose.HMARKT, Purpose.HOPERAT), "N", (),
             "Nothing that can be inferred from a label is for outreach (45 CFR 164.508(a)(3))."),
    Clearing(AI, (Purpose.TREAT, Purpose.COC, Purpose.CAREMGT), "N", ("demographics",),
             "A model is given what is restricted or sensitive only as the patient consents."),
)


class Handling(NamedTuple):
    """Rows with one of these codes: whom they are open to, and whom a consent that names them may add."""

    codes: tuple[str, ...]
    open_to: tuple[Audience, ...]
    by_consent: tuple[Audience, ...]
    because: str


HANDLINGS: tuple[Handling, ...] = (
    Handling((PART_2,), (PATIENT, CLINICIAN, PRACTICE), (PARTNER, AI),
             "Records of substance use programs go out with consent only, and never to marketing "
             "(42 CFR 2.31, 2.33)."),
    Handling((PSYCHOTHERAPY,), (), (CLINICIAN,),
             "Psychotherapy notes need an authorization, and are no part of the right of access "
             "(45 CFR 164.508(a)(2), 164.524(a)(1)(i))."),
    Handling(("NODSCLCD", "NODSCLCDS"), (PATIENT, CLINICIAN, PRACTICE), (PARTNER, AI),
             "No disclosure outside the practice without the patient's consent."),
    Handling(("NORDSCLCD", "NORDSCLCDS", "NORDSCLW"), (PATIENT, CLINICIAN, PRACTICE), (PARTNER, AI),
             "The practice was given it, and may not pass it on without the patient's consent."),
    Handling(("HIPAANOPP",), (PATIENT, CLINICIAN, PRACTICE, PARTNER, AI), (),
             "The notice of privacy practices covers all but marketing."),
    Handling(("REDACT", "MASK", "PROCESSINLINELABEL"), (PATIENT, CLINICIAN), (),
             "Parts of the row are to be taken out before it is passed on; we can't, so it is not."),
)

RAISED_BY_CONSENT = frozenset({CLINICIAN, PARTNER, AI})
"""Who is cleared beyond the lines above where a patient's consent names the labels; never the CRM."""

CLASSIFIED = frozenset({PARTNER, CRM, AI})
"""Who is shown a row only after its codes were looked up, whether or not it is labelled."""
# fmt: on


class Clearance(NamedTuple):
    """What one audience is cleared for, for one purpose."""

    audience: Audience
    level: str
    sensitivities: frozenset[str]


def clearance(audience: Audience, purpose: Purpose) -> Clearance:
    """The clearance of that audience for that purpose; where no line gives any, nothing passes."""
    return _CLEARED.get((audience, purpose), Clearance(audience, "U", frozenset()))


def _codes(about: tuple[str, ...]) -> frozenset[str]:
    return frozenset(code for subject in about for code in SENSITIVITIES.get(subject, (subject,)))


_CLEARED: Mapping[tuple[Audience, Purpose], Clearance] = MappingProxyType(
    {
        (line.audience, purpose): Clearance(line.audience, line.level, _codes(line.about))
        for line in CLEARANCES
        for purpose in line.purposes
    }
)

HANDLED: Mapping[str, Handling] = MappingProxyType({code: line for line in HANDLINGS for code in line.codes})
"""The line of each handling code."""
