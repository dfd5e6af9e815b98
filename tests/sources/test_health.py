"""How a source stands, in a word: what keeps calls from it the most."""

from __future__ import annotations

import pytest

from sources.ports import Health, SourceStatus

T = "2026-11-22T12:00:00Z"


@pytest.mark.parametrize(
    ("up", "left_alone_since", "quota_used_up_until", "status"),
    [
        (True, None, None, SourceStatus.ANSWERING),
        (False, None, None, SourceStatus.FAILING),
        (True, None, T, SourceStatus.QUOTA_USED_UP),
        (False, None, T, SourceStatus.QUOTA_USED_UP),
        (False, T, None, SourceStatus.LEFT_ALONE),
        (False, T, T, SourceStatus.LEFT_ALONE),
    ],
)
def test_the_word_says_what_keeps_calls_from_it_the_most(
    up: bool, left_alone_since: str | None, quota_used_up_until: str | None, status: SourceStatus
) -> None:
    health = Health("ehr", "ehr/fhir", up, T, left_alone_since, quota_used_up_until)

    assert health.status is status
