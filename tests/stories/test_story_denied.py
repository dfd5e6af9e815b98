"""What policy denies is null, says why, and was asked of no source: for every persona, over every field."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import pytest
from graphql import GraphQLSchema

from gateway.samples import SAMPLES
from policies import BOUNDARY, Actor, Audience, Coordinate, Effect, Grant, Policy, Scopes
from policies.actor import DEFAULT_PURPOSE
from resolvers.schema import build, classify, core_of
from sandbox.idp.personas import personas
from sandbox.records import care_key
from sources.model import PatientId
from tests.stories.behind import EDGES, FHIR, OWNER, PROPERTIES, elements, judged_by, reached_through
from tests.stories.calls import Call
from tests.stories.house import House
from tests.stories.walking import fields_of, shown_in
from tests.stories.wide import wide_queries

SCHEMA: GraphQLSchema = core_of(build())
PERSONAS = personas()
OWN, OWN_MRN = "pat-000001", "MRN-000001"

QUERIES = {
    **{f"sample: {it.title}": it.query for it in SAMPLES if "subscription" not in it.query},
    **{f"wide: {name}": query for name, query in wide_queries(SCHEMA).items()},
}
EVERY = pytest.mark.parametrize(
    ("persona", "name"), [(persona, name) for persona in PERSONAS for name in QUERIES], ids=str
)


@cache
def grant_of(name: str) -> Grant:
    """What the matrix gives a persona; worked out without the gateway."""
    persona = PERSONAS[name]
    audience = Audience(persona.role)
    actor = Actor(
        issuer="https://idp.example",
        subject=name,
        client_id="sandbox-cli",
        audience=audience,
        purpose=DEFAULT_PURPOSE[audience],
        scopes=Scopes.parse(" ".join(persona.scope)),
        patient=PatientId(persona.patient) if persona.patient is not None else None,
        fhir_user=persona.fhir_user,
        token_id="t",
        expires_at=4e9,
    )
    return Policy(classify(SCHEMA)).grant(actor)


def granted(persona: str, query: str) -> set[tuple[Coordinate, ...]]:
    """The fields of *query* that are granted, and all fields above them too."""
    grant = grant_of(persona)
    return {
        chain
        for chain in fields_of(SCHEMA, query)
        if all(grant.decide(at).effect is not Effect.DENY for at in chain)
    }


@EVERY
def test_what_the_matrix_denies_is_null_with_its_reasons_and_nothing_else_is_forbidden(
    house: House, persona: str, name: str
) -> None:
    answer = house.ask(persona, QUERIES[name])
    errors = {tuple(error["path"]): error["extensions"] for error in answer.get("errors", [])}
    grant = grant_of(persona)
    denied = set()

    for shown in shown_in(SCHEMA, QUERIES[name], answer["data"]):
        decision = grant.decide(shown.at)
        if decision.effect is not Effect.DENY:
            continue
        denied.add(shown.path)
        assert shown.value is None
        assert errors[shown.path]["code"] == "FORBIDDEN"
        assert errors[shown.path]["reasons"] == list(decision.reasons)
        assert errors[shown.path]["missingScopes"] == list(decision.missing_scopes)

    assert errors.keys() == denied


@EVERY
def test_a_denied_edge_makes_no_call_and_a_granted_one_makes_its_own(
    house: House, persona: str, name: str
) -> None:
    asked = _asked(house, persona, QUERIES[name])

    may = {target for chain in granted(persona, QUERIES[name]) if (target := _target(chain[-1])) is not None}
    if _owner_is_looked_up(may):
        may.add("ehr Patient")

    assert {call.target for call in asked} <= may
    denied = {_target(chain[-1]) for chain in fields_of(SCHEMA, QUERIES[name])} - may - {None}
    assert denied.isdisjoint(call.target for call in asked)


@EVERY
def test_a_denied_fields_element_or_property_is_not_asked_for(house: House, persona: str, name: str) -> None:
    asked = _asked(house, persona, QUERIES[name])
    chains = granted(persona, QUERIES[name])

    for call in asked:
        system, _, kind = call.target.partition(" ")
        if system == "crm":
            fields = {chain[-1].field for chain in chains if chain[-1].type == "Engagement"}
            properties = {it for field in fields for it in PROPERTIES[field]}
            assert set(call.body["properties"]) == {"care_key", *properties}
        elif kind in FHIR:
            least, most = _elements(persona, chains, kind)
            # Whose a booking is, and under which MRN one's own bookings are, the EHR is asked apart:
            # whether it may be shown depends on that patient's consents.
            is_lookup = kind == "Patient" and call.elements <= {"id", "identifier", "meta"}
            # A further page, which fills the place of patients withheld, is of the same search.
            is_next_page = "_page" in call.form
            assert is_lookup or is_next_page or least <= call.elements <= most


@pytest.mark.parametrize("name", QUERIES)
def test_a_patient_makes_no_call_that_could_return_another_patients_rows(house: House, name: str) -> None:
    asked = _asked(house, "patient", QUERIES[name])

    assert bool(asked) is bool(granted("patient", QUERIES[name]))
    for call in asked:
        assert _is_about(house, call, OWN), call.text


def test_the_queries_touch_every_edge_and_every_field_behind_a_source() -> None:
    touched = {str(chain[-1]) for query in QUERIES.values() for chain in fields_of(SCHEMA, query)}
    types = FHIR | {"Appointment", "Coverage", "Balance", "Engagement", "Location"}
    fields = {f"{name}.{field}" for name in types for field in SCHEMA.type_map[name].fields}  # type: ignore[attr-defined]

    assert fields <= touched
    # Their rows are the same as those of edges that are touched; they are asked for by id, in other stories.
    assert EDGES.keys() - touched == {
        "Me.encounter",
        "Query.patient",
        "Query.encounter",
        "Query.practitioner",
        "Query.appointment",
    }


def test_every_call_that_a_granted_edge_makes_is_made_by_a_clinician(house: House) -> None:
    made = {call.target for query in QUERIES.values() for call in _asked(house, "clinician", query)}

    assert made == set(EDGES.values()) - {"pms coverages", "pms balances"}


def test_money_is_asked_for_by_the_front_desk(house: House) -> None:
    made = {call.target for call in _asked(house, "frontdesk", QUERIES["wide: Patient"])}

    assert made >= {"pms coverages", "pms balances"}


def test_a_marketer_sees_engagement_and_nothing_else(house: House) -> None:
    house.forget()
    answer = house.ask("marketer", QUERIES["sample: One patient, three systems"])

    contact = next(it for it in house.dataset.contacts if it["properties"]["care_key"] == care_key(OWN))
    said = contact["properties"]
    (edge,) = answer["data"]["patients"]["edges"]
    assert edge["node"] == {
        "id": f"Patient/{OWN}",
        "name": None,
        "birthDate": None,
        "appointments": None,
        "encounters": None,
        "engagement": {
            "lifecycleStage": said["lifecyclestage"],
            "score": float(said["engagement_score"] or ""),
            "attendanceRate": float(said["attendance_rate"] or ""),
            "satisfaction": float(said["satisfaction_score"] or ""),
        },
    }
    assert [(call.target, call.form.get("_elements")) for call in house.asked_all()] == [
        ("ehr Patient", ["id,meta"]),
        ("crm contacts", None),
    ]


@pytest.mark.parametrize("persona", ["partner", "ai"])
def test_a_masked_birth_date_is_a_year_and_of_the_very_old_nothing(house: House, persona: str) -> None:
    shown = house.data(persona, "{ patients(first: 60) { nodes { id birthDate gender } } }")["patients"][
        "nodes"
    ]

    this_year = int(house.data("clinician", "{ me { expiresAt } }")["me"]["expiresAt"][:4])
    for patient in shown:
        record = house.dataset.resources["Patient"][patient["id"].removeprefix("Patient/")]
        year = record["birthDate"][:4]
        assert patient["birthDate"] == (year if this_year - int(year) <= 89 else None)
        assert patient["gender"] == record["gender"]


def test_what_may_not_be_read_may_not_be_searched_by(house: House) -> None:
    for persona, search in (
        ("ai", '{ family: "Alvarez" }'),
        ("ai", '{ birthDate: "1968-04-12" }'),
        ("partner", '{ birthDate: "1968-04-12" }'),
        ("marketer", '{ identifier: "MRN-000001" }'),
        ("marketer", '{ gender: "female" }'),
    ):
        house.forget()
        answer = house.ask(persona, f"{{ patients(search: {search}) {{ nodes {{ id }} }} }}")

        assert answer["data"] == {"patients": None}
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"]
        assert house.asked_all() == []


def test_the_crm_is_told_opaque_keys_and_nothing_from_a_record(house: House) -> None:
    for persona in ("clinician", "marketer", "patient"):
        house.forget()
        house.ask(persona, QUERIES["wide: Patient"])
        for call in house.asked("crm"):
            assert set(call.body) == {"idProperty", "inputs", "properties"}
            assert call.body["idProperty"] == "care_key"
            keys = {care_key(patient) for patient in house.dataset.resources["Patient"]}
            assert {it["id"] for it in call.body["inputs"]} <= keys
            assert all(it.keys() == {"id"} for it in call.body["inputs"])


def test_the_table_that_these_stories_follow_is_the_one_in_the_documents() -> None:
    """The boundary in words: who gets clinical data, notes, contact, money and engagement."""

    def who(data: str) -> set[str]:
        return {
            audience.value
            for (audience, kind), rule in BOUNDARY.items()
            if kind.value == data and rule.effect is not Effect.DENY
        }

    assert who("clinical") == {"patient", "clinician", "ai"}
    assert who("notes") == {"patient", "clinician"}
    assert who("contact") == {"patient", "clinician", "practice"}
    assert who("identity") == {"patient", "clinician", "practice", "partner"}
    assert who("financial") == {"patient", "practice"}
    assert who("engagement") == {"patient", "clinician", "practice", "crm"}


def _asked(house: House, persona: str, query: str) -> list[Call]:
    house.forget()
    house.ask(persona, query)
    return house.asked_all()


def _target(at: Coordinate) -> str | None:
    return EDGES.get(f"{at.type}.{at.field}")


def _owner_is_looked_up(targets: Iterable[str]) -> bool:
    """Whose a booking is, the EHR tells: on it depend one's own scopes, and whose consents count."""
    return "pms appointments" in set(targets)


