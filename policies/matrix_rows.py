"""The conditions on rows in words: the part of the policy's page on labels, the classifier and consent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from policies.actor import Audience
from policies.clearance import CLASSIFIED, CLEARANCES, HANDLINGS, RAISED_BY_CONSENT
from policies.facts import CODES
from policies.labels import PART_2_NOTICE, SENSITIVITIES
from policies.markdown import code, codes, table
from policies.reasons import WITHHELD
from policies.sensitivity import TABLES

LABELS_NOTE = """\
## Security labels

A row's labels (`meta.security`, and `securityLabel` of a document) say how confidential it is, what it tells
of, and how it is to be handled. A row passes if it is no more confidential than the audience is cleared for,
if *all* it tells of is cleared, and if every handling code is open to the audience. A row without labels is
normal (N). A code of these systems that is not known, or a label without system or code, is the most
restrictive there is: nobody but the patient passes it. Labels of other systems say nothing here.

A row that does not pass looks like no row. What a purpose is not listed for is cleared for nothing.
"""

HANDLING_NOTE = """
### Handling codes

*by consent*: where a consent of the patient names all labels of the row, it is open to these audiences too;
it never is to the CRM. A row of a substance use program that is shown to another audience than the patient's
goes with the notice of 42 CFR 2.32, in the answer's `extensions.notices`: "{notice}"
"""

CLASSIFIER_NOTE = """\
## The classifier

Before a row is shown to {audiences}, its codes and names are looked up, whether it is labelled or not: what
is found adds to the labels, and never takes away. It errs towards finding. Words are looked for in names and
reasons, whole and in any case; … is any ending, a dot any sign, and a slash parts alternatives.
Elements that are looked at: {elements}.
"""

CONSENT_NOTE = """\
## Consent

Patients' consents (FHIR `Consent`, scope `patient-privacy`, status `active`) bind everybody but the patient
and who holds their power of attorney. They only take away: none opens what scopes or the boundary close.

- Without a consent on record the base policy holds: this page.
- A provision fits where all it states fits: period, actor, action, purpose, class, code, label, data and data
  period. Its own provisions are exceptions to it: the inner one beats the outer, at any depth up to eight.
- A consent that denies, or says where it matters what can't be evaluated, prevails over all that permit.
- A denial is read widely (narrower labels, codes below it in ICD-10, what is sensitive in the same way, any
  overlap of dates), a permission narrowly (that code, all labels of the row, the whole of its date).
- An actor is named by a reference to the person signed in, or by an identifier of the system
  `urn:caregraph:audience` (an audience of this page) or `urn:caregraph:client` (a client id). Roles that are
  understood: `PROV` clinician, `EMP` clinician and practice, `AFFL` partner, `NOK` family, `IRCP` and `PRCP`
  anybody. Who is in a group, a team or an organization can't be told, so a provision that names one denies,
  but for those of which the settings say which audiences and clients they stand for (`consent.actors`).
- Consents are remembered for a minute at most. Where they can't be read, the rows are an error.
- Break-glass lifts them, and labels, for its patient, within the limits of the section on it.
"""

WITHHELD_NOTE = """\
## What withholds a row

The audit counts the rows that were withheld from an operation by these ids.
"""


def row_conditions() -> Iterator[Iterable[str]]:
    """The sections, each as lines."""
    yield _labels()
    yield _classifier()
    yield (CONSENT_NOTE.rstrip("\n"),)
    yield (WITHHELD_NOTE, *table(("id", "what it says"), ((code(i), says) for i, says in WITHHELD.items())))


def _labels() -> Iterator[str]:
    yield LABELS_NOTE
    yield from table(
        ("audience", "purposes", "up to", "what it may tell of", "why"),
        (
            (
                line.audience.value,
                codes(sorted(purpose.value for purpose in line.purposes)),
                code(line.level),
                ", ".join(line.about) or "nothing sensitive",
                line.because,
            )
            for line in CLEARANCES
        ),
    )
    yield ""
    yield from table(
        ("what it tells of", "codes"), ((about, codes(listed)) for about, listed in SENSITIVITIES.items())
    )
    yield HANDLING_NOTE.format(notice=PART_2_NOTICE)
    yield from table(
        ("codes", "open to", "by consent", "why"),
        (
            (codes(line.codes), _names(line.open_to), _names(line.by_consent), line.because)
            for line in HANDLINGS
        ),
    )
    yield ""
    yield f"A consent may also raise the clearance of {_names(RAISED_BY_CONSENT)} to the labels it names."


def _classifier() -> Iterator[str]:
    elements = ", ".join(f"{kind} ({codes(names)})" for kind, names in CODES.items())
    yield CLASSIFIER_NOTE.format(audiences=_names(CLASSIFIED), elements=elements)
    yield from table(
        ("of", "finds", "codes or words", "source"),
        (
            (
                system,
                code(entry.about),
                " ".join(_legible(word) for word in entry.codes.split()),
                entry.source,
            )
            for system, entries in TABLES.items()
            for entry in entries
        ),
    )


def _legible(word: str) -> str:
    """A pattern as people read it: `drug.(abuse/misuse)`, `addict…`."""
    return word.replace("(?:", "(").replace("|", "/").replace(r"\w*", "…")


def _names(audiences: Iterable[Audience]) -> str:
    named = set(audiences)
    return ", ".join(audience.value for audience in Audience if audience in named) or "nobody"
