"""A stopped run of the mutants goes on where it was, and no result outlives what it was measured on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants import kept, targets
from tests.mutants.kept import Kept
from tests.mutants.operators import mutants
from tests.mutants.report import Fate
from tests.mutants.targets import Target

PATH = "policies/effects.py"
FIRST, SECOND, *_ = (Target(PATH, each) for each in mutants(targets.source(PATH), {}, words=False))


def test_what_was_killed_is_not_tried_again_and_what_was_not_is(tmp_path: Path) -> None:
    results = tmp_path / "results"
    before = Kept(results, resume=False)
    before.keep(FIRST, Fate.KILLED)
    before.keep(SECOND, Fate.SURVIVED)

    after = Kept(results, resume=True)
    assert (after.fate(FIRST), after.fate(SECOND)) == (Fate.KILLED, None)


@pytest.mark.parametrize("fate", [fate for fate in Fate if fate is not Fate.KILLED])
def test_only_the_last_word_on_a_mutant_holds(tmp_path: Path, fate: Fate) -> None:
    results = tmp_path / "results"
    run = Kept(results, resume=False)
    run.keep(FIRST, Fate.KILLED)
    run.keep(FIRST, fate)

    assert Kept(results, resume=True).fate(FIRST) is None


def test_a_run_that_is_not_resumed_forgets_the_one_before(tmp_path: Path) -> None:
    results = tmp_path / "results"
    Kept(results, resume=False).keep(FIRST, Fate.KILLED)

    assert Kept(results, resume=False).fate(FIRST) is None
    assert results.read_text() == ""


def test_a_line_that_was_cut_off_is_no_result(tmp_path: Path) -> None:
    results = tmp_path / "results"
    Kept(results, resume=False).keep(FIRST, Fate.KILLED)
    results.write_text(results.read_text()[:-3])

    assert Kept(results, resume=True).fate(FIRST) is None
    assert Kept(tmp_path / "none", resume=True).fate(FIRST) is None


def test_what_was_killed_in_another_version_of_the_file_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = tmp_path / "results"
    Kept(results, resume=False).keep(FIRST, Fate.KILLED)

    monkeypatch.setattr(kept, "source", lambda path: targets.source(path) + b"# more\n")
    assert Kept(results, resume=True).fate(FIRST) is None
