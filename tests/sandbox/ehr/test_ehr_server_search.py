"""Searching the stand-in EHR: what matches, in which order, and what comes along."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sandbox.dataset import Dataset
from sandbox.records import Resource

MRN = "urn:caregraph:sandbox:mrn"
OBSERVATION_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"


Asked = tuple[str, str | int | float | bool | None]
"""A parameter and its value, for an order or a repetition that a mapping can't say."""


def found(answer: httpx.Response) -> list[Resource]:
    """The matches of a searchset Bundle."""
    assert answer.status_code == 200, answer.text
    return [it["resource"] for it in answer.json().get("entry", []) if it["search"]["mode"] == "match"]


def ids(answer: httpx.Response) -> list[str]:
    return [resource["id"] for resource in found(answer)]


def every(practice: Dataset, type_: str) -> Iterator[Resource]:
    return iter(practice.resources[type_].values())


def test_a_search_by_ids_gives_those_that_exist_once_each(ehr: httpx.Client) -> None:
    answer = ehr.get("/Patient", params={"_id": "pat-000003,pat-000001,nobody,pat-000003"})

    assert ids(answer) == ["pat-000003", "pat-000001"]
    assert answer.json()["total"] == 2


def test_a_search_over_two_patients_gives_exactly_their_encounters(
    ehr: httpx.Client, practice: Dataset
) -> None:
    first = "Patient/pat-000001"
    other = next(ref for it in every(practice, "Encounter") if (ref := it["subject"]["reference"]) != first)
    mine = {first, other}
    expected = [it for it in every(practice, "Encounter") if it["subject"]["reference"] in mine]

    answer = ehr.get("/Encounter", params={"patient": f"pat-000001,{other}"})

    assert found(answer) == expected
    assert {it["subject"]["reference"] for it in expected} == mine


@pytest.mark.parametrize("value", ["pat-000001", "Patient/pat-000001", "{base}/Patient/pat-000001"])
@pytest.mark.parametrize("name", ["patient", "subject", "subject:Patient"])
def test_a_patient_can_be_named_in_every_way_a_reference_can(
    ehr: httpx.Client, base: str, name: str, value: str
) -> None:
    plain = ids(ehr.get("/Condition", params={"patient": "pat-000001"}))

    assert ids(ehr.get("/Condition", params={name: value.format(base=base)})) == plain
    assert plain


def test_a_search_by_post_is_the_same_search(ehr: httpx.Client) -> None:
    asked = {"patient": "pat-000001", "category": f"{OBSERVATION_CATEGORY}|laboratory"}

    by_post, by_get = ehr.post("/Observation/_search", data=asked), ehr.get("/Observation", params=asked)

    assert found(by_post) == found(by_get)
    assert found(by_post)


def test_filters_in_the_query_of_a_post_count_too(ehr: httpx.Client) -> None:
    answer = ehr.post("/Patient/_search?gender=female", data={"_id": "pat-000001,pat-000002,pat-000003"})

    assert {it["gender"] for it in found(answer)} == {"female"}


@pytest.mark.parametrize(
    ("value", "matches"),
    [
        pytest.param(f"{MRN}|MRN-000002", ["pat-000002"], id="system and value"),
        pytest.param("MRN-000002", ["pat-000002"], id="any system"),
        pytest.param(f"{MRN}|MRN-000004,{MRN}|MRN-000002", ["pat-000004", "pat-000002"], id="either"),
        pytest.param("|MRN-000002", [], id="no system"),
        pytest.param("urn:other|MRN-000002", [], id="another system"),
    ],
)
def test_identifiers_match_by_system_and_value(ehr: httpx.Client, value: str, matches: list[str]) -> None:
    assert ids(ehr.get("/Patient", params={"identifier": value})) == matches


@pytest.mark.parametrize(
    ("category", "matches"),
    [
        pytest.param(f"{OBSERVATION_CATEGORY}|laboratory", {"laboratory"}, id="system and code"),
        pytest.param("laboratory", {"laboratory"}, id="code of any system"),
        pytest.param("laboratory,survey", {"laboratory", "survey"}, id="one of two"),
        pytest.param("|laboratory", set(), id="code without a system"),
        pytest.param("urn:other|laboratory", set(), id="another system"),
        pytest.param(
            f"{OBSERVATION_CATEGORY}|",
            {"laboratory", "survey", "vital-signs", "social-history"},
            id="all of a system",
        ),
    ],
)
def test_a_token_is_compared_by_system_and_code(ehr: httpx.Client, category: str, matches: set[str]) -> None:
    answer = ehr.get("/Observation", params={"patient": "pat-000001", "category": category})

    assert {it["category"][0]["coding"][0]["code"] for it in found(answer)} == matches