def _elements(persona: str, chains: set[tuple[Coordinate, ...]], kind: str) -> tuple[set[str], set[str]]:
    """The least and the most that may be asked for of a type: what granted fields show, and join keys."""
    least: set[str] = {"id"}
    keys: set[str] = {OWNER[kind]} if kind in OWNER else set()
    for chain in chains:
        at = chain[-1]
        if at.type == kind:
            least |= elements(at)
        if at.type in ("EncounterParticipant", "EncounterDiagnosis") and kind == "Encounter":
            least |= {chain[-2].field}
        if _target(at) == f"ehr {kind}":
            keys |= reached_through(f"{at.type}.{at.field}", kind)
    return least - _bare(least), least | keys | judged_by(persona, kind)


def _bare(names: set[str]) -> set[str]:
    """Names of elements with several types, such as `value`, which servers need not be asked for."""
    return {name for name in names if any(other != name and other.startswith(name) for other in names)}


def _is_about(house: House, call: Call, patient: str) -> bool:
    """Whether every row the call can return is of *patient*, or of nobody."""
    system, _, kind = call.target.partition(" ")
    if system == "crm":
        return bool(call.body["inputs"] == [{"id": care_key(patient)}])
    if system == "pms":
        return kind == "locations" or _is_in_book_of(house, call.body)
    if kind in ("Practitioner", "Organization", "Location"):
        return True
    if kind == "Patient":
        return call.values("_id") == [patient] or set(call.values("identifier")) == {_own_identifier()}
    if "patient" in call.form:
        return call.values("patient") == [patient]
    records = house.dataset.resources[kind]
    named = [records[id_] for id_ in call.values("_id")] or _bearers(records.values(), call)
    return bool(named) and all(record[OWNER[kind]]["reference"] == f"Patient/{patient}" for record in named)


