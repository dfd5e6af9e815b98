"""The policy in plain words: how an answer is decided, what each audience sees, and what the words mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from policies.actor import Audience, Purpose
from policies.boundary import DESCRIPTIONS, rule
from policies.classification import DataClass
from policies.effects import Effect
from policies.emergency import LONGEST_S
from policies.markdown import table
from policies.small_cells import FEWEST, STEP

OPENING = """\
# Who may read what

This page is written by the rules themselves: it says what the gateway does, and changes only with it.

CareGraph answers questions about patients from the systems of a practice: the electronic health record
(EHR), the practice management system (PMS: bookings, insurance, balances) and the customer relationship
management system (CRM). It reads and never writes. Before any value is shown, five questions are asked of it:

1. **Who is asking?** Everyone who asks belongs to one *audience*. For each kind of data a rule says whether
   the audience sees it, sees less of it, or does not see it. What no rule opens is closed.
2. **What for?** Each audience may ask for certain *purposes*. For any other it is told nothing.
3. **Were they granted it?** The *scopes* of who asks, given out when they signed in, must name that kind of
   record. No scope opens what the first two questions closed.
4. **Whose record is it?** A record that the scopes do not reach looks like no record.
5. **Does anything protect this record?** The patient's *consents* and the record's *security labels* may
   withhold it from some who could otherwise read it.

All five must say yes; the strictest answer holds. What is refused is not even asked of the system that keeps
it. Whatever is in doubt is refused: a field without a rule, a rule that fails, a consent or a label that
can't be read. Searching by a value is learning it: who may not read a value may not search by it."""

SEEN_NOTE = """\
## What each audience sees

In kinds of data, which the boundary below explains. *Less of it*: through a mask, such as the year of a birth
date; the masks are listed further down.
"""

WORDS_NOTE = """\
## Words of this page
"""

PLUMBING = frozenset({DataClass.REFERENCE, DataClass.PART})
"""What says nothing of a person by itself: open to all, and left out where it would only be in the way."""

# fmt: off
WORDS: tuple[tuple[str, str], ...] = (
    ("audience",
     "On whose side somebody asks: one of the six above. A client has exactly one."),
    ("boundary",
     "The rules on which audience sees which kind of data."),
    ("break-glass",
     f"A declared emergency: for one patient and {LONGEST_S // 60} minutes, consents and labels give way "
     "to a clinician. It is recorded with its reason, and raises an alarm."),
    ("classifier",
     "A list of codes and words that tell of something sensitive, for records that nobody labelled."),
    ("clearance",
     "How confidential, and about what, a labelled record may be for an audience to see it."),
    ("client",
     "The program somebody asks with: a portal, an app, a system."),
    ("consent",
     "What a patient has said about who may read their record (FHIR `Consent`). It only takes away, but for "
     "the labels that it names."),
    ("data class",
     "A kind of data, such as *contact* or *notes*. Every field belongs to one."),
    ("field, argument",
     "A field is one thing that can be asked for, such as a birth date; an argument is what narrows the "
     "question, such as a date to search by."),
    ("granular scope",
     "A scope for some records of a type alone, such as laboratory results."),
    ("handling code",
     "A label that says what must be done with a record, such as not passing it on."),
    ("mask",
     "A rule that leaves less of a value, so that it identifies nobody."),
    ("outcome",
     f"What came of the appointments of a quarter, counted over all patients together. Counts are ranges of "
     f"{STEP}; one of fewer than {FEWEST} patients is withheld. Patients whose consents deny outreach do not "
     "count, nor do rows that are sensitive: for nobody, whoever asks."),
    ("persona",
     "A made-up person of the demonstration, one for each audience."),
    ("purpose",
     "Why the data is asked for, as a code such as `TREAT`, treatment."),
    ("reason",
     "The id of a rule that decided. Answers, the audit trail and this page use the same ids."),
    ("row",
     "One record of one patient, or one entry of a directory: an appointment, a result, a clinic."),
    ("scope",
     "A permission given out at sign-in: `user/Observation.rs` is to read (r) and to search (s) "
     "observations, `patient/…` those of one patient alone (SMART App Launch)."),
    ("security label",
     "A mark on a record that says how confidential it is and what it tells of (HL7 DS4P)."),
    ("source",
     "A system that keeps data: the EHR, the PMS or the CRM."),
    ("token",
     "The proof of sign-in that comes with every request: it names person, client, scopes and purpose."),
)

PURPOSES_MEAN: Mapping[Purpose, str] = MappingProxyType({
    Purpose.TREAT:    "Treatment.",
    Purpose.ETREAT:   "Treatment in an emergency.",
    Purpose.COC:      "Coordination of care among those who treat.",
    Purpose.HPAYMT:   "Payment: billing, insurance.",
    Purpose.HOPERAT:  "Running the practice.",
    Purpose.CAREMGT:  "Care management, over many patients.",
    Purpose.PATADMIN: "Administration of patients: registering, booking.",
    Purpose.HMARKT:   "Marketing.",
    Purpose.PATRQT:   "At the request of the patient.",
    Purpose.FAMRQT:   "At the request of the patient's family.",
    Purpose.PWATRNY:  "At the request of who holds the patient's power of attorney.",
})
# fmt: on


def what_each_sees() -> Iterator[str]:
    """A line for each audience: who it is, and which kinds of data it sees, wholly or less of."""
    yield SEEN_NOTE
    yield from table(
        ("audience", "who", "sees", "sees less of", "does not see"),
        (
            (
                audience.value,
                DESCRIPTIONS[audience],
                *(_classes(audience, effect) for effect in (Effect.ALLOW, Effect.MASK, Effect.DENY)),
            )
            for audience in Audience
        ),
    )


def words() -> Iterator[str]:
    """What the words of the page mean, each once."""
    yield WORDS_NOTE
    yield from table(("word", "what it means"), WORDS)


def _classes(audience: Audience, effect: Effect) -> str:
    found = (data for data in DataClass if rule(audience, data).effect is effect and data not in PLUMBING)
    return ", ".join(data.value for data in found) or "–"
