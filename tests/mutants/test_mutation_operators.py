"""The mutants of a source: every condition, return and entry of a table, and nothing that is no rule."""

from __future__ import annotations

from textwrap import dedent

import pytest

from tests.mutants.operators import enums_of, mutants
from tests.mutants.report import Fate, explained, report, sample, told
from tests.mutants.targets import Target, source


def mutated(text: str, *, words: bool = False) -> set[str]:
    source = dedent(text).encode()
    return {
        mutant.applied(source).decode().strip() for mutant in mutants(source, enums_of([source]), words=words)
    }


@pytest.mark.parametrize(
    ("source", "after"),
    [
        pytest.param("x = a < b", {"x = a <= b", "x = a >= b"}, id="a comparison"),
        pytest.param("x = a not in b", {"x = a in b"}, id="a membership"),
        pytest.param(
            "x = (a and b)", {"x = ((a or b))", "x = ((b))", "x = ((a))"}, id="a condition of several"
        ),
        pytest.param("x = not a", {"x = bool(a)"}, id="a negation"),
        pytest.param("x = (1,)", {"x = ()", "x = (2,)"}, id="a table of one line"),
        pytest.param("x = {a: b, c: d}", {"x = {c: d}", "x = {a: b}"}, id="a table"),
        pytest.param("x = f({a})", {"x = f(set())"}, id="a set of one"),
        pytest.param("x = any(y)", {"x = all(y)"}, id="one of many"),
        pytest.param(
            "x = loader(('a', b, c), d)", {"x = loader(('a', b,), d)", "x = loader(('a', c,), d)"}, id="a key"
        ),
        pytest.param("x = cast('a', b)", set(), id="a type"),
        pytest.param("class E(Enum):\n    A = 0\n    B = 1", set(), id="an enum's numbers"),
        pytest.param("x = ALLOW", {"x = DENY"}, id="an effect"),
        pytest.param(
            "x = 'a b'.split()", {"x = 'b'.split()", "x = 'a'.split()", "x = 'XXa b'.split()"}, id="words"
        ),
        pytest.param("x: TypeAlias = a | b", set(), id="an alias of types"),
        pytest.param("x: int | None = y", set(), id="an annotation"),
        pytest.param("x = 'Prose ends in a point.'", set(), id="prose"),
        pytest.param("'Prose'", set(), id="a docstring"),
    ],
)
def test_each_rule_of_a_statement_is_mutated_and_what_is_none_is_not(source: str, after: set[str]) -> None:
    assert mutated(source) == after


def test_a_return_is_let_through_and_turned_round() -> None:
    source = "def f(a):\n    return a == 1"

    assert mutated(source) == {
        source.replace("a == 1", other) for other in ("True", "False", "a != 1", "a == 2")
    }


def test_a_row_check_is_passed_by() -> None:
    source = (
        "async def f():\n    kept = await gate.found(await read(x), owner)\n    y = [*filter(good, kept)]"
    )

    assert mutated(source) == {
        source.replace("await gate.found(await read(x), owner)", "(await read(x))"),
        source.replace("filter(good, kept)", "kept"),
        source.replace("[*filter(good, kept)]", "[]"),
    }


def test_a_member_of_an_enum_becomes_the_next() -> None:
    source = "class E(Enum):\n    A = a\n    B = b\nx = E.B"

    assert mutated(source) == {source.replace("E.B", "E.A")}


def test_each_word_of_a_list_is_left_out_in_a_deep_run() -> None:
    assert mutated("x = 'A1 B2 C3'", words=True) == {"x = 'B2 C3'", "x = 'A1 C3'", "x = 'A1 B2'"}


def test_a_mutant_knows_the_function_that_can_be_swapped_and_what_is_run_on_import() -> None:
    source = b"x = 1\n\n@wrapped\ndef f(y=2):\n    return lambda: 3\n"

    at = {mutant.text: mutant.function for mutant in mutants(source, {}, words=False)}
    assert at == {"2": None, "3": None, "None": 3, "4": 3}


def test_a_survivor_is_well_where_a_document_explains_that_very_change() -> None:
    path = "policies/effects.py"
    first, second, *_ = (Target(path, mutant) for mutant in mutants(source(path), {}, words=False))
    known = explained(f"Because.\n\n```diff\n{told(first)}\n```\n")

    assert report([(first, Fate.SURVIVED), (second, Fate.KILLED)], known)[1]
    text, is_well = report([(first, Fate.SURVIVED), (second, Fate.SURVIVED)], known)
    assert not is_well
    assert "| policies: tables, and what runs on import | 2 | 0 | 0 | 0 | 1 | 1 | 0.0 % |" in text


def test_a_score_with_mutants_that_were_not_tried_is_none_of_the_whole() -> None:
    path = "policies/effects.py"
    first, second, *_ = (Target(path, mutant) for mutant in mutants(source(path), {}, words=False))

    text, is_well = report([(first, Fate.KILLED), (second, Fate.NOT_TRIED)], frozenset())
    assert not is_well
    assert "| 2 | 1 | 1 | 0 | 0 | 0 | 100.0 % |" in text
    assert "| 1 | 1 | 0 | 0 | 0 | 0 | none |" in report([(first, Fate.NOT_TRIED)], frozenset())[0]


def test_a_sample_is_the_same_each_time_whatever_else_there_is() -> None:
    path = "policies/times.py"
    all_ = [Target(path, mutant) for mutant in mutants(source(path), {}, words=False)]
    drawn = sample(all_, 5, seed=7)

    assert drawn == sample(all_[::-1], 5, seed=7)
    assert len(drawn) == 5
    assert sample([one for one in all_ if one is not drawn[0]], 4, seed=7) == drawn[1:]
    assert sample(all_, 5, seed=8) != drawn
