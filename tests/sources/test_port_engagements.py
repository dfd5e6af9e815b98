"""The contract of a CRM: the same questions have the same answers in memory and over a real socket."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from msgspec.structs import replace

from sources.crm.care_key import CareKeys
from sources.memory import MemoryEngagements
from sources.model import CareKey, Engagement, Owner, PatientId
from tests.sources.practice import Served, engagements

pytestmark = pytest.mark.anyio

ALL = frozenset(Engagement.__struct_fields__)
CARE_KEY = CareKeys(b"sandbox-care-key")
KEYS = [CARE_KEY(PatientId(f"pat-{n:06}")) for n in range(1, 31)]


FIXTURES = {
    "hubspot": "crm",
    "salesforce": "salesforce",
    "dynamics": "dynamics",
    "dynamics, in batches": "dynamics_in_batches",
    "an example": "hearth",
}
OWNER_IDS: dict[str, Callable[[str], str]] = {
    "salesforce": lambda number: f"005{int(number):012}AAA",
    "dynamics": lambda number: f"00000000-0000-4000-8001-{int(number):012}",
}
"""How a CRM numbers the people who work there, by their numbers in the data set; the others use these."""


@pytest.fixture(params=["memory", *FIXTURES])
def vendor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def relationships(vendor: str, request: pytest.FixtureRequest, served: Served) -> Any:
    if vendor == "memory":
        return MemoryEngagements(engagements(served.dataset))
    return request.getfixturevalue(FIXTURES[vendor])


def compared(row: Engagement) -> Engagement:
    """*row* with its instant written in one of the ways there are."""
    return replace(row, last_touch=row.last_touch and datetime.fromisoformat(row.last_touch).isoformat())


def as_known_to(vendor: str, row: Engagement) -> Engagement:
    number = OWNER_IDS.get(vendor.partition(",")[0], str)
    return replace(row, owner=row.owner and Owner(id=number(row.owner.id), name=row.owner.name))


async def test_engagements_are_found_by_the_opaque_key_and_others_are_absent(
    relationships: Any, vendor: str, served: Served
) -> None:
    expected = {row.care_key: compared(as_known_to(vendor, row)) for row in engagements(served.dataset)}
    found = await relationships.engagements([*KEYS, CareKey("f" * 40)], ALL)

    assert {key: compared(row) for key, row in found.items()} == expected
    assert 0 < len(found) < len(KEYS)  # a few patients have no contact


async def test_nobody_is_found_for_no_keys(relationships: Any) -> None:
    assert await relationships.engagements([], ALL) == {}


async def test_a_crm_says_who_it_is_and_answers_a_check(relationships: Any) -> None:
    await relationships.check()
    health = relationships.health()

    assert (health.name, health.kind, health.up) == ("crm", "crm", True)


@pytest.mark.parametrize("vendor", FIXTURES, indirect=True)
async def test_only_what_is_wanted_is_read(relationships: Any, served: Served) -> None:
    scores = {row.care_key: row.score for row in engagements(served.dataset)}

    found = await relationships.engagements(KEYS, frozenset({"score"}))

    assert found == {key: Engagement(care_key=key, score=scores[key]) for key in found}
    assert found.keys() == scores.keys()
