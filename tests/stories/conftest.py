"""The houses the stories happen in; each is started once, and shared by those that leave it as it was."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from sandbox.dataset import generate
from tests.stories.house import NEVER_S, House, running

__all__ = ["PATIENTS", "TODAY", "House", "house", "running"]

TODAY = date(2026, 11, 22)
PATIENTS = 60


@pytest.fixture(scope="session")
def house() -> Iterator[House]:
    """The house over sixty made-up patients. Nothing in it changes."""
    with running(generate(PATIENTS, today=TODAY), poll_seconds=NEVER_S) as made:
        yield made