def test_two_filters_must_both_hold(ehr: httpx.Client) -> None:
    asked = {"patient": "pat-000001", "category": "laboratory", "code": "http://loinc.org|4548-4"}

    codes = [it["code"]["coding"][0]["code"] for it in found(ehr.get("/Observation", params=asked))]

    assert set(codes) == {"4548-4"}


def test_not_turns_a_token_around(ehr: httpx.Client, practice: Dataset) -> None:
    expected = [it["id"] for it in every(practice, "Appointment") if it["status"] != "fulfilled"]

    assert ids(ehr.get("/Appointment", params={"status:not": "fulfilled", "_count": 5000})) == expected


def test_missing_asks_whether_there_is_a_value(ehr: httpx.Client, practice: Dataset) -> None:
    booked = {it["id"] for it in every(practice, "Encounter") if "identifier" in it}

    with_one = ids(ehr.get("/Encounter", params={"identifier:missing": "false", "_count": 5000}))
    without = ids(ehr.get("/Encounter", params={"identifier:missing": "true", "_count": 5000}))

    assert set(with_one) == booked
    assert set(without) == set(practice.resources["Encounter"]) - booked
    assert without


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", "alv"),
        ("family", "ÁLVAREZ"),
        ("given", "marisol"),
        ("family:exact", "Santos"),
        ("name:contains", "LVAR"),
        ("address", "chatham"),
        ("telecom", "+12175550001"),
        ("birthdate", "1968-04-12"),
        ("birthdate", "1968-04"),
    ],
)
def test_a_patient_is_found_by_what_is_known_of_them(ehr: httpx.Client, name: str, value: str) -> None:
    answer = ehr.get("/Patient", params={name: value, "_count": 5000})

    assert "pat-000001" in ids(answer)
    assert len(ids(answer)) < 60


@pytest.mark.parametrize(("name", "value"), [("family:exact", "santos"), ("name", "lvarez"), ("given", "Zz")])
def test_a_name_that_differs_is_not_found(ehr: httpx.Client, name: str, value: str) -> None:
    assert "pat-000001" not in ids(ehr.get("/Patient", params={name: value, "_count": 5000}))


def test_a_repeated_date_narrows_from_both_sides(ehr: httpx.Client, practice: Dataset) -> None:
    asked: list[Asked] = [
        ("date", "ge2026-12-01"),
        ("date", "lt2026-12-08"),
        ("_sort", "date"),
        ("_count", "5000"),
    ]
    week = [it for it in every(practice, "Appointment") if "2026-12-01T06" <= it["start"] < "2026-12-08T06"]

    answer = found(ehr.get("/Appointment", params=asked))

    assert answer == sorted(week, key=lambda it: str(it["start"]))
    assert answer


def test_sorting_backwards_turns_the_order_around(ehr: httpx.Client) -> None:
    asked: dict[str, Any] = {"patient": "pat-000001", "_count": 5000}
    starts = [
        it["period"]["start"][:10] for it in found(ehr.get("/Encounter", params={**asked, "_sort": "-date"}))
    ]

    assert starts == sorted(starts, reverse=True)
    assert len(set(starts)) > 1


def test_last_updated_gives_what_changed_since_in_order_of_change(
    ehr: httpx.Client, practice: Dataset
) -> None:
    since = "2026-09-01T00:00:00.000Z"
    stamps = sorted(
        it["meta"]["lastUpdated"] for it in every(practice, "Encounter") if it["meta"]["lastUpdated"] >= since
    )

    asked: dict[str, Any] = {"_lastUpdated": f"ge{since}", "_sort": "_lastUpdated", "_count": 5000}
    answer = found(ehr.get("/Encounter", params=asked))

    assert [it["meta"]["lastUpdated"] for it in answer] == stamps
    assert stamps


def test_an_encounter_is_found_by_the_visit_number_of_the_pms(ehr: httpx.Client, practice: Dataset) -> None:
    row = next(it for it in practice.pms.appointments if it["visit_number"])

    answer = ehr.get(
        "/Encounter", params={"identifier": f"urn:caregraph:sandbox:visit|{row['visit_number']}"}
    )

    assert ids(answer) == [f"enc-{row['id']:06}"]


def test_an_encounter_is_found_by_its_appointment_and_by_its_practitioner(
    ehr: httpx.Client, practice: Dataset
) -> None:
    encounter = next(it for it in every(practice, "Encounter") if "appointment" in it)
    appointment = encounter["appointment"][0]["reference"]
    practitioner = encounter["participant"][0]["individual"]["reference"]

    by_appointment = ids(ehr.get("/Encounter", params={"appointment": appointment}))
    by_both = ids(ehr.get("/Encounter", params={"appointment": appointment, "practitioner": practitioner}))

    assert by_appointment == by_both == [encounter["id"]]


