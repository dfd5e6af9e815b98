"""Which marks an actor may be shown: the rules written down once more, by hand, and as plainly as can be.

It takes nothing from `policies` or `resolvers`. It may allow more than one operation could show: the most
that any road may show the actor.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.canary.consents import CODED, Said
from tests.canary.marks import Mark
from tests.canary.records import Row, World

# fmt: off
ALL = "reference directory identity contact demographics schedule joining reason visit clinical notes " \
      "words financial engagement history"
OPEN = {
    "patient":   ALL,
    "clinician": "reference directory identity contact demographics schedule joining reason visit clinical "
                 "notes words engagement history",
    "practice":  "reference directory identity contact demographics schedule joining reason words "
                 "financial engagement history",
    "partner":   "reference directory identity schedule visit",
    "crm":       "reference engagement",
    "ai":        "reference directory schedule reason visit clinical",
}
"""What is shown as it is. Masked is shown as nowhere: of what is marked, no mask leaves the mark."""

PURPOSES = {
    "patient":   "PATRQT FAMRQT PWATRNY",
    "clinician": "TREAT ETREAT COC CAREMGT HOPERAT",
    "practice":  "HOPERAT PATADMIN HPAYMT",
    "partner":   "HOPERAT COC CAREMGT",
    "crm":       "HMARKT HOPERAT",
    "ai":        "TREAT COC CAREMGT",
}
USUAL = {"patient": "PATRQT", "clinician": "TREAT", "practice": "HOPERAT", "partner": "HOPERAT",
         "crm": "HMARKT", "ai": "TREAT"}

OF_FIELD = {
    "Patient":  {"identifier": "identity", "name": "identity", "telecom": "contact", "address": "contact",
                 "lastUpdated": "reference"},
    "Encounter": {"type": "reason", "reasonCode": "reason", "diagnosis": "clinical"},
    "CarePlan": {"title": "notes", "description": "notes"},
    "Observation": {"valueString": "notes"},
    "MedicationRequest": {"dosageInstruction": "notes"},
    "Appointment": {"serviceType": "reason", "reasonCode": "reason", "videoUrl": "joining"},
    "Engagement": {"lastTouch": "history"},
}
OF_TYPE = {
    "Patient": "demographics", "Encounter": "visit", "DocumentReference": "notes", "Appointment": "schedule",
    "Coverage": "financial", "Account": "financial", "Engagement": "engagement",
    "Practitioner": "directory", "Organization": "directory", "Location": "directory",
    **dict.fromkeys(("Condition", "Observation", "MedicationRequest", "AllergyIntolerance", "Immunization",
                     "Procedure", "CarePlan"), "clinical"),
}
BY_MRN = ("Patient", "Appointment", "Coverage", "Account")
NOBODYS = ("Practitioner", "Organization", "Location")

LEVELS = "ULMNRV"
SENSITIVE = frozenset("ETH SUD ETHUD OPIOIDUD PSY MH HIV SEX CEL DEMO".split())  # noqa: SIM905 - legible
CLEARED = {
    ("patient", "PATRQT"): ("V", SENSITIVE | {"unknown"}),
    ("patient", "PWATRNY"): ("V", SENSITIVE | {"unknown"}),
    ("patient", "FAMRQT"): ("N", {"DEMO"}),
    ("clinician", "TREAT"): ("V", SENSITIVE), ("clinician", "ETREAT"): ("V", SENSITIVE),
    ("clinician", "COC"): ("V", SENSITIVE), ("clinician", "CAREMGT"): ("R", SENSITIVE),
    ("clinician", "HOPERAT"): ("N", {"DEMO"}),
    **{("practice", purpose): ("R", {"DEMO", "CEL"}) for purpose in ("HOPERAT", "PATADMIN", "HPAYMT")},
    **{("partner", purpose): ("N", {"DEMO"}) for purpose in ("HOPERAT", "COC", "CAREMGT")},
    ("crm", "HMARKT"): ("N", set()), ("crm", "HOPERAT"): ("N", set()),
    **{("ai", purpose): ("N", {"DEMO"}) for purpose in ("TREAT", "COC", "CAREMGT")},
}
HOME = ("patient", "clinician", "practice")
HANDLED = {"42CFRPart2": (HOME, ("partner", "ai")), "NODSCLCD": (HOME, ("partner", "ai")),
           "HIPAAPsyNotes": ((), ("clinician",)), "MASK": (("patient", "clinician"), ())}
# fmt: on


@dataclass(frozen=True)
class Scope:
    """One scope, as its parts. `query` is one search parameter and its value."""

    context: str
    kind: str
    letters: str
    query: tuple[str, str] | None = None


@dataclass(frozen=True)
class Who:
    """An actor, as policy has to see them. `emergency` is the patient for whom the glass is broken."""

    audience: str
    scopes: tuple[Scope, ...] = ()
    engagement: bool = False
    patient: str | None = None
    purpose: str = ""
    client: str = ""
    is_person: bool = False
    emergency: str | None = None
    part2: bool = False
    is_valid: bool = True


def allowed(world: World, who: Who, *, strangers: str = "") -> frozenset[bytes]:
    """The texts of the marks that the actor may be shown.

    *strangers* is the role of a source that gives out rows of others as well: `pms` bookings under an MRN
    that the EHR does not know, and so no consent; `ehr` a patient's record once more, MRN and all, as that
    of somebody who has no consents.
    """
    if not who.is_valid or who.purpose not in PURPOSES[who.audience].split():
        return frozenset()
    rows = [row for row in world.rows if row.kind in OF_TYPE and _may(world, who, row)]
    if strangers == "ehr":
        others = replace(world, said={owner: [] for owner in world.said})
        rows += [row for row in world.rows if row.kind in BY_MRN and _may(others, who, row)]
    if strangers == "pms":
        booked = [replace(row, owner=None) for row in world.rows if row.kind == "Appointment"]
        rows += [row for row in booked if _may(world, who, row)]
    return frozenset(mark.text.encode() for row in rows for mark in row.marks if _is_open(who, row, mark))


def _is_open(who: Who, row: Row, mark: Mark) -> bool:
    if not mark.shown_as:
        return False
    if mark.shown_as == "id":
        return True
    data = {OF_FIELD.get(row.kind, {}).get(mark.shown_as, OF_TYPE[row.kind])} | _beside(row, mark)
    return data <= set(OPEN[who.audience].split()) and _holds(who, row.kind)


def _beside(row: Row, mark: Mark) -> set[str]:
    """What a part of a field is beside the field: a concept in words, or the name of who took part."""
    is_typed = row.kind == "Appointment" and mark.element.startswith("reason ")
    if is_typed or mark.element.endswith(".words"):
        return {"words"}
    return {"identity"} if mark.element == "participant.display" else set()


def _holds(who: Who, kind: str) -> bool:
    """Whether some scope lets the actor read the type at all."""
    if kind == "Engagement":
        return who.engagement
    return any(scope.kind in (kind, "*") and "r" in scope.letters for scope in who.scopes)


def _may(world: World, who: Who, row: Row) -> bool:
    if not _reaches(who, row):
        return False
    if row.kind in NOBODYS:
        return True
    if row.owner is None:
        return who.audience in HOME
    if who.emergency == row.owner and _lifts(who, row):
        return True
    is_bound = who.audience != "patient" or who.purpose == "FAMRQT"
    if is_bound and not world.hears_consents:
        return False
    said = world.said[row.owner] if is_bound else []
    if any(one.denies(who, row) for one in said):
        return False
    return _cleared(who, row, [one for one in said if _names_its_labels(one, row)])


def _lifts(who: Who, row: Row) -> bool:
    """Whether an emergency opens the row: never psychotherapy notes, and Part 2 only if it is documented."""
    handling = row.label.handling
    return "HIPAAPsyNotes" not in handling and (who.part2 or "42CFRPart2" not in handling)


def _reaches(who: Who, row: Row) -> bool:
    if row.kind == "Engagement":
        return _engaged(who, row)
    by_scope = any(_opens(who, scope, row) for scope in who.scopes)
    return by_scope or (row.kind == "Patient" and _engaged(who, row))


def _opens(who: Who, scope: Scope, row: Row) -> bool:
    if scope.kind not in (row.kind, "*") or not set(scope.letters) & set("rs"):
        return False
    is_own = who.audience == "patient" or scope.context == "patient"
    if is_own and row.kind not in NOBODYS and row.owner != who.patient:
        return False
    if scope.query is None:
        return True
    name, value = scope.query
    return any(code in (value, *_bare(code)) or value in _bare(code) for code in row.codes.get(name, ()))


def _bare(code: str) -> tuple[str]:
    return (code.partition("|")[2],)


def _engaged(who: Who, row: Row) -> bool:
    if not who.engagement:
        return False
    if who.patient == row.owner:
        return True
    if who.audience == "patient":
        return False
    wide = [
        s for s in who.scopes if s.kind in ("Patient", "*") and s.context != "patient" and s.query is None
    ]
    return who.patient is None or any(set(s.letters) & set("rs") for s in wide)


def _names_its_labels(said: Said, row: Row) -> bool:
    """Whether a permission names all the labels of the row, so that it clears it."""
    if said.clears is None:
        return False
    level, about, handling = said.clears
    is_level = LEVELS.index(row.label.level) <= LEVELS.index(level)
    return is_level and row.label.about | row.about <= about and row.label.handling <= handling


def _cleared(who: Who, row: Row, permissions: list[Said]) -> bool:
    level, about = CLEARED[who.audience, who.purpose]
    named, handling = set(about), set[str]()
    if who.audience in ("clinician", "partner", "ai"):
        for one in permissions:
            assert one.clears is not None
            level = max(level, one.clears[0], key=LEVELS.index)
            named |= one.clears[1]
            handling |= one.clears[2]
    found = set(row.label.about)
    if who.audience in ("partner", "crm", "ai") and row.kind in CODED:
        found |= row.about
    if LEVELS.index(row.label.level) > LEVELS.index(level) or not found <= named:
        return False
    return all(_is_handled(who, code, handling) for code in row.label.handling)


def _is_handled(who: Who, code: str, named: set[str]) -> bool:
    open_to, by_consent = HANDLED[code]
    return who.audience in open_to or (who.audience in by_consent and code in named)
