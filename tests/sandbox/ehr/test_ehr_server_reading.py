"""How the stand-in EHR reads what it is asked: dates, tokens, names, whatever a client may send."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.dataset import generate
from sandbox.ehr.dates import COMPARISONS, Interval, interval, interval_of_element, split_prefix
from sandbox.ehr.matching import _plain
from sandbox.ehr.outcomes import Refusal
from sandbox.ehr.parameters import PARAMETERS
from sandbox.ehr.query import query_of, split_or, split_token
from sandbox.ehr.references import target
from sandbox.ehr.search import matches
from sandbox.ehr.store import Store

CHICAGO = ZoneInfo("America/Chicago")
STORE = Store(generate(8).resources, "http://ehr.example/fhir", CHICAGO)
INSTANTS = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026", "2026-01-01T06:00Z", "2027-01-01T06:00Z"),
        ("2026-02", "2026-02-01T06:00Z", "2026-03-01T06:00Z"),
        ("2026-12", "2026-12-01T06:00Z", "2027-01-01T06:00Z"),
        ("2026-03-08", "2026-03-08T06:00Z", "2026-03-09T05:00Z"),
        ("2026-07-01T10:30", "2026-07-01T15:30Z", "2026-07-01T15:31Z"),
        ("2026-07-01T10:30:05", "2026-07-01T15:30:05Z", "2026-07-01T15:30:06Z"),
        ("2026-07-01T10:30:05+02:00", "2026-07-01T08:30:05Z", "2026-07-01T08:30:06Z"),
        ("2026-07-01T10:30:05.250Z", "2026-07-01T10:30:05.250Z", "2026-07-01T10:30:05.250001Z"),
    ],
)
def test_a_date_is_as_long_as_it_is_imprecise(text: str, start: str, end: str) -> None:
    found = interval(text, CHICAGO)

    assert (found.start, found.end) == (datetime.fromisoformat(start), datetime.fromisoformat(end))


@pytest.mark.parametrize(
    "text", ["", "x", "2026-1", "2026-02-30", "20260201", "2026-W05", "10:30", "9999", "0000"]
)
def test_what_is_no_date_is_said_to_be_none_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"^not a FHIR date$"):
        interval(text, UTC)


@given(st.text())
def test_any_text_is_a_date_or_a_value_error(text: str) -> None:
    try:
        found = interval(text, UTC)
    except ValueError:
        return
    assert found.start < found.end


@given(INSTANTS, INSTANTS)
def test_an_instant_is_before_at_or_after_a_day(found_at: datetime, asked_at: datetime) -> None:
    day = interval(asked_at.date().isoformat(), UTC)
    moment = Interval(found_at, found_at + timedelta(microseconds=1))

    holds = {name: compare(day, moment) for name, compare in COMPARISONS.items()}

    before, after = found_at < day.start, found_at >= day.end
    assert holds["lt"] == holds["eb"] == before
    assert holds["gt"] == holds["sa"] == after
    assert holds["eq"] == holds["ap"] == (not before and not after)
    assert holds["ne"] != holds["eq"]
    assert holds["ge"] == (holds["gt"] or holds["eq"])
    assert holds["le"] == (holds["lt"] or holds["eq"])


@pytest.mark.parametrize("element", [None, 7, {}, {"start": 7}, {"start": "soon"}, ["2026"], "never"])
def test_an_element_that_holds_no_date_matches_no_date(element: object) -> None:
    assert interval_of_element(element, UTC) is None


def test_a_period_without_an_end_goes_on() -> None:
    open_ended = interval_of_element({"start": "2026-01-01"}, UTC)
    later = interval("2030-01-01", UTC)

    assert open_ended is not None
    assert open_ended.overlaps(later)


def test_a_prefix_is_parted_from_its_date() -> None:
    assert split_prefix("ge2026") == ("ge", "2026")
    assert split_prefix("2026") == ("eq", "2026")


def test_escaped_signs_do_not_separate() -> None:
    assert split_or(r"a\,b,c") == (r"a\,b", "c")
    assert split_token(r"urn:x\|y|a\,b") == ("urn:x|y", "a,b")
    assert split_token(r"a\|b") == (None, "a|b")


@pytest.mark.parametrize("text", ["Nguyễn", "NGUYÊN", "nguyen"])
def test_names_compare_without_case_and_accents(text: str) -> None:
    assert _plain(text) == "nguyen"


def identified(type_: str, identifier: str) -> list[str]:
    return {"urn:a|1": ["one"], "urn:a|2": ["one", "two"]}.get(identifier, [])


@pytest.mark.parametrize(
    ("reference", "points_to"),
    [
        ({"reference": "Patient/p1"}, "Patient/p1"),
        ({"reference": "Patient/p1/_history/2"}, "Patient/p1"),
        ({"reference": "http://here/fhir/Patient/p1"}, "Patient/p1"),
        ({"reference": "http://elsewhere/fhir/Patient/p1"}, "http://elsewhere/fhir/Patient/p1"),
        ({"reference": "urn:uuid:1"}, "urn:uuid:1"),
        ({"reference": "#inside"}, None),
        ({"reference": "Patient?identifier=urn:a|1"}, "Patient/one"),
        ({"reference": "Patient?identifier=urn%3Aa%7C1"}, "Patient/one"),
        ({"reference": "Patient?identifier=urn:a|2"}, None),
        ({"reference": "Patient?identifier=urn:a|3"}, None),
        ({"reference": "Patient?name=Alvarez"}, None),
        ({"display": "someone"}, None),
        ({"reference": 7}, None),
        ("Patient/p1", None),
    ],
)
def test_where_a_reference_points(reference: object, points_to: str | None) -> None:
    assert target(reference, "http://here/fhir", identified) == points_to


NAMES = sorted({name for of_type in PARAMETERS.values() for name in of_type})
CONTROLS = (
    "_id",
    "_lastUpdated",
    "_count",
    "_sort",
    "_elements",
    "_include",
    "_total",
    "_summary",
    "_format",
)
MODIFIERS = ("", "", "", ":not", ":missing", ":exact", ":contains", ":identifier", ":Patient", ":", "::")
VALUES = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["pat-000001", "Patient/pat-000001", "ge2026-01-01", "true", "|", "\\", ",", "a|b", "urn:x|", "10"]
    ),
)


@given(
    st.sampled_from(sorted(PARAMETERS)),
    st.lists(
        st.tuples(
            st.builds(str.__add__, st.sampled_from([*NAMES, *CONTROLS]), st.sampled_from(MODIFIERS)), VALUES
        ),
        max_size=4,
    ),
    st.booleans(),
)
def test_any_search_is_answered_or_refused(type_: str, pairs: list[tuple[str, str]], strict: bool) -> None:
    try:
        found = matches(STORE, query_of(type_, pairs, strict))
    except Refusal as refusal:
        status = refusal.status
    else:
        status = 200
        assert len(found) == len(set(found))
        assert all(STORE.get(type_, id_) for id_ in found)
    assert status in (200, 400)


@given(st.data())
def test_indexes_and_tests_agree(data: st.DataObject) -> None:
    """A search by patient finds the same whether an index leads to it or each resource is looked at."""
    patients = data.draw(st.lists(st.sampled_from(sorted(STORE.ids("Patient"))), min_size=1, max_size=4))
    wanted = {f"Patient/{id_}" for id_ in patients}
    looked_at = [
        id_
        for id_ in STORE.ids("Encounter")
        if (it := STORE.get("Encounter", id_)) and it["subject"]["reference"] in wanted
    ]

    led_to = matches(STORE, query_of("Encounter", [("patient", ",".join(patients))]))

    assert sorted(led_to) == sorted(looked_at)
