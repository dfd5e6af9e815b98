"""Paging: every row once, by cursors that belong to one search and one reader, and that say nothing."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest

from tests.stories.house import House

PATIENTS = """
query Page($first: Int!, $after: String, $search: PatientSearch) {
  patients(first: $first, after: $after, search: $search) {
    edges { cursor node { id } }
    nodes { id }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    complete
  }
}
"""
BOOK = """
query Page($first: Int!, $after: String, $filter: AppointmentFilter) {
  appointments(first: $first, after: $after, filter: $filter) {
    edges { cursor node { id } }
    nodes { id }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""


@pytest.mark.parametrize("first", [1, 7, 20, 59, 60, 500])
def test_pages_of_patients_hold_every_patient_once_and_in_one_order(house: House, first: int) -> None:
    shown = [it["id"] for page in _pages(house, PATIENTS, "patients", first) for it in page["nodes"]]

    assert shown == [f"Patient/{id_}" for id_ in house.dataset.resources["Patient"]]


def test_pages_of_patients_who_match_hold_every_one_of_them_once(house: House) -> None:
    pages = _pages(house, PATIENTS, "patients", 4, {"search": {"gender": "female"}})

    shown = [it["id"] for page in pages for it in page["nodes"]]
    women = [
        id_ for id_, record in house.dataset.resources["Patient"].items() if record["gender"] == "female"
    ]
    assert len(women) > 8
    assert shown == [f"Patient/{id_}" for id_ in women]


def test_pages_of_the_book_hold_every_appointment_once_by_start(house: House) -> None:
    shown = [it["id"] for page in _pages(house, BOOK, "appointments", 57) for it in page["nodes"]]

    book = sorted(house.dataset.pms.appointments, key=lambda row: (row["starts_at"], row["id"]))
    assert shown == [f"Appointment/{row['id']}" for row in book]


def test_a_page_tells_where_it_lies(house: House) -> None:
    pages = _pages(house, PATIENTS, "patients", 25)

    assert [len(page["nodes"]) for page in pages] == [25, 25, 10]
    assert [page["pageInfo"]["hasNextPage"] for page in pages] == [True, True, False]
    assert [page["pageInfo"]["hasPreviousPage"] for page in pages] == [False, True, True]
    assert all(page["complete"] for page in pages)
    for page in pages:
        assert [edge["node"] for edge in page["edges"]] == page["nodes"]
        assert page["pageInfo"]["endCursor"]
        assert len({edge["cursor"] for edge in page["edges"]}) == len(page["edges"])


def test_any_rows_cursor_goes_on_from_that_row(house: House) -> None:
    every = [f"Patient/{id_}" for id_ in house.dataset.resources["Patient"]]
    for page in _pages(house, PATIENTS, "patients", 25)[:2]:
        for edge in page["edges"][::6]:
            after = house.data("clinician", PATIENTS, {"first": 25, "after": edge["cursor"]})["patients"]
            begin = every.index(edge["node"]["id"]) + 1
            # The rest of the source's own page: it may be shorter than was asked for, and says so.
            shown = [it["id"] for it in after["nodes"]]
            assert shown == every[begin : begin + len(shown)]
            assert shown or not after["pageInfo"]["hasNextPage"]


def test_lists_inside_a_patient_are_paged_by_their_cursors(house: House) -> None:
    query = """query Page($after: String) { patient(id: "Patient/pat-000001") {
      observations(first: 3, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } }
    } }"""
    shown: list[str] = []
    after, more = None, True
    while more:
        page = house.data("clinician", query, {"after": after})["patient"]["observations"]
        shown += [it["id"] for it in page["nodes"]]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]

    own = {
        f"Observation/{id_}"
        for id_, record in house.dataset.resources["Observation"].items()
        if record["subject"]["reference"] == "Patient/pat-000001"
    }
    assert len(shown) == len(own) > 6
    assert set(shown) == own


@pytest.mark.parametrize(
    ("persona", "variables"),
    [
        ("clinician", {"search": {"gender": "male"}}),
        ("clinician", {"search": None}),
        ("frontdesk", {"search": {"gender": "female"}}),
        ("partner", {"search": None}),
        ("marketer", {}),
        ("patient", {"search": {"gender": "female"}}),
    ],
    ids=str,
)
def test_a_cursor_of_another_search_or_another_reader_is_refused(
    house: House, persona: str, variables: dict[str, Any]
) -> None:
    mine = {"first": 5, "search": {"gender": "female"}}
    cursor = house.data("clinician", PATIENTS, mine)["patients"]["pageInfo"]["endCursor"]
    house.forget()

    answer = house.ask(persona, PATIENTS, {"first": 5, **variables, "after": cursor})

    assert answer["data"] == {"patients": None}
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_USER_INPUT"]
    assert (
        answer["errors"][0]["message"] == "`after` is a cursor of another search; start this one without it"
    )
    assert house.asked_all() == []


def test_a_cursor_of_patients_is_none_of_the_book(house: House) -> None:
    cursor = house.data("clinician", PATIENTS, {"first": 5})["patients"]["pageInfo"]["endCursor"]

    answer = house.ask("clinician", BOOK, {"first": 5, "after": cursor})

    assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_USER_INPUT"]


@pytest.mark.parametrize("after", ["", "x", "at:3", "gAAAAA", "Patient/pat-000001", "ü" * 40, "A" * 5_000])
def test_what_is_no_cursor_is_refused_with_what_to_do(house: House, after: str) -> None:
    answer = house.ask("clinician", PATIENTS, {"first": 5, "after": after})

    assert answer["data"] == {"patients": None}
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"] == "`after` is no cursor of ours; use one that this search gave"


@pytest.mark.parametrize("after", ["", "x", "at:", "at:-1", "at:1.5", "at:٣", "at:99999999999", "3"])
def test_what_is_no_cursor_of_an_inner_list_is_refused(house: House, after: str) -> None:
    query = (
        "query P($a: String) { patients(first: 1) { nodes { id encounters(after: $a) { nodes { id } } } } }"
    )

    answer = house.ask("clinician", query, {"a": after})

    assert answer["data"]["patients"]["nodes"] == [{"id": "Patient/pat-000001", "encounters": None}]
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["path"] == ["patients", "nodes", 0, "encounters"]


def test_a_changed_cursor_is_refused(house: House) -> None:
    cursor = house.data("clinician", PATIENTS, {"first": 5})["patients"]["pageInfo"]["endCursor"]
    for at in (0, 12, len(cursor) // 2, len(cursor) - 3):
        changed = cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :]
        answer = house.ask("clinician", PATIENTS, {"first": 5, "after": changed})
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_USER_INPUT"]


def test_a_cursor_holds_nothing_of_a_record_nor_of_what_was_searched_for(house: House) -> None:
    search = {"family": "A", "identifier": None}
    cursors = [
        edge["cursor"]
        for variables in ({}, {"search": search}, {"search": {"birthDate": "1968-04-12"}})
        for edge in house.data("clinician", PATIENTS, {"first": 3, **variables})["patients"]["edges"]
    ]
    cursors += [
        edge["cursor"]
        for edge in house.data("clinician", BOOK, {"first": 3, "filter": {"patient": "Patient/pat-000001"}})[
            "appointments"
        ]["edges"]
    ]

    assert len(cursors) > 8
    for cursor in cursors:
        for reading in _readings(cursor):
            assert _TELLING.search(reading) is None


_TELLING = re.compile(
    "pat-0|MRN-0|Alvarez|1968-|patient|birth|family|_page|fhir/|Appointment|starts_at", re.IGNORECASE
)
"""What would tell of a person, of the search or of a source's own bookmark."""


def _readings(cursor: str) -> list[str]:
    """The cursor, and what it or any run of its letters is when read as base64, once and twice."""
    found = [cursor.encode()]
    for _ in range(2):
        runs = [run for raw in found for run in re.findall(rb"[A-Za-z0-9+/_-]{16,}", raw)]
        found += [base64.b64decode(run[: len(run) // 4 * 4], altchars=b"-_") for run in runs]
    return [raw.decode("latin-1") for raw in found]


def _pages(
    house: House, query: str, root: str, first: int, variables: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Every page, from the first to the one that has no next."""
    pages: list[dict[str, Any]] = []
    after: str | None = None
    while not pages or pages[-1]["pageInfo"]["hasNextPage"]:
        asked = {"first": first, "after": after, **(variables or {})}
        pages.append(house.data("clinician", query, asked)[root])
        after = pages[-1]["pageInfo"]["endCursor"]
        assert len(pages) <= 100
    return pages
