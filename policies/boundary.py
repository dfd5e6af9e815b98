"""The boundary: which audience may read which class of data. This file is for compliance to review.

Each line names an audience, what happens (allow, mask, deny), the classes of data it happens to, and why.
What no line opens is denied; where two lines disagree, the stricter one holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from policies.actor import Audience, Purpose
from policies.classification import DataClass
from policies.effects import Effect

# fmt: off
PATIENT, CLINICIAN, PRACTICE = Audience.PATIENT, Audience.CLINICIAN, Audience.PRACTICE
PARTNER, CRM, AI = Audience.PARTNER, Audience.CRM, Audience.AI
ALLOW, MASK, DENY = Effect.ALLOW, Effect.MASK, Effect.DENY
REFERENCE, PART = DataClass.REFERENCE, DataClass.PART
DIRECTORY, OPERATIONS = DataClass.DIRECTORY, DataClass.OPERATIONS
IDENTITY, CONTACT, DEMOGRAPHICS = DataClass.IDENTITY, DataClass.CONTACT, DataClass.DEMOGRAPHICS
SCHEDULE, JOINING = DataClass.SCHEDULE, DataClass.JOINING
REASON, VISIT = DataClass.REASON, DataClass.VISIT
CLINICAL, NOTES, WORDING = DataClass.CLINICAL, DataClass.NOTES, DataClass.WORDING
FINANCIAL, ENGAGEMENT, HISTORY = DataClass.FINANCIAL, DataClass.ENGAGEMENT, DataClass.HISTORY
OUTCOMES = DataClass.OUTCOMES
# fmt: on


class Line(NamedTuple):
    """One line of the table."""

    audience: Audience
    effect: Effect
    classes: tuple[DataClass, ...]
    because: str


# fmt: off
TABLE: tuple[Line, ...] = (
    # The patient, or who acts for them, reading their own record.
    Line(PATIENT, ALLOW, (REFERENCE, PART, DIRECTORY, IDENTITY, CONTACT, DEMOGRAPHICS, SCHEDULE,
                          JOINING, REASON, VISIT,
                          CLINICAL, NOTES, WORDING, FINANCIAL, ENGAGEMENT, HISTORY),
         "People have a right to all that is held about themselves (45 CFR 164.524)."),
    Line(PATIENT, DENY, (OPERATIONS,),
         "The state of the practice's systems is no part of a patient's record."),
    Line(PATIENT, DENY, (OUTCOMES,),
         "What came of everybody's appointments together is no part of a patient's record."),

    # Those who treat.
    Line(CLINICIAN, ALLOW, (REFERENCE, PART, DIRECTORY, IDENTITY, CONTACT, DEMOGRAPHICS, SCHEDULE,
                            JOINING, REASON, VISIT,
                            CLINICAL, NOTES, WORDING, ENGAGEMENT, HISTORY),
         "Treatment needs the whole picture; minimum necessary does not limit it (45 CFR 164.502(b)(2)(i))."),
    Line(CLINICIAN, ALLOW, (OPERATIONS,),
         "Those who treat must see when a source is down, so that they do not take silence for absence."),
    Line(CLINICIAN, ALLOW, (OUTCOMES,),
         "Those who treat may see how the practice fares; they are told no more of it than outreach is."),
    Line(CLINICIAN, DENY, (FINANCIAL,),
         "What a patient owes must not bear on treatment."),

    # The front desk and the office of the practice.
    Line(PRACTICE, ALLOW, (REFERENCE, PART, DIRECTORY, IDENTITY, CONTACT, DEMOGRAPHICS, SCHEDULE,
                           JOINING),
         "The front desk books, greets and calls patients, and helps them into a video visit."),
    Line(PRACTICE, ALLOW, (REASON,),
         "The front desk must know what an appointment is for, to book the right room, time and clinician."),
    Line(PRACTICE, ALLOW, (WORDING,),
         "The book says in words what is booked, often without a code; what is closed has its words closed."),
    Line(PRACTICE, ALLOW, (FINANCIAL, ENGAGEMENT, HISTORY),
         "The office bills, and looks after the relationship with the patient."),
    Line(PRACTICE, ALLOW, (OPERATIONS,),
         "The office runs the systems and must see when one is down."),
    Line(PRACTICE, ALLOW, (OUTCOMES,),
         "The office looks after attendance; it is told no more of all together than outreach is."),
    Line(PRACTICE, DENY, (VISIT, CLINICAL, NOTES),
         "Booking and billing do not need what happened in the room (minimum necessary, 45 CFR 164.514(d))."),

    # Another organization that shares in a patient's care or its logistics.
    Line(PARTNER, ALLOW, (REFERENCE, PART, DIRECTORY, IDENTITY, SCHEDULE, VISIT),
         "A partner must recognize the patient and know when and where they are seen."),
    Line(PARTNER, MASK, (DEMOGRAPHICS,),
         "A partner needs to know roughly whom it meets, not the exact dates of a life."),
    Line(PARTNER, DENY, (CONTACT, REASON, CLINICAL, NOTES),
         "What a patient comes for, and how to reach them, is shared by the practice itself, case by case."),
    Line(PARTNER, DENY, (JOINING,),
         "Whoever has the link may walk in on a patient and a clinician; those two are asked, not a system."),
    Line(PARTNER, DENY, (WORDING,),
         "Words can hold anything: the code says what kind of visit it is."),
    Line(PARTNER, DENY, (FINANCIAL, ENGAGEMENT, HISTORY, OUTCOMES, OPERATIONS),
         "Money, marketing, how we fare and our own systems are none of a partner's business."),

    # Customer relationship management: the PHI boundary.
    Line(CRM, ALLOW, (REFERENCE, PART, ENGAGEMENT),
         "The CRM knows a person by an opaque key, and how they relate to the practice, nothing more."),
    Line(CRM, MASK, (HISTORY,),
         "Outreach needs the quarter; the day is a date of someone's care (45 CFR 164.514(b)(2)(i)(C))."),
    Line(CRM, ALLOW, (OUTCOMES,),
         "A count of eleven patients or more, told as a range and without a key, identifies nobody "
         "(45 CFR 164.514(a))."),
    Line(CRM, DENY, (IDENTITY, CONTACT, DEMOGRAPHICS),
         "What the CRM knows of a person it was told by that person; the record adds nothing to it."),
    Line(CRM, DENY, (DIRECTORY, SCHEDULE, REASON, VISIT),
         "Which clinician, clinic, service or time someone sees can reveal a condition."),
    Line(CRM, DENY, (JOINING,),
         "The link to a video visit opens it to whoever has it, and says that there is one."),
    Line(CRM, DENY, (CLINICAL, NOTES, WORDING),
         "Health information is not used for marketing without authorization (45 CFR 164.508(a)(3))."),
    Line(CRM, DENY, (FINANCIAL, OPERATIONS),
         "Neither a patient's money nor our own systems are of use to outreach."),

    # An assistant that reads clinical context; a person reads what it writes.
    Line(AI, ALLOW, (REFERENCE, PART, DIRECTORY, SCHEDULE, REASON, VISIT, CLINICAL),
         "An assistant to treatment needs the clinical context of the patient."),
    Line(AI, MASK, (DEMOGRAPHICS,),
         "Age and gender matter clinically; an exact birth date only identifies."),
    Line(AI, DENY, (IDENTITY, CONTACT),
         "A model does not need to know who the person is."),
    Line(AI, DENY, (JOINING,),
         "A model takes part in no visit, and what it is told it may repeat."),
    Line(AI, DENY, (NOTES, WORDING),
         "Free text can name anyone and instruct a model; it can't be masked by rule."),
    Line(AI, DENY, (FINANCIAL, ENGAGEMENT, HISTORY, OUTCOMES, OPERATIONS),
         "Nothing of these bears on treatment."),
)

PURPOSES: Mapping[Audience, frozenset[Purpose]] = MappingProxyType({
    PATIENT:   frozenset({Purpose.PATRQT, Purpose.FAMRQT, Purpose.PWATRNY}),
    CLINICIAN: frozenset({Purpose.TREAT, Purpose.ETREAT, Purpose.COC, Purpose.CAREMGT, Purpose.HOPERAT}),
    PRACTICE:  frozenset({Purpose.HOPERAT, Purpose.PATADMIN, Purpose.HPAYMT}),
    PARTNER:   frozenset({Purpose.HOPERAT, Purpose.COC, Purpose.CAREMGT}),
    CRM:       frozenset({Purpose.HMARKT, Purpose.HOPERAT}),
    AI:        frozenset({Purpose.TREAT, Purpose.COC, Purpose.CAREMGT}),
})
"""The purposes each audience may ask for; for any other, it is denied everything."""

DESCRIPTIONS: Mapping[Audience, str] = MappingProxyType({
    PATIENT:   "A patient, or a person who acts for one, in a portal or app. Sees that patient's rows alone.",
    CLINICIAN: "A person who treats patients.",
    PRACTICE:  "The front desk and office of the practice.",
    PARTNER:   "Another organization that shares in care or its logistics, as a system.",
    CRM:       "Marketing and outreach, and the systems they use.",
    AI:        "A language model or other automated assistant to treatment.",
})

PERSONAS: Mapping[Audience, str] = MappingProxyType({
    PATIENT: "patient", CLINICIAN: "clinician", PRACTICE: "frontdesk",
    PARTNER: "partner", CRM: "marketer", AI: "ai",
})
"""Who of the demo's personas belongs to which audience."""
# fmt: on


@dataclass(frozen=True, slots=True)
class Rule:
    """One cell of the table: what happens, under an id that decisions name, and why."""

    id: str
    effect: Effect
    because: str


Cells = Mapping[tuple[Audience, DataClass], Rule]


def cells(lines: Iterable[Line]) -> Cells:
    """The table cell by cell. Deny beats mask, mask beats allow, whatever the order of the lines."""
    strictness = list(Effect).index
    return MappingProxyType(
        {
            (line.audience, data): Rule(_id(line.audience, line.effect, data), line.effect, line.because)
            for line in sorted(lines, key=lambda line: strictness(line.effect))
            for data in line.classes
        }
    )


def _id(audience: Audience, effect: Effect, data: DataClass) -> str:
    return f"boundary-{audience.value}-{effect.value}-{data.value}"


BOUNDARY: Cells = cells(TABLE)


def rule(audience: Audience, data: DataClass, table: Cells = BOUNDARY) -> Rule:
    """The rule for that audience and class; where there is none, a denial."""
    default = Rule(_id(audience, DENY, data), DENY, "No line of the table opens this class to this audience.")
    return table.get((audience, data), default)
