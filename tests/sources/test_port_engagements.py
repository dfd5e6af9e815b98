"""The contract of a CRM: the same questions have the same answers in memory and over a real socket."""

from typing import Any

import pytest

from sources.crm.care_key import CareKeys
from sources.memory import MemoryEngagements
from sources.model import CareKey, Engagement, PatientId
from tests.sources.practice import Served, engagements

pytestmark = pytest.mark.anyio

ALL = frozenset(Engagement.__struct_fields__)
CARE_KEY = CareKeys(b"sandbox-care-key")
KEYS = [CARE_KEY(PatientId(f"pat-{n:06}")) for n in range(1, 31)]


@pytest.fixture(params=["memory", "hubspot"])
def relationships(request: pytest.FixtureRequest, served: Served) -> Any:
    if request.param == "memory":
        return MemoryEngagements(engagements(served.dataset))
    return request.getfixturevalue("crm")


async def test_engagements_are_found_by_the_opaque_key_and_others_are_absent(
    relationships: Any, served: Served
) -> None:
    expected = {row.care_key: row for row in engagements(served.dataset)}
    found = await relationships.engagements([*KEYS, CareKey("f" * 40)], ALL)

    assert found == expected
    assert 0 < len(found) < len(KEYS)  # a few patients have no contact


async def test_nobody_is_found_for_no_keys(relationships: Any) -> None:
    assert await relationships.engagements([], ALL) == {}


async def test_a_crm_says_who_it_is_and_answers_a_check(relationships: Any) -> None:
    await relationships.check()
    health = relationships.health()

    assert (health.name, health.kind, health.up) == ("crm", "crm", True)
