"""What patients' consents and a row's labels withhold is nowhere: not in rows, pages, totals or calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.settings import Consent, Settings
from sandbox.addresses import Addresses
from sandbox.dataset import generate
from sandbox.records import Dataset
from tests.stories.conftest import PATIENTS, TODAY
from tests.stories.house import NEVER_S, House, running

SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
TYPES = "http://hl7.org/fhir/resource-types"
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
PART_2 = [
    {"system": CONFIDENTIALITY, "code": "R"},
    {"system": ACT, "code": "ETHUD"},
    {"system": ACT, "code": "42CFRPart2"},
]
NOTICE = "42 CFR part 2 prohibits unauthorized use or disclosure of these records."

ANA = "pat-000001"
CLOSED = "pat-000002"
"""Denies everything to everybody."""
NO_AI = "pat-000003"
NO_PROBLEMS = "pat-000004"
"""Denies Conditions to those who treat."""
LAPSED = "pat-000005"
UNREADABLE = "pat-000006"
LAST = f"pat-{PATIENTS:06}"


def consent(patient: str, **provision: Any) -> dict[str, Any]:
    return {
        "resourceType": "Consent",
        "id": f"consent-{patient}",
        "meta": {"versionId": "1", "lastUpdated": "2026-01-01T00:00:00Z"},
        "status": "active",
        "scope": {"coding": [{"system": SCOPE, "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": f"Patient/{patient}"},
        "provision": {"type": "deny", **provision},
    }


def audience(name: str) -> list[dict[str, Any]]:
    return told_to({"identifier": {"system": "urn:caregraph:audience", "value": name}})


def told_to(reference: dict[str, Any]) -> list[dict[str, Any]]:
    """Whom it is about: those who would receive the information."""
    return [{"role": {"coding": [{"system": PARTICIPATION, "code": "IRCP"}]}, "reference": reference}]


def clinic_of() -> Dataset:
    dataset = generate(PATIENTS, today=TODAY)
    for each in (
        consent(CLOSED),
        consent(NO_AI, actor=audience("ai")),
        consent(NO_PROBLEMS, **{"class": [{"system": TYPES, "code": "Condition"}]}),
        consent(LAPSED, period={"end": "2020-12-31"}),
        consent(UNREADABLE, actor=told_to({"reference": "Group/somebody"})),
        consent(LAST, actor=audience("clinician")),
    ):
        dataset.add(each)
    for row in dataset.resources["Condition"].values():
        if row["subject"]["reference"] == f"Patient/{ANA}" and row["meta"].get("security"):
            row["meta"] = {**row["meta"], "security": PART_2}
    return dataset


@pytest.fixture(scope="module")
def clinic() -> Iterator[House]:
    with running(clinic_of(), poll_seconds=NEVER_S) as made:
        yield made


def first_of(house: House, kind: str, patient: str) -> str:
    rows = house.dataset.resources[kind].values()
    return next(
        str(row["id"])
        for row in rows
        if (row.get("subject") or row["patient"])["reference"] == f"Patient/{patient}"
    )


CHART = """query Chart($id: ID!) { patient(id: $id) {
  id
  conditions(first: 50) { nodes { id } }
  encounters(first: 50) { nodes { id } }
  observations(first: 50) { nodes { id } }
  appointments(first: 50) { nodes { id } }
  engagement { score }
} }"""


@pytest.mark.parametrize("patient", [CLOSED, UNREADABLE])
def test_a_patient_whose_consents_deny_looks_like_no_patient_and_is_not_asked_for(
    clinic: House, patient: str
) -> None:
    clinic.forget()
    answer = clinic.ask("clinician", CHART, {"id": f"Patient/{patient}"})

    assert (answer["data"], answer.get("errors")) == ({"patient": None}, None)
    assert clinic.asked_all() == []
    assert answer["data"] == clinic.data("clinician", CHART, {"id": "Patient/none"})


def test_a_type_that_is_denied_is_not_asked_for_and_the_others_are(clinic: House) -> None:
    clinic.forget()
    found = clinic.data("clinician", CHART, {"id": f"Patient/{NO_PROBLEMS}"})["patient"]

    assert found["conditions"] == {"nodes": []}
    assert found["encounters"]["nodes"]
    assert {call.target for call in clinic.asked_all()} == {
        "ehr Patient",
        "ehr Encounter",
        "ehr Observation",
        "pms appointments",
        "crm contacts",
    }


@pytest.mark.parametrize(
    ("kind", "patient", "shown"),
    [("Condition", NO_PROBLEMS, False), ("Condition", LAPSED, True), ("Encounter", UNREADABLE, False)],
)
def test_by_id_a_denied_row_is_null_and_no_error(clinic: House, kind: str, patient: str, shown: bool) -> None:
    """Adversarial item 7: a consent whose period is over denies nothing."""
    id_ = f"{kind}/{first_of(clinic, kind, patient)}"
    answer = clinic.ask("clinician", "query N($id: ID!) { node(id: $id) { id } }", {"id": id_})

    assert answer.get("errors") is None
    assert answer["data"]["node"] == ({"id": id_} if shown else None)


def test_what_an_included_diagnosis_leads_to_is_withheld_as_well(clinic: House) -> None:
    query = """query E($id: ID!) { patient(id: $id) { encounters(first: 50) { nodes {
      diagnosis { rank condition { id } } observations(first: 1) { nodes { id } }
    } } } }"""
    found = clinic.data("clinician", query, {"id": f"Patient/{NO_PROBLEMS}"})["patient"]

    diagnoses = [it for encounter in found["encounters"]["nodes"] for it in encounter["diagnosis"]]
    assert diagnoses
    assert all(it["condition"] is None for it in diagnoses)


def test_a_denied_patients_bookings_are_in_no_list_of_bookings(clinic: House) -> None:
    query = """query B($after: String) { appointments(first: 200, after: $after) {
      nodes { id patient { id } } pageInfo { hasNextPage endCursor } } }"""
    shown: dict[str, str | None] = {}
    after = None
    while True:
        page = clinic.data("clinician", query, {"after": after})["appointments"]
        shown |= {it["id"]: (it["patient"] or {}).get("id") for it in page["nodes"]}
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    denied = {CLOSED, UNREADABLE, LAST}
    mrns = {it.replace("pat", "MRN") for it in denied}
    rows = clinic.dataset.pms.appointments

    assert shown.keys() == {f"Appointment/{it['id']}" for it in rows if it["patient"]["mrn"] not in mrns}
    assert None not in shown.values()


def test_a_search_fills_its_page_from_the_rows_after_those_withheld(clinic: House) -> None:
    query = "{ patients(first: 5) { nodes { id } pageInfo { hasNextPage } } }"
    found = clinic.data("clinician", query)["patients"]

    ids = [f"Patient/pat-{number:06}" for number in (1, 3, 4, 5, 7)]
    assert [it["id"] for it in found["nodes"]] == ids
    assert found["pageInfo"]["hasNextPage"] is True


def test_the_pages_of_a_search_hold_each_row_once_and_no_trace_of_those_withheld(clinic: House) -> None:
    query = """query P($after: String) { patients(first: 10, after: $after) {
      nodes { id } pageInfo { hasNextPage endCursor } } }"""
    pages: list[list[str]] = []
    after = None
    for _ in range(20):
        page = clinic.data("clinician", query, {"after": after})["patients"]
        pages.append([it["id"].removeprefix("Patient/") for it in page["nodes"]])
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break

    every = [f"pat-{number:06}" for number in range(1, PATIENTS + 1)]
    assert [it for page in pages for it in page] == [
        it for it in every if it not in (CLOSED, UNREADABLE, LAST)
    ]
    assert [len(page) for page in pages[:-1]] == [10] * (len(pages) - 1)


def test_a_consent_about_one_audience_binds_no_other(clinic: House) -> None:
    query = "query P($id: ID!) { patient(id: $id) { id } }"

    assert clinic.data("ai", query, {"id": f"Patient/{NO_AI}"}) == {"patient": None}
    assert clinic.data("clinician", query, {"id": f"Patient/{NO_AI}"})["patient"] is not None
    assert clinic.data("clinician", query, {"id": f"Patient/{LAST}"}) == {"patient": None}
    assert clinic.data("ai", query, {"id": f"Patient/{LAST}"})["patient"] is not None


def test_a_denied_patient_is_unknown_to_the_crm_and_its_key_is_not_sent(clinic: House) -> None:
    clinic.forget()
    found = clinic.data("marketer", "{ patients(first: 60) { nodes { id engagement { score } } } }")

    ids = {it["id"].removeprefix("Patient/") for it in found["patients"]["nodes"]}
    assert CLOSED not in ids
    assert LAST in ids
    (call,) = clinic.asked("crm")
    assert len(call.body["inputs"]) == len(ids)


def test_a_part_2_record_goes_to_those_who_treat_with_its_notice_once(clinic: House) -> None:
    answer = clinic.ask("clinician", CHART, {"id": f"Patient/{ANA}"})
    without = clinic.ask("clinician", CHART, {"id": f"Patient/{LAPSED}"})
    own = clinic.ask("patient", CHART, {"id": f"Patient/{ANA}"})

    assert answer["extensions"]["notices"] == [NOTICE]
    assert "notices" not in without["extensions"]
    assert "notices" not in own["extensions"]
    assert own["data"]["patient"]["conditions"] == answer["data"]["patient"]["conditions"]


def test_a_program_is_shown_nothing_sensitive_labelled_or_not(clinic: House) -> None:
    """Adversarial item 13: unlabelled rows are classified before a model sees them."""
    query = """query C($id: ID!) { patient(id: $id) {
      conditions(first: 100) { nodes { code { coding { code } } } }
      encounters(first: 100) { nodes { reasonCode { coding { code display } } } }
      appointments(first: 100) { nodes {
        serviceType { coding { display } } reasonCode { coding { code } }
      } } } }"""
    said = ""
    for number in range(1, PATIENTS + 1):
        said += str(clinic.data("ai", query, {"id": f"Patient/pat-{number:06}"}))

    for code in ("F10.20", "F11.20", "F41.1", "B20", "66590003", "86406008"):
        assert code not in said
    for name in ("Behavioral health", "Recovery", "HIV", "Anxiety"):
        assert name not in said
    for code in ("I10", "E11.9", "Office visit"):
        assert code in said


def test_what_a_partner_may_not_know_of_its_appointments_do_not_tell(clinic: House) -> None:
    query = "{ appointments(first: 500) { nodes { id } pageInfo { hasNextPage } } }"
    shown = {it["id"] for it in clinic.data("partner", query)["appointments"]["nodes"]}
    hidden = {
        f"Appointment/{it['id']}"
        for it in clinic.dataset.pms.appointments
        if it["service_name"].startswith("Behavioral")
    }

    assert shown
    assert hidden
    assert shown.isdisjoint(hidden)


def test_where_consents_cant_be_read_the_rows_are_an_error_and_nothing_is_fetched() -> None:
    with running(clinic_of(), poll_seconds=NEVER_S) as house:
        house.forget()
        with house.faulty("ehr", "status", value=500, path="/fhir/Consent"):
            answer = house.ask("clinician", CHART, {"id": f"Patient/{ANA}"})

        assert answer["data"] == {"patient": None}
        assert [it["extensions"]["code"] for it in answer["errors"]] == ["SOURCE_UNAVAILABLE"]
        assert house.asked("pms") == house.asked("crm") == []


def test_one_patients_consents_are_read_for_no_other_and_for_each_caller_alike(clinic: House) -> None:
    """Adversarial item 6: what is remembered is what the EHR said, never what it meant to one."""
    query = "query P($id: ID!) { patient(id: $id) { id } }"
    for persona, seen in (("ai", False), ("clinician", True), ("ai", False), ("frontdesk", True)):
        answer = clinic.data(persona, query, {"id": f"Patient/{NO_AI}"})
        assert (answer["patient"] is not None) is seen


def test_an_organization_in_a_consent_is_whom_the_settings_say_it_is() -> None:
    """Who is not told of stays refused, with nothing fetched."""
    query = "query P($id: ID!) { patient(id: $id) { id } }"
    dataset = generate(4, today=TODAY)
    dataset.add(consent(ANA, actor=told_to({"reference": "Organization/lab"})))
    dataset.add(consent(CLOSED, actor=told_to({"reference": "Organization/unknown"})))
    names = Consent(actors={"Organization/lab": ("partner",)})

    def naming(_: Addresses, settings: Settings) -> Settings:
        return replace(settings, consent=names)

    with running(dataset, poll_seconds=NEVER_S, rewired=naming) as house:
        for persona, seen in (("partner", False), ("ai", True), ("clinician", True)):
            house.forget()
            found = house.data(persona, query, {"id": f"Patient/{ANA}"})["patient"]
            assert (found is not None) is seen
            assert (house.asked_all() != []) is seen
        house.forget()
        assert house.data("clinician", query, {"id": f"Patient/{CLOSED}"})["patient"] is None
        assert house.asked_all() == []


SEARCHED = """query S($search: PatientSearch, $after: String) {
  patients(first: 1, search: $search, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } }"""


def test_a_search_for_someone_promises_no_more_where_all_the_rest_is_withheld() -> None:
    """Two people have one name, and one of them closed their record: nothing tells that there is another."""
    dataset = generate(4, today=TODAY)
    known = dataset.resources["Patient"][ANA]
    dataset.add({**dataset.resources["Patient"][CLOSED], "name": known["name"]})
    dataset.add(consent(CLOSED))
    family = known["name"][0]["family"]
    with running(dataset, poll_seconds=NEVER_S) as house:
        for persona in ("clinician", "frontdesk"):
            page = house.data(persona, SEARCHED, {"search": {"family": family}})["patients"]

            assert [it["id"] for it in page["nodes"]] == [f"Patient/{ANA}"]
            assert page["pageInfo"]["hasNextPage"] is False


def test_a_list_of_one_patients_bookings_promises_no_more_where_the_rest_is_withheld() -> None:
    query = """query B($id: ID!, $first: Int!) { appointments(filter: { patient: $id }, first: $first) {
      nodes { id } pageInfo { hasNextPage } } }"""
    dataset = generate(4, today=TODAY)
    mine = [it for it in dataset.pms.appointments if it["patient"]["mrn"] == ANA.replace("pat", "MRN")]
    last = max(mine, key=lambda it: it["starts_at"])
    data = {"meaning": "instance", "reference": {"reference": f"Appointment/{last['id']}"}}
    dataset.add(consent(ANA, data=[data]))
    with running(dataset, poll_seconds=NEVER_S) as house:
        asked = {"id": f"Patient/{ANA}", "first": len(mine) - 1}
        page = house.data("frontdesk", query, asked)["appointments"]
        own = house.data("patient", query, asked)["appointments"]

    assert f"Appointment/{last['id']}" not in [it["id"] for it in page["nodes"]]
    assert (len(page["nodes"]), page["pageInfo"]["hasNextPage"]) == (len(mine) - 1, False)
    assert own["pageInfo"]["hasNextPage"] is True
