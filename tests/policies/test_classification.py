"""What a coordinate is, and what it needs, is written down in words that can't be misread."""

from __future__ import annotations

import pytest

from policies import Classified, Coordinate, DataClass, Needs, PrivateScope, Requirement


def test_a_coordinate_reads_as_graphql_writes_it() -> None:
    assert str(Coordinate("Patient", "birthDate")) == "Patient.birthDate"
    assert str(Coordinate("Query", "patient", "id")) == "Query.patient(id:)"


def test_every_data_class_says_what_it_is() -> None:
    meanings = [data.meaning for data in DataClass]

    assert len(set(meanings)) == len(DataClass) == 18
    assert all(meaning.endswith(".") for meaning in meanings)
    assert DataClass.VISIT.value == "visit"


@pytest.mark.parametrize(
    ("text", "any_of"),
    [
        ("Encounter.rs", (Requirement("Encounter", "rs"),)),
        ("__engagement.read", (PrivateScope("engagement", "read"),)),
        ("Patient.r or __engagement.read", (Requirement("Patient", "r"), PrivateScope("engagement", "read"))),
    ],
)
def test_needs_are_read_and_written_alike(text: str, any_of: tuple[Requirement | PrivateScope, ...]) -> None:
    assert Needs.parse(text) == Needs(any_of)
    assert str(Needs.parse(text)) == text
    assert Classified.of(DataClass.VISIT, text) == Classified(DataClass.VISIT, Needs(any_of))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing at all"),
        pytest.param("nothing", id="nothing, in a word"),
        pytest.param("Encounter", id="no permission"),
        pytest.param("Encounter.", id="an empty permission"),
        pytest.param("Encounter.read", id="a v1 permission"),
        pytest.param("Encounter.sr", id="out of order"),
        pytest.param("*.r", id="all types"),
        pytest.param("patient/Encounter.r", id="a scope"),
        pytest.param("Encounter.r or ", id="a dangling or"),
        pytest.param("Encounter.r, Patient.r", id="a comma"),
        pytest.param("engagement.read", id="a private scope without its underscores"),
        pytest.param(" Encounter.r", id="a space before"),
        pytest.param("Encounter.r\n", id="a line feed after"),
    ],
)
def test_needs_that_can_not_be_read_are_refused_so_that_none_is_dropped(text: str) -> None:
    with pytest.raises(ValueError, match="is no requirement; write one such as"):
        Needs.parse(text)


def test_to_need_nothing_must_be_said() -> None:
    assert Needs.NOTHING.any_of == ()
    assert str(Needs.NOTHING) == "nothing"
    assert Classified.of(DataClass.REFERENCE, Needs.NOTHING).needs is Needs.NOTHING
