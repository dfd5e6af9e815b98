"""What can't be a value is BAD_USER_INPUT, in words that name the argument and never repeat the value."""

from __future__ import annotations

from typing import Any

import pytest

from tests.stories.house import House


@pytest.mark.parametrize("first", [-1, 501, -(2**31), 2**31 - 1])
@pytest.mark.parametrize(
    "query",
    [
        "query Q($n: Int!) { patients(first: $n) { nodes { id } } }",
        "query Q($n: Int!) { appointments(first: $n) { nodes { id } } }",
        'query Q($n: Int!) { patient(id: "pat-000001") { encounters(first: $n) { nodes { id } } } }',
        'query Q($n: Int!) { patient(id: "pat-000001") { appointments(first: $n) { nodes { id } } } }',
    ],
)
def test_a_page_size_out_of_range_says_what_the_range_is(house: House, query: str, first: int) -> None:
    answer = house.ask("clinician", query, {"n": first})

    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"] == "`first` must be between 0 and 500"


@pytest.mark.parametrize("first", ["3", 1.5, None, True, [], 2**31, {}], ids=repr)
def test_a_page_size_that_is_no_number_is_refused(house: House, first: Any) -> None:
    answer = house.ask(
        "clinician", "query Q($n: Int!) { patients(first: $n) { nodes { id } } }", {"n": first}
    )

    assert "data" not in answer
    assert _codes(answer) == ["BAD_USER_INPUT"]
    assert "$n" in answer["errors"][0]["message"]


def test_a_page_of_none_is_empty_and_no_fault(house: House) -> None:
    page = house.data(
        "clinician", "{ patients(first: 0) { nodes { id } pageInfo { hasNextPage endCursor } } }"
    )

    assert page["patients"] == {"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": None}}


@pytest.mark.parametrize("id_", ["", "/", "Patient/", "/pat-000001", "Encounter/enc-005001"])
def test_what_is_no_patients_id_says_how_one_is_written(house: House, id_: str) -> None:
    answer = house.ask("clinician", "query Q($id: ID!) { patient(id: $id) { id } }", {"id": id_})

    assert answer["data"] == {"patient": None}
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "`Patient/x1`" in error["message"]


@pytest.mark.parametrize("id_", ["", "/", "Patient/", "/pat-000001", "pat-000001", "Patient"])
def test_what_is_no_global_id_says_how_one_is_written(house: House, id_: str) -> None:
    answer = house.ask("clinician", "query Q($id: ID!) { node(id: $id) { id } }", {"id": id_})

    assert answer["data"] == {"node": None}
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"] == "`id` is no global id; write one such as `Patient/p1`"


@pytest.mark.parametrize(
    "id_",
    [
        "Patient/pat-000001,pat-000002",
        "Patient/../Patient/pat-000001",
        "Patient/pat-000001/_history/1",
        "Patient/pat-000001?_count=1",
        "Patient/pat-000001 ",
        "Patient/pat-000001\n",
        "Patient/" + "a" * 65,
        "Patient/ü",
        "Appointment/5001,5002",
        "Appointment/05001",
        "Appointment/٥٠٠١",
        "Appointment/" + "9" * 30,
        "Nothing/1",
        "Query/1",
    ],
)
def test_an_id_that_nothing_can_have_finds_nothing_and_asks_nobody(house: House, id_: str) -> None:
    house.forget()

    assert house.data("clinician", "query Q($id: ID!) { node(id: $id) { id } }", {"id": id_}) == {
        "node": None
    }
    assert house.asked_all() == []


