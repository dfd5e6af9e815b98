"""The appointment book: search and pages against the plainest search there is; admission by the clock."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.admission import ClientCredentials, RateLimit, basic
from sandbox.bodies import Unreadable
from sandbox.pms.book import AppointmentBook
from sandbox.pms.queries import AppointmentSearch
from sandbox.records import Json

MRNS = ["A", "B", "C"]
VISITS = ["V1", "V2"]
NPIS = ["1", "2"]
STATUSES = ["scheduled", "confirmed", "no_show"]

times = st.integers(1, 4).map(lambda day: f"2026-12-0{day}T10:00:00")
moments = times.map(datetime.fromisoformat)


def rows() -> st.SearchStrategy[list[Json]]:
    row = st.fixed_dictionaries(
        {
            "id": st.integers(1, 30),
            "patient": st.sampled_from(MRNS).map(lambda mrn: {"mrn": mrn}),
            "practitioner": st.sampled_from(NPIS).map(lambda npi: {"npi": npi}),
            "visit_number": st.sampled_from([None, *VISITS]),
            "status": st.sampled_from(STATUSES),
            "starts_at": times,
            "updated_at": times,
        }
    )
    return st.lists(row, max_size=20, unique_by=lambda one: one["id"])


def some(values: list[Any]) -> st.SearchStrategy[list[Any] | None]:
    return st.none() | st.lists(st.sampled_from(values), max_size=4)


searches = st.builds(
    AppointmentSearch,
    ids=some(list(range(1, 31))),
    patient_mrns=some(MRNS),
    visit_numbers=some(VISITS),
    practitioner_npis=some(NPIS),
    statuses=some(STATUSES),
    starts_from=st.none() | moments,
    starts_before=st.none() | moments,
    updated_since=st.none() | moments,
    order=st.sampled_from(["starts_at", "-starts_at", "updated_at"]),
    limit=st.integers(1, 6),
)


def wanted(row: Json, asked: AppointmentSearch) -> bool:
    starts, updated = (datetime.fromisoformat(row[name]) for name in ("starts_at", "updated_at"))
    return not (
        (asked.ids is not None and row["id"] not in asked.ids)
        or (asked.patient_mrns is not None and row["patient"]["mrn"] not in asked.patient_mrns)
        or (asked.visit_numbers is not None and row["visit_number"] not in asked.visit_numbers)
        or (asked.practitioner_npis is not None and row["practitioner"]["npi"] not in asked.practitioner_npis)
        or (asked.statuses is not None and row["status"] not in asked.statuses)
        or (asked.starts_from is not None and starts < asked.starts_from)
        or (asked.starts_before is not None and starts >= asked.starts_before)
        or (asked.updated_since is not None and updated < asked.updated_since)
    )


@given(rows(), searches)
def test_the_pages_of_a_search_hold_each_matching_row_once_and_in_order(
    rows: list[Json], asked: AppointmentSearch
) -> None:
    book = AppointmentBook(rows, "America/Chicago")

    pages: list[list[Json]] = []
    cursor: str | None = None
    while not pages or cursor is not None:
        fields = {name: getattr(asked, name) for name in AppointmentSearch.__struct_fields__}
        page = book.search(AppointmentSearch(**{**fields, "cursor": cursor}))
        pages.append(page.appointments)
        cursor = page.next_cursor

    by = asked.order.removeprefix("-")
    expected = sorted(
        (row for row in rows if wanted(row, asked)),
        key=lambda row: (row[by], row["id"]),
        reverse=asked.order.startswith("-"),
    )
    assert [row for page in pages for row in page] == expected
    assert all(len(page) == asked.limit for page in pages[:-1])


@given(st.text(max_size=60))
def test_a_made_up_cursor_is_refused_and_never_guessed_at(cursor: str) -> None:
    book = AppointmentBook([], "America/Chicago")

    with pytest.raises(Unreadable, match="start again without it"):
        book.search(AppointmentSearch(cursor=cursor))


def test_a_token_holds_for_its_lifetime_and_not_a_second_longer() -> None:
    clock = [0.0]
    client = ClientCredentials("id", "secret", lifetime_s=10, now=lambda: clock[0])
    header = f"Bearer {client.issue()}"

    clock[0] = 9.9
    assert client.accepts(header)
    clock[0] = 10.0
    assert not client.accepts(header)


def test_a_rate_limit_opens_again_when_its_window_is_over() -> None:
    clock = [0.0]
    rate = RateLimit(1, 10, now=lambda: clock[0])

    assert rate.take().retry_after_s is None
    clock[0] = 2.5
    assert rate.take().retry_after_s == 8
    clock[0] = 10.0
    assert rate.take().retry_after_s is None


def test_a_rate_of_nothing_is_no_rate() -> None:
    with pytest.raises(ValueError, match="at least one request"):
        RateLimit(0, 1)


@pytest.mark.parametrize(
    ("header", "pair"),
    [
        ("Basic Y2FyZTpncmFwaA==", ("care", "graph")),
        ("basic Y2FyZTpncmFwaA==", ("care", "graph")),
        ("Basic YSUyNWI6YyUzQWQ=", ("a%b", "c:d")),
        ("Basic !", None),
        ("Basic /////w==", None),
        ("Bearer Y2FyZTpncmFwaA==", None),
        (None, None),
    ],
)
def test_a_basic_header_gives_id_and_secret(header: str | None, pair: tuple[str, str] | None) -> None:
    assert basic(header) == pair
