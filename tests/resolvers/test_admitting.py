"""A search is narrowed by what one search can say, and never asks for less than the actor may know of."""

from __future__ import annotations

import pytest

from policies import RowRule
from policies.rows import Clause
from resolvers.admitting import confined_to, narrowed, nothing, of_encounter
from sources.errors import SourceUnavailable
from sources.model import PatientId, Visit
from sources.ports import Listed, Narrowing
from tests.policies.people import ANA, BEN
from tests.resolvers.office import observation

ASKED = Narrowing((("date", ("ge2026",)),))

Alternative = tuple[tuple[str, str], ...]


def rule(
    *, narrowing: tuple[Alternative, ...] | None = None, clauses: tuple[Clause, ...] = (), patient: str = ANA
) -> RowRule:
    return RowRule(False, frozenset(), narrowing, clauses, PatientId(patient))


@pytest.mark.parametrize(
    ("alternatives", "pushed"),
    [
        pytest.param(None, (), id="rows can't be narrowed"),
        pytest.param((), (), id="no row is admitted"),
        pytest.param(
            ((("category", "a"), ("code", "b")),),
            (("category", ("a",)), ("code", ("b",))),
            id="one alternative: all its parameters",
        ),
        pytest.param(
            ((("category", "a"),), (("category", "b"),)),
            (("category", ("a", "b")),),
            id="alternatives of one parameter: its values",
        ),
        pytest.param(
            ((("category", "a"),), (("code", "b"),)),
            (),
            id="alternatives of two parameters: no search says so",
        ),
        pytest.param(
            ((("category", "a"), ("category", "b")), (("category", "c"),)),
            (),
            id="one of which asks for two values at once",
        ),
    ],
)
def test_what_one_search_can_say_is_pushed_beside_what_was_asked(
    alternatives: tuple[Alternative, ...] | None, pushed: tuple[tuple[str, tuple[str, ...]], ...]
) -> None:
    assert narrowed(ASKED, rule(narrowing=alternatives)) == Narrowing((*ASKED.parameters, *pushed))


@pytest.mark.parametrize(
    ("clauses", "patient"),
    [
        pytest.param((), None, id="none: there is nothing to ask for"),
        pytest.param((Clause(True),), ANA, id="bound to the patient"),
        pytest.param((Clause(True), Clause(True, (("category", "a"),))), ANA, id="all bound to the patient"),
        pytest.param((Clause(True), Clause(False)), None, id="one of several goes further"),
    ],
)
def test_a_search_is_confined_to_one_patient_only_where_no_other_can_be_admitted(
    clauses: tuple[Clause, ...], patient: PatientId | None
) -> None:
    assert confined_to(rule(clauses=clauses)) == patient


def test_the_rows_of_an_encounter_are_those_that_name_it() -> None:
    here, there = observation("1", ANA, "lab", "e-1"), observation("2", ANA, "lab", "e-2")
    nowhere = observation("3", ANA, "lab")
    lost = SourceUnavailable("ehr", "down")
    visit = Visit(ANA, "e-1")

    assert of_encounter(Listed((here, there, nowhere)), visit) == Listed((here,))
    assert of_encounter(Listed((there,), False, (lost,)), visit) == Listed((), False, (lost,))
    assert of_encounter(lost, Visit(BEN, "e-1")) is lost


def test_a_page_of_nothing_promises_nothing() -> None:
    page = nothing()

    assert (list(page.nodes), page.has_next_page, page.has_previous_page, page.complete) == (
        [],
        False,
        False,
        True,
    )
    assert page.start_cursor is page.end_cursor is None
