"""The parts of a page are looked at together, and a bad one costs its row alone."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.fhir.bundles import page_reader
from sources.fhir.elements import RESOURCES
from sources.fhir.primitives import DATE_TIME
from sources.fhir.wire import inspected
from sources.model import Encounter, Observation, Resource
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


def test_of_two_pages_that_are_read_at_the_same_time_the_bad_one_is_refused() -> None:
    wire, inspection = inspected(Encounter, frozenset(ELEMENTS.split(",")))
    bad, good = (json.dumps(encounter(start, 1)).encode() for start in ("2026-02-30", GOOD))
    is_decoded, is_read = Event(), Event()

    def read_good() -> Any:
        is_decoded.wait()
        row = inspection.read(lambda: msgspec.json.decode(good, type=wire))
        is_read.set()
        return row

    def decode_bad() -> Any:
        row = msgspec.json.decode(bad, type=wire)
        is_decoded.set()
        is_read.wait(0.2)  # it cannot be, before this one is done with
        return row

    with ThreadPoolExecutor(1) as thread:
        other = thread.submit(read_good)
        assert inspection.read(decode_bad) is None
        assert other.result() is not None


def changed(value: Any) -> Iterator[Any]:
    """*value* with one text in it that is no date, no time and no id; or without one of its parts."""
    if isinstance(value, str):
        yield f"{value}\n"
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from ([*value[:index], other, *value[index + 1 :]] for other in changed(item))
    if isinstance(value, dict):
        for name, item in value.items():
            if name not in {"resourceType", "id"}:
                yield from ({**value, name: other} for other in changed(item))
                yield {key: kept for key, kept in value.items() if key != name}


@pytest.mark.parametrize("is_read", [True, False], ids=["read", "not read"])
@pytest.mark.parametrize("kind", RESOURCES.values(), ids=lambda kind: kind.__name__)
def test_wherever_a_row_is_changed_it_is_refused_or_read_as_by_itself(
    kind: type[Resource], is_read: bool, served: Served
) -> None:
    fields = msgspec.structs.fields(kind)
    reader = page_reader(kind, ",".join(field.encode_name for field in fields) if is_read else "id")
    held = list(served.dataset.resources.get(kind.__name__, {}).values()) or [CONSENT]
    whole = max(held[:50], key=lambda resource: len(json.dumps(resource)))
    found = 0
    for row in changed(whole):
        page = reader.read(bundle(row, whole))

        alone = reader.read_one(json.dumps(row).encode())
        found += len(alone.unread)
        assert (len(page.rows) - 1, page.unread) == (len(alone.rows), alone.unread), row
    assert found > 0 or kind.__name__ in WITHOUT_TEXTS


def test_a_choice_that_is_made_twice_is_refused_where_nobody_reads_it() -> None:
    values: list[dict[str, Any]] = [{"valueBoolean": True}, {"valueBoolean": True, "valueInteger": 1}]
    rows = [
        {"resourceType": "Observation", "id": f"o{number}", "component": [{"code": {"text": "x"}, **value}]}
        for number, value in enumerate(values)
    ]

    page = page_reader(Observation, "id").read(bundle(*rows))

    assert [row.id for row in page.rows] == ["o0"]
    assert [row.why for row in page.unread] == ["Observation.component[]: several types for `value[x]`"]
