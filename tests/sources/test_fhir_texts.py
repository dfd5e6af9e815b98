"""Dates, ids and references of a page are looked at together, and a bad one costs its row alone."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.fhir.bundles import page_reader
from sources.fhir.elements import RESOURCES
from sources.fhir.primitives import DATE_TIME
from sources.model import Encounter, Resource
from tests.sources.practice import Served
from tests.sources.test_fhir_wire import CONSENT

ELEMENTS = "id,meta,period,subject"
WITHOUT_TEXTS = {"Location", "Organization"}
"""Of these nothing is read that is a date, a time or an id, but for their own."""
GOOD = "2026-02-28T12:00:00Z"

texts = st.one_of(
    st.sampled_from(["2026", "2026-02", "2026-02-28", GOOD, "2024-02-29", "enc-1"]),
    st.sampled_from(["2026-02-29", "2026-13", "2026-04-31", "", "\n", f"{GOOD}\n", f"{GOOD}\n{GOOD}"]),
    st.sampled_from(["2026-02-28T24:00:00Z", "2026-02-28T12:00:00+14:30", "2026-02-28T12:00:00", "a b", "ä"]),
    st.from_regex(DATE_TIME),
    st.text(max_size=30),
)


def encounter(start: str, number: int) -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "id": f"e{number}",
        "meta": {"security": [{"code": "R"}]},
        "subject": {"reference": "Patient/p1"},
        "period": {"start": start},
    }


def bundle(*resources: dict[str, Any]) -> bytes:
    entries = [{"resource": resource} for resource in resources]
    return json.dumps({"resourceType": "Bundle", "type": "searchset", "entry": entries}).encode()


@given(starts=st.lists(texts, max_size=6))
def test_a_page_is_read_as_if_each_of_its_rows_were_read_by_itself(starts: list[str]) -> None:
    reader = page_reader(Encounter, ELEMENTS)
    rows = [encounter(start, number) for number, start in enumerate(starts)]

    page = reader.read(bundle(*rows))

    alone = [reader.read_one(json.dumps(row).encode()) for row in rows]
    assert [row.id for row in page.rows] == [row.id for one in alone for row in one.rows]
    assert page.unread == [row for one in alone for row in one.unread]


def test_a_text_of_two_lines_does_not_pass_for_two_texts() -> None:
    page = page_reader(Encounter, ELEMENTS).read(bundle(encounter(f"{GOOD}\n{GOOD}", 1), encounter(GOOD, 2)))

    assert [row.id for row in page.rows] == ["e2"]
    assert [(row.why, row.identity.id) for row in page.unread] == [
        ("Encounter.period.start: malformed", "e1")
    ]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where in *value* its texts are."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from places(each, (*path, key))
    if isinstance(value, str):
        yield path


def spoiled(value: Any, path: tuple[Any, ...]) -> Any:
    """*value* with a text in it that is no date, no time and no id."""
    if not path:
        return f"{value}\n"
    copy = value.copy()
    copy[path[0]] = spoiled(copy[path[0]], path[1:])
    return copy


@pytest.mark.parametrize("kind", RESOURCES.values(), ids=lambda kind: kind.__name__)
def test_wherever_a_text_is_spoiled_its_row_is_refused_or_read_as_by_itself(
    kind: type[Resource], served: Served
) -> None:
    fields = msgspec.structs.fields(kind)
    reader = page_reader(kind, ",".join(field.encode_name for field in fields))
    held = list(served.dataset.resources.get(kind.__name__, {}).values()) or [CONSENT]
    whole = max(held[:50], key=lambda resource: len(json.dumps(resource)))
    found = 0
    for path in places(whole):
        if path in {("resourceType",), ("id",)}:
            continue
        row = spoiled(whole, path)

        page = reader.read(bundle(row, whole))

        alone = reader.read_one(json.dumps(row).encode())
        found += len(alone.unread)
        assert (len(page.rows) - 1, page.unread) == (len(alone.rows), alone.unread), path
    assert found > 0 or kind.__name__ in WITHOUT_TEXTS
