"""Patients' consents: as FHIR has them, and beside it, in a few lines, what each of them means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from tests.canary.records import ACT_CODE, CONFIDENTIALITY, ICD10CM, Row, World

if TYPE_CHECKING:
    from tests.canary.oracle import Who

SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
TYPES = "http://hl7.org/fhir/resource-types"
ACTIONS = "http://terminology.hl7.org/CodeSystem/consentaction"
AUDIENCES = ("clinician", "practice", "partner", "crm", "ai")
ACTORS = {
    "Organization/lab": ["partner", "client:client-2"],
    "Organization/south:lab": ["partner", "client:client-2"],
    "CareTeam/desk": ["practice"],
    "CareTeam/south:desk": ["practice"],
}
"""Whom the settings say that an organization and a team stand for, at either clinic."""

OUTSIDE = ("partner", "crm", "ai")

Denies = Callable[["Who", Row], bool]


def never(who: Who, row: Row) -> bool:
    return False


def always(who: Who, row: Row) -> bool:
    return True


@dataclass(frozen=True)
class Said:
    """What one consent means: whom it denies which rows; and rows with which labels alone it opens."""

    name: str
    provision: Any
    denies: Denies
    status: str = "active"
    scope: str = "patient-privacy"
    policy_rule: str | None = None
    clears: tuple[str, frozenset[str], frozenset[str]] | None = None


BROADER = {
    "COC": "TREAT",
    "ETREAT": "TREAT",
    "CAREMGT": "HOPERAT",
    "PATADMIN": "HOPERAT",
    "FAMRQT": "PATRQT",
    "PWATRNY": "PATRQT",
}
SUBSTANCE = frozenset({"ETH", "SUD", "ETHUD", "OPIOIDUD"})
CODED = frozenset(
    {"AllergyIntolerance", "Appointment", "CarePlan", "Condition", "DocumentReference", "Encounter"}
    | {"Immunization", "MedicationRequest", "Observation", "Procedure"}
)
"""The types whose rows tell of something by a code, and have a date."""


def _to(system: str, value: str) -> Any:
    identifier = {"system": f"urn:caregraph:{system}", "value": value}
    role = {"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}
    return [{"role": {"coding": [role]}, "reference": {"identifier": identifier}}]


def _named(reference: str) -> Any:
    role = {"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}
    return [{"role": {"coding": [role]}, "reference": {"reference": reference}}]


def _coding(system: str, code: str) -> Any:
    return {"system": system, "code": code}


def _to_audience(audience: str) -> Said:
    return Said(
        "an audience",
        {"type": "deny", "actor": _to("audience", audience)},
        lambda who, _: who.audience == audience,
    )


def _but_audience(audience: str) -> Said:
    inner = {"type": "permit", "actor": _to("audience", audience)}
    return Said(
        "all but one audience",
        {"type": "deny", "provision": [inner]},
        lambda who, _: who.audience != audience,
    )


def _except_audience(audience: str) -> Said:
    inner = {"type": "deny", "actor": _to("audience", audience)}
    return Said(
        "a permission with an exception",
        {"type": "permit", "provision": [inner]},
        lambda who, _: who.audience == audience,
    )


def _for_purpose(code: str) -> Said:
    rule = {"type": "deny", "purpose": [_coding(REASON, code)]}
    return Said("a purpose", rule, lambda who, _: code in (who.purpose, BROADER.get(who.purpose)))


def _of_type(kind: str) -> Said:
    return Said("a type", {"type": "deny", "class": [_coding(TYPES, kind)]}, lambda _, row: row.kind == kind)


def _to_client(client: str) -> Said:
    rule = {"type": "deny", "actor": _to("client", client)}
    return Said("a client", rule, lambda who, _: who.client == client)


def _to_lab() -> Said:
    rule = {"type": "deny", "actor": _named("Organization/lab")}
    return Said("an organization", rule, lambda who, _: who.audience == "partner" or who.client == "client-2")


def _but_desk() -> Said:
    inner = {"type": "permit", "actor": _named("CareTeam/desk")}
    rule = {"type": "deny", "provision": [inner]}
    return Said("all but a team", rule, lambda who, _: who.audience != "practice")


def _in_period(start: str, end: str, *, denies: Denies) -> Said:
    return Said("a period", {"type": "deny", "period": {"start": start, "end": end}}, denies)


def _of_year() -> Said:
    rule = {"type": "deny", "dataPeriod": {"start": "2020-01-01", "end": "2020-12-31"}}
    return Said("data of a period", rule, lambda _, row: row.kind in CODED and row.year == 2020)


def _of_code() -> Said:
    rule = {"type": "deny", "code": [{"coding": [_coding(ICD10CM, "E11")]}]}
    return Said("a code", rule, lambda _, row: row.diagnosis.startswith("E11"))


def _of_label() -> Said:
    rule = {"type": "deny", "securityLabel": [_coding(ACT_CODE, "ETH")]}
    return Said(
        "a label", rule, lambda _, row: not (row.label.about | row.about).isdisjoint(SUBSTANCE | {"unknown"})
    )


def _of_row(row: Row) -> Said:
    data = [{"meaning": "instance", "reference": {"reference": f"{row.kind}/{row.id}"}}]
    return Said("one row", {"type": "deny", "data": data}, lambda _, other: other is row)


def _action(code: str, denies: Denies) -> Said:
    rule = {"type": "deny", "action": [{"coding": [_coding(ACTIONS, code)]}]}
    return Said(f"to {code}", rule, denies)


def _clearing() -> Said:
    codes = [
        _coding(CONFIDENTIALITY, "R"),
        *(_coding(ACT_CODE, code) for code in ("ETH", "HIV", "42CFRPart2")),
    ]
    return Said(
        "a permission that names labels",
        {"type": "permit", "securityLabel": codes},
        never,
        clears=("R", SUBSTANCE | {"HIV"}, frozenset({"42CFRPart2"})),
    )


def _group() -> Said:
    actor = {"role": {"coding": [_coding("urn:x", "PROV")]}, "reference": {"reference": "Group/g1"}}
    # Who is in the group is not known; but a role that is another's settles it.
    return Said("a group", {"type": "deny", "actor": [actor]}, lambda who, _: who.audience == "clinician")


def _random(rng: Random, rows: list[Row]) -> Said:
    makers: tuple[Callable[[], Said], ...] = (
        lambda: Said("everything", {"type": "deny"}, always),
        lambda: Said("everything, by its rule", None, always, policy_rule="OPTOUT"),
        lambda: Said("nothing", {"type": "permit"}, never),
        lambda: _to_audience(rng.choice(AUDIENCES)),
        lambda: _but_audience(rng.choice(AUDIENCES)),
        lambda: _except_audience(rng.choice(AUDIENCES)),
        lambda: _for_purpose(rng.choice(("HMARKT", "HOPERAT", "TREAT", "PATRQT"))),
        lambda: _of_type(rng.choice(("Condition", "Observation", "Appointment", "Engagement", "Patient"))),
        lambda: _to_client(f"client-{rng.randrange(4)}"),
        _to_lab,
        _but_desk,
        lambda: _in_period("2020-01-01", "2021-01-01", denies=never),
        lambda: _in_period("2024-01-01", "2099-01-01", denies=always),
        _of_year,
        _of_code,
        _of_label,
        lambda: _of_row(rng.choice(rows)),
        lambda: _action("disclose", lambda who, _: who.audience in OUTSIDE),
        lambda: _action("correct", never),
        lambda: _action("no-such-action", always),
        _clearing,
        _clearing,
        _group,
        lambda: Said("a draft", {"type": "deny"}, never, status="draft"),
        lambda: Said("an error", {"type": "deny"}, never, status="entered-in-error"),
        lambda: Said("research", {"type": "deny"}, never, scope="research"),
        lambda: Said("an unknown state", {"type": "permit"}, always, status="no-such-status"),
    )
    return rng.choice(makers)()


def consents_for(world: World, rng: Random, patient: str) -> tuple[list[Any], list[Said]]:
    """The consents of a patient: none for a third of them, else one or two."""
    rows = [row for row in world.rows if row.owner == patient and row.source == "ehr"]
    said = [_random(rng, rows) for _ in range(rng.choice((0, 1, 1, 2)))]
    return [_resource(world, patient, one) for one in said], said


def _resource(world: World, patient: str, said: Said) -> Any:
    writer = world.row("ehr", "Consent", patient)
    rule = {"coding": [_coding(ACT_CODE, said.policy_rule)]} if said.policy_rule else None
    parts = {"policyRule": rule, "provision": said.provision}
    return writer.resource(
        status=said.status,
        scope={"coding": [_coding(SCOPE, said.scope)], "text": writer.text("scope")},
        category=[writer.concept("category")],
        patient={"reference": f"Patient/{patient}", "display": writer.text("patient")},
        dateTime=writer.at("dateTime"),
        organization=[{"display": writer.text("organization")}],
        **{name: part for name, part in parts.items() if part is not None},
    )