def test_an_include_brings_what_the_matches_refer_to_once_and_marked(ehr: httpx.Client) -> None:
    asked: list[Asked] = [
        ("patient", "pat-000001"),
        ("_include", "Encounter:participant"),
        ("_include", "Encounter:patient"),
    ]

    entries = ehr.get("/Encounter", params=asked).json()["entry"]
    included = [it["fullUrl"].rpartition("/fhir/")[2] for it in entries if it["search"]["mode"] == "include"]
    people = {
        participant["individual"]["reference"]
        for it in entries
        if it["search"]["mode"] == "match"
        for participant in it["resource"]["participant"]
    }

    assert sorted(included) == sorted({*people, "Patient/pat-000001"})


def test_an_include_of_a_type_without_a_scope_stays_out(connect: Any) -> None:
    client = connect("system/Encounter.rs")

    answer = client.get("/Encounter", params={"patient": "pat-000001", "_include": "Encounter:patient"})

    assert {it["search"]["mode"] for it in answer.json()["entry"]} == {"match"}


def test_roles_come_with_their_practitioners(ehr: httpx.Client) -> None:
    asked = {"practitioner": "prac-0001,prac-0002", "_include": "PractitionerRole:practitioner"}

    entries = ehr.get("/PractitionerRole", params=asked).json()["entry"]

    assert [it["resource"]["id"] for it in entries] == ["role-0001", "role-0002", "prac-0001", "prac-0002"]


def test_elements_cuts_resources_and_says_so(ehr: httpx.Client, practice: Dataset) -> None:
    asked = {"_id": "pat-000001", "_elements": "name,birthDate"}

    (patient,) = found(ehr.get("/Patient", params=asked))

    whole = practice.resources["Patient"]["pat-000001"]
    tag = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
    assert patient == {
        "resourceType": "Patient",
        "id": "pat-000001",
        "meta": {**whole["meta"], "tag": [tag]},
        "name": whole["name"],
        "birthDate": whole["birthDate"],
    }


def test_elements_keeps_what_is_mandatory_and_knows_choices(ehr: httpx.Client) -> None:
    asked: dict[str, Any] = {
        "patient": "pat-000001",
        "category": "laboratory",
        "_elements": "value",
        "_count": 1,
    }

    (observation,) = found(ehr.get("/Observation", params=asked))

    assert set(observation) == {"resourceType", "id", "meta", "status", "code", "valueQuantity"}


def test_a_search_for_the_count_gives_no_resources(ehr: httpx.Client) -> None:
    for asked in ({"_count": "0"}, {"_summary": "count"}):
        bundle = ehr.get("/Patient", params=asked).json()
        assert (bundle["total"], "entry" in bundle, len(bundle["link"])) == (60, False, 1)


def test_total_none_leaves_the_total_out(ehr: httpx.Client) -> None:
    assert "total" not in ehr.get("/Patient", params={"_total": "none"}).json()


def test_an_empty_answer_has_no_empty_list(ehr: httpx.Client) -> None:
    bundle = ehr.get("/Patient", params={"_id": "nobody"}).json()

    assert (bundle["total"], "entry" in bundle) == (0, False)


def test_an_unknown_parameter_is_ignored_and_left_out_of_the_self_link(ehr: httpx.Client) -> None:
    bundle = ehr.get("/Patient", params={"gender": "female", "shoe-size": "44"}).json()

    (link,) = [it["url"] for it in bundle["link"] if it["relation"] == "self"]
    assert link.endswith("/Patient?gender=female")


def test_an_unknown_parameter_is_refused_when_that_is_preferred(ehr: httpx.Client) -> None:
    answer = ehr.get("/Patient", params={"shoe-size": "44"}, headers={"Prefer": "handling=strict"})

    assert answer.status_code == 400
    assert answer.json()["issue"][0]["code"] == "not-supported"
    assert "44" not in answer.text


@pytest.mark.parametrize(
    ("type_", "asked"),
    [
        ("Encounter", {"date": "soon"}),
        ("Encounter", {"date": "ge2026-13-01"}),
        ("Patient", {"_lastUpdated": "ge"}),
        ("Patient", {"_lastUpdated": "ne2026-01-01"}),
        ("Patient", {"_count": "-1"}),
        ("Patient", {"_count": "ten"}),
        ("Patient", {"family:sounds-like": "Alvarez"}),
        ("Patient", {"_id": ""}),
        ("Patient", {"gender:missing": "maybe"}),
    ],
)
def test_what_cannot_be_read_is_refused_without_repeating_it(
    ehr: httpx.Client, type_: str, asked: dict[str, str]
) -> None:
    answer = ehr.get(f"/{type_}", params=asked)

    outcome = answer.json()
    assert (answer.status_code, outcome["resourceType"]) == (400, "OperationOutcome")
    assert outcome["issue"][0]["severity"] == "error"
    assert "Alvarez" not in answer.text
    assert "2026-13" not in answer.text