def _own_identifier() -> str:
    return f"urn:caregraph:sandbox:mrn|{OWN_MRN}"


def _is_in_book_of(house: House, body: dict[str, Any]) -> bool:
    if "patient_mrns" in body:
        return bool(body["patient_mrns"] == [OWN_MRN])
    book = house.dataset.pms.appointments
    asked = {str(it) for it in body.get("ids", body.get("visit_numbers", ()))}
    rows = [row for row in book if {str(row["id"]), row["visit_number"]} & asked]
    return bool(asked) and all(row["patient"]["mrn"] == OWN_MRN for row in rows)


def _bearers(records: Iterable[dict[str, Any]], call: Call) -> list[dict[str, Any]]:
    asked = set(call.values("identifier"))
    return [
        record
        for record in records
        if asked & {f"{it.get('system', '')}|{it['value']}" for it in record.get("identifier", [])}
    ]


@pytest.mark.parametrize("persona", ["partner", "ai"])
def test_a_link_that_lets_in_whoever_has_it_is_for_the_two_who_meet_and_the_front_desk(
    house: House, persona: str
) -> None:
    query = "{ appointments(first: 40) { nodes { id isTelehealth videoUrl } } }"
    joined = [it for it in house.data("frontdesk", query)["appointments"]["nodes"] if it["videoUrl"]]
    answer = house.ask(persona, query)
    told = {it["id"]: it for it in answer["data"]["appointments"]["nodes"]}

    assert joined
    assert house.data("clinician", query)["appointments"]["nodes"]
    assert {told[it["id"]]["videoUrl"] for it in joined if it["id"] in told} == {None}
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"FORBIDDEN"}
    reasons = {reason for error in answer["errors"] for reason in error["extensions"]["reasons"]}
    assert reasons == {f"boundary-{persona}-denies-joining"}
    assert all(it["videoUrl"] not in str(answer) for it in joined)
