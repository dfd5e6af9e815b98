"""FHIR search parameters over records in memory: tokens, references, and dates of every precision."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.memory.narrowing import UnknownParameter, passes
from sources.model import (
    CodeableConcept,
    Coding,
    DocumentContext,
    DocumentReference,
    Encounter,
    Meta,
    Observation,
    Period,
    Reference,
)
from sources.ports import Narrowing


def observed(text: str) -> Observation:
    return Observation(id="o1", effective_date_time=text)


@pytest.mark.parametrize(
    ("value", "passing"),
    [
        ("vital-signs", True),
        ("s|vital-signs", True),
        ("s|", True),
        ("t|vital-signs", False),
        ("|vital-signs", False),
        ("|local", True),
        ("local", True),
        ("vital", False),
    ],
)
def test_a_token_is_a_code_with_or_without_its_system(value: str, passing: bool) -> None:
    concepts = (
        CodeableConcept(coding=(Coding(system="s", code="vital-signs"),)),
        CodeableConcept(coding=(Coding(code="local"),)),
    )
    narrowing = Narrowing((("category", (value,)),))

    assert passes(Observation(id="o1", category=concepts), narrowing) == passing


def test_values_are_alternatives_and_all_names_must_match() -> None:
    row = Encounter(id="e1", status="finished", class_=Coding(code="VR"))

    assert passes(row, Narrowing((("status", ("planned", "finished")), ("class", ("VR",)))))
    assert not passes(row, Narrowing((("status", ("planned", "finished")), ("class", ("AMB",)))))
    assert not passes(row, Narrowing((("status", ("planned",)), ("class", ("VR",)))))
    assert passes(row, Narrowing())


@pytest.mark.parametrize("value", ["Encounter/e1", "e1"])
def test_an_encounter_is_named_in_the_record_or_in_its_context(value: str) -> None:
    reference = Reference(reference="Encounter/e1")
    narrowing = Narrowing((("encounter", (value,)),))

    assert passes(Observation(id="o1", encounter=reference), narrowing)
    assert passes(DocumentReference(id="d1", context=DocumentContext(encounter=(reference,))), narrowing)
    assert not passes(Observation(id="o1", encounter=Reference(reference="Encounter/e2")), narrowing)
    assert not passes(DocumentReference(id="d1"), narrowing)


def test_a_parameter_nobody_knows_is_an_error_and_not_a_match() -> None:
    with pytest.raises(UnknownParameter, match=r"^flavour$"):
        passes(observed("2026"), Narrowing((("flavour", ("x",)),)))


@pytest.mark.parametrize(
    ("found", "value", "passing"),
    [
        ("2026-11-20T10:00:00Z", "2026", True),
        ("2026-11-20T10:00:00Z", "2026-11", True),
        ("2026-11-20T10:00:00Z", "eq2026-11-20", True),
        ("2026-11-20T10:00:00Z", "2026-11-21", False),
        ("2026-11-20T23:00:00-05:00", "2026-11-20", False),
        ("2026-11", "2026-11-20", False),
        ("2026-11", "2026", True),
        ("2026-11-20", "ge2026-11-20", True),
        ("2026-11-20", "gt2026-11-20", False),
        ("2026-11-20", "le2026-11-20", True),
        ("2026-11-20", "lt2026-11-20", False),
        ("2026-11-20", "lt2026-11-21", True),
        ("2026-12-31", "2026-12", True),
        ("2027-01-01", "2026-12", False),
        ("2026-11-20", "soon", False),
    ],
)
def test_a_date_covers_what_its_precision_says(found: str, value: str, passing: bool) -> None:
    assert passes(observed(found), Narrowing((("date", (value,)),))) == passing


def test_a_period_may_be_open() -> None:
    running = Encounter(id="e1", period=Period(start="2026-11-20T10:00:00Z"))
    ages_ago = Encounter(id="e2", period=Period(end="1999"))

    assert passes(running, Narrowing((("date", ("ge2030",)),)))
    assert not passes(running, Narrowing((("date", ("lt2026-11-20",)),)))
    assert passes(ages_ago, Narrowing((("date", ("lt1900",)),)))
    assert not passes(Encounter(id="e3"), Narrowing((("date", ("ge1900",)),)))


def test_an_update_is_found_by_when_it_was() -> None:
    row = Encounter(id="e1", meta=Meta(last_updated="2026-11-20T10:00:00Z"))

    assert passes(row, Narrowing((("_lastUpdated", ("ge2026-11-20T10:00:00Z",)),)))
    assert not passes(row, Narrowing((("_lastUpdated", ("gt2026-11-20T10:00:00Z",)),)))


moments = st.datetimes(datetime(1990, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(moments, st.integers(-3, 3))
def test_instants_compare_as_instants(moment: datetime, hours: int) -> None:
    other = moment + timedelta(hours=hours)
    row = observed(moment.isoformat())
    found = {
        prefix: passes(row, Narrowing((("date", (f"{prefix}{other.isoformat()}",)),)))
        for prefix in ("eq", "ge", "gt", "le", "lt")
    }

    assert found == {
        "eq": moment == other,
        "ge": moment >= other,
        "gt": moment > other,
        "le": moment <= other,
        "lt": moment < other,
    }
