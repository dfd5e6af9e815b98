"""A few mutants of the loaders, drawn alike each time: none survives that is not explained."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants.report import Fate
from tests.mutants.targets import LOADERS, ROOT

HOW_MANY = 40


@pytest.mark.deep
@pytest.mark.timeout(1_200)
def test_of_a_sample_of_the_loaders_mutants_none_survives_unexplained(tmp_path: Path) -> None:
    results = tmp_path / "results"
    command = ["-m", "tests.mutants", f"--sample={HOW_MANY}", "--seed=7", f"--results={results}", *LOADERS]

    ran = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stdout[-4_000:] + ran.stderr[-4_000:]
    assert f"\n{HOW_MANY} mutants in " in ran.stdout
    fates = results.read_text()
    assert fates.count(f'"{Fate.KILLED.value}"') > HOW_MANY * 0.8