DATES = [
    "yesterday",
    "",
    " ",
    "2026",
    "2026-01",
    "20260101",
    "2026-W01-1",
    "2026-001",
    "2026-1-1",
    "2026-02-30",
    "2026-13-01",
    "2026-01-01T25:00:00Z",
    "2026-01-01T10:00:00+99:00",
    "2026-01-01 10:00:00Z",
    "01/31/2026",
    "ge2026-01-01",
    "2026-01-01,2026-02-01",
    "２０２６-01-01",
    "0001-01-01",
    "0000-01-01",
    "9999-12-31T23:59:59-12:00",
    "10000-01-01",
]
PLACES = {
    "appointments.from": "appointments(filter: { from: $at }) { nodes { id } }",
    "appointments.to": "appointments(filter: { to: $at }) { nodes { id } }",
    "patient.appointments.from": 'patient(id: "pat-000001") { appointments(from: $at) { nodes { id } } }',
    "patient.appointments.to": 'patient(id: "pat-000001") { appointments(to: $at) { nodes { id } } }',
    "patient.observations.from": 'patient(id: "pat-000001") { observations(from: $at) { nodes { id } } }',
    "patients.birthDate": "patients(search: { birthDate: $at }) { nodes { id } }",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("date", DATES)
def test_what_is_no_date_says_how_one_is_written(house: House, place: str, date: str) -> None:
    house.forget()

    answer = house.ask("clinician", f"query Q($at: String) {{ {PLACES[place]} }}", {"at": date})

    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    name = place.rpartition(".")[2]
    assert f"`{name}` must be a date" in error["message"]
    assert date.strip() in ("", "2026", "2026-01") or date not in error["message"]  # the example's own parts
    assert not any("date" in call.text.lower() for call in house.asked_all())


@pytest.mark.parametrize("date", ["2026-01-01", "1899-12-31", "2400-02-29", "0002-01-01", "9998-12-31"])
@pytest.mark.parametrize("place", PLACES)
def test_a_date_is_taken_wherever_one_is_asked_for(house: House, place: str, date: str) -> None:
    house.data("clinician", f"query Q($at: String) {{ {PLACES[place]} }}", {"at": date})


@pytest.mark.parametrize(
    "time", ["2026-01-01T10:00:00Z", "2026-01-01T10:00:00.123-06:00", "2026-01-01T10:00"]
)
@pytest.mark.parametrize("place", [name for name in PLACES if name != "patients.birthDate"])
def test_a_time_is_taken_wherever_one_makes_sense(house: House, place: str, time: str) -> None:
    house.data("clinician", f"query Q($at: String) {{ {PLACES[place]} }}", {"at": time})


def test_a_birth_date_is_a_day_and_no_time(house: House) -> None:
    query = f"query Q($at: String) {{ {PLACES['patients.birthDate']} }}"

    answer = house.ask("clinician", query, {"at": "1968-04-12T10:00:00Z"})

    assert _codes(answer) == ["BAD_USER_INPUT"]


@pytest.mark.parametrize("field", ["name", "family", "given", "gender", "identifier"])
@pytest.mark.parametrize("empty", ["", " "])
def test_a_search_for_nothing_is_refused_with_its_name(house: House, field: str, empty: str) -> None:
    query = f"query Q($it: String) {{ patients(search: {{ {field}: $it }}) {{ nodes {{ id }} }} }}"
    house.forget()

    answer = house.ask("clinician", query, {"it": empty})

    assert answer["data"] == {"patients": None}
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert f"`{field}`" in error["message"]
    assert house.asked_all() == []


@pytest.mark.parametrize(
    "identifier",
    [
        "urn:caregraph:sandbox:mrn|MRN-000001,urn:caregraph:sandbox:mrn|MRN-000002",
        "MRN-000001,MRN-000002",
        "MRN-000001\\",
        "MRN-000001$x",
    ],
)
def test_an_identifier_is_one_identifier(house: House, identifier: str) -> None:
    query = "query Q($it: String) { patients(search: { identifier: $it }) { nodes { id } } }"

    answer = house.ask("clinician", query, {"it": identifier})

    # It may be refused or taken to the letter, in which case nobody bears it; never read as several.
    assert answer["data"]["patients"] in (None, {"nodes": []})
    assert set(_codes(answer)) <= {"BAD_USER_INPUT"}


@pytest.mark.parametrize("text", ["a,b", "a$b", "a\\", "a|b", "*", "%", "'; drop", "\u0000", "x" * 10_000])
@pytest.mark.parametrize("field", ["name", "family", "given", "gender"])
def test_odd_text_in_a_search_is_taken_to_the_letter(house: House, field: str, text: str) -> None:
    query = f"query Q($it: String) {{ patients(search: {{ {field}: $it }}) {{ nodes {{ id }} }} }}"

    assert house.data("clinician", query, {"it": text}) == {"patients": {"nodes": []}}


@pytest.mark.parametrize("code", ["", "a,b", "a$b", "a\\"])
@pytest.mark.parametrize("name", ["category", "code"])
def test_what_is_no_code_is_refused_with_its_name(house: House, name: str, code: str) -> None:
    inner = f"observations({name}: $it) {{ nodes {{ id }} }}"
    query = f"query Q($it: String) {{ patients(first: 1) {{ nodes {{ {inner} }} }} }}"

    answer = house.ask("clinician", query, {"it": code})

    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"] == f"`{name}` must be one code, or `system|code`"


def test_an_unknown_status_names_the_known_ones(house: House) -> None:
    answer = house.ask("clinician", '{ appointments(filter: { status: ["done"] }) { nodes { id } } }')

    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "`status`" in error["message"]
    assert "fulfilled" in error["message"]
    assert "done" not in error["message"]


@pytest.mark.parametrize(
    ("name", "id_"), [("practitioner", "Patient/pat-000001"), ("patient", ""), ("patient", "Encounter/1")]
)
def test_a_filter_by_an_id_of_another_type_names_the_filter(house: House, name: str, id_: str) -> None:
    query = f"query Q($id: ID) {{ appointments(filter: {{ {name}: $id }}) {{ nodes {{ id }} }} }}"

    answer = house.ask("clinician", query, {"id": id_})

    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert f"`{name}`" in error["message"]


def test_more_ids_than_can_be_asked_for_are_refused_with_the_number(house: House) -> None:
    answer = house.ask(
        "clinician", "query Q($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ["Patient/x"] * 501}
    )

    assert answer["data"] is None
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"] == "`ids` may hold at most 500 ids"


def _codes(answer: dict[str, Any]) -> list[str]:
    return [error["extensions"]["code"] for error in answer.get("errors", [])]
