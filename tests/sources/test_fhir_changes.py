"""What an EHR over FHIR tells of changes: which types, by which rows, how far a look has got."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.dataset import generate
from sandbox.ehr.quirks import Quirks
from sources.ehr.fhir import FhirRecords
from sources.errors import BookmarkLost, SourceMisread, SourceRejected
from sources.looks import Bookmark, moment_of
from sources.model import ChangeKind, ChangeType
from sources.ports import Noticed
from tests.sources.fhir_servers import TOKEN, records_of, serving
from tests.sources.stub import Answer, Asked, Behaviour, Stub, json_answer, stub

pytestmark = pytest.mark.anyio

TODAY = date(2026, 11, 22)
LATER = "2999-01-01T00:00:{:02}Z"
ALL_THREE = ("Patient", "Encounter", "Consent")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def ehr() -> Iterator[str]:
    """A server whose records a test may change."""
    with serving(generate(3, today=TODAY)) as url:
        yield url


def client(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"})


def touched(http: httpx.Client, path: str) -> None:
    """Stores a resource again as it is."""
    http.put(f"/{path}", json=http.get(f"/{path}").json()).raise_for_status()


def encounter_of(http: httpx.Client, patient: str) -> str:
    bundle = http.get(f"/Encounter?patient={patient}").json()
    id_: str = bundle["entry"][0]["resource"]["id"]
    return id_


def denial(id_: str, patient: str = "Patient/pat-000002") -> dict[str, Any]:
    return {
        "resourceType": "Consent",
        "id": id_,
        "status": "active",
        "scope": {"coding": [{"code": "patient-privacy"}]},
        "category": [{"text": "privacy"}],
        "patient": {"reference": patient},
        "provision": {"type": "deny"},
    }


def told(noticed: list[Noticed] | Any) -> set[tuple[ChangeType, str, str, ChangeKind, str]]:
    changes = [each.change for each in noticed]
    return {(it.type, it.id, it.patient_id, it.kind, it.version) for it in changes}


async def test_patients_encounters_and_consents_that_changed_are_told_with_whose_they_are(ehr: str) -> None:
    records = records_of(ehr)
    _, start = await records.changes(None)
    with client(ehr) as http:
        visit = encounter_of(http, "pat-000001")
        touched(http, "Patient/pat-000003")
        touched(http, f"Encounter/{visit}")
        http.put("/Consent/c-new", json=denial("c-new")).raise_for_status()
    noticed, after = await records.changes(start)
    again, _ = await records.changes(after)
    await records.close()

    assert told(noticed) == {
        (ChangeType.PATIENT, "pat-000003", "pat-000003", ChangeKind.UPDATED, "2"),
        (ChangeType.ENCOUNTER, visit, "pat-000001", ChangeKind.UPDATED, "2"),
        (ChangeType.CONSENT, "c-new", "pat-000002", ChangeKind.CREATED, "1"),
    }
    assert {each.mrn for each in noticed} == {None}
    assert {each.change.source for each in noticed} == {"ehr"}
    occurred = [each.change.occurred for each in noticed]
    assert occurred == sorted(occurred)
    # The last minutes are looked at again: who has seen them tells by the key.
    assert {it.change.key for it in again} == {it.change.key for it in noticed}


async def test_what_was_deleted_is_told_of_the_patient_it_was_of(ehr: str) -> None:
    records = records_of(ehr)
    with client(ehr) as http:
        visit = encounter_of(http, "pat-000001")
        http.put("/Consent/c-old", json=denial("c-old")).raise_for_status()
        _, start = await records.changes(None)
        for path in ("Consent/c-old", f"Encounter/{visit}", "Patient/pat-000003"):
            http.delete(f"/{path}").raise_for_status()
    noticed, _ = await records.changes(start)
    await records.close()

    assert told(noticed) == {
        (ChangeType.CONSENT, "c-old", "pat-000002", ChangeKind.DELETED, "2"),
        (ChangeType.ENCOUNTER, visit, "pat-000001", ChangeKind.DELETED, "2"),
        (ChangeType.PATIENT, "pat-000003", "pat-000003", ChangeKind.DELETED, "2"),
    }


async def test_a_server_without_a_history_tells_of_no_deletion() -> None:
    with serving(generate(1, today=TODAY), Quirks(history=False)) as url:
        records = records_of(url)
        _, start = await records.changes(None)
        with client(url) as http:
            http.delete("/Patient/pat-000001").raise_for_status()
        noticed, after = await records.changes(start)
        await records.close()

    assert (list(noticed), after) == ([], start)


# -- which types ------------------------------------------------------------------------------


def statement(*resources: dict[str, Any], **rest: Any) -> Answer:
    body = {"mode": "server", "resource": resources, **rest}
    return json_answer(
        {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "status": "active", "rest": [body]}
    )


def type_(name: str, *parameters: str) -> dict[str, Any]:
    return {"type": name, "searchParam": [{"name": each} for each in parameters]}


def holding(metadata: Answer, **rows: list[dict[str, Any]]) -> Behaviour:
    """A server that gives the same rows of a type whatever it is asked."""

    def behaviour(asked: Asked) -> Answer:
        name = asked.target.strip("/").partition("/")[0]
        if name == "metadata":
            return metadata
        entries = [{"resource": {"resourceType": name, **row}} for row in rows.get(name, [])]
        return json_answer({"resourceType": "Bundle", "type": "searchset", "entry": entries})

    return behaviour


@asynccontextmanager
async def asking(behaviour: Behaviour, **settings: Any) -> AsyncIterator[tuple[FhirRecords, Stub]]:
    async with stub(behaviour) as source:
        records = records_of(source.url, **settings)
        yield records, source
        await records.close()


def searched(source: Stub) -> set[str]:
    return {it.target.split("/")[1] for it in source.asked if it.target.endswith("/_search")}


NAMED = statement(type_("Patient", "_lastUpdated"), type_("Encounter", "_id"), type_("Consent"))
NAMED_FOR_ALL = statement(type_("Patient", "_id"), type_("Consent"), searchParam=[{"name": "_lastUpdated"}])
SILENT = json_answer({}, 404)


@pytest.mark.parametrize(
    ("metadata", "settings", "asked"),
    [
        (NAMED, {}, {"Patient"}),
        (NAMED_FOR_ALL, {}, {"Patient", "Consent"}),
        (NAMED, {"as_said": False}, set(ALL_THREE)),
        (NAMED_FOR_ALL, {"watched": ("Consent",)}, {"Consent"}),
        (NAMED_FOR_ALL, {"watched": ()}, set()),
        (SILENT, {}, set()),
        (SILENT, {"as_said": False}, set(ALL_THREE)),
    ],
)
async def test_the_types_are_those_the_server_says_can_be_searched_or_those_the_settings_name(
    metadata: Answer, settings: dict[str, Any], asked: set[str]
) -> None:
    async with asking(holding(metadata), **settings) as (records, source):
        _, start = await records.changes(None)
        noticed, after = await records.changes(start)

    assert searched(source) == asked
    assert (list(noticed), after) == ([], start)


async def test_a_look_names_no_element_but_those_that_tell_whose_and_when() -> None:
    async with asking(holding(NAMED_FOR_ALL)) as (records, source):
        await records.changes("2026-11-22T12:00:00.000Z/2026-11-22T12:10:00.000Z")

    forms = {it.target: it.form for it in source.asked if it.target.endswith("/_search")}
    assert forms["/Consent/_search"] == {
        "_lastUpdated": ["ge2026-11-22T12:05:00.000Z"],
        "_sort": ["_lastUpdated"],
        "_count": ["1000"],
        "_elements": ["id,meta,patient"],
    }
    assert forms["/Patient/_search"]["_elements"] == ["id,meta"]


# -- what is wrong with it --------------------------------------------------------------------

BEGUN = "2026-11-22T12:00:00.000Z/2026-11-22T12:00:00.000Z"


def updated(second: int, version: str | None = "2") -> dict[str, Any]:
    meta = {"lastUpdated": LATER.format(second)}
    return meta if version is None else {**meta, "versionId": version}


async def test_a_row_that_cannot_be_read_is_told_all_the_same() -> None:
    """The consent of a patient may have changed in a way that we do not understand: all the more."""
    rows: list[dict[str, Any]] = [
        {"id": "c1", "meta": updated(1), "patient": {"reference": "Patient/p1"}, "unheardOf": 1},
        {"id": "c2", "meta": {"lastUpdated": 5}, "patient": {"reference": "Patient/p2"}, "unheardOf": 1},
        {"id": "c3", "meta": updated(2, None), "patient": {"reference": "Patient/p3"}},
        {"id": "c4", "meta": updated(3), "patient": {"identifier": {"value": "x"}}},
    ]
    async with asking(holding(NAMED_FOR_ALL, Consent=rows)) as (records, _):
        noticed, after = await records.changes(BEGUN)

    assert told(noticed) == {
        (ChangeType.CONSENT, "c1", "p1", ChangeKind.UPDATED, "2"),
        (ChangeType.CONSENT, "c3", "p3", ChangeKind.UPDATED, LATER.format(2)),
        # Whose it is is not said: the intake keeps it as a dead letter.
        (ChangeType.CONSENT, "c4", "", ChangeKind.UPDATED, "2"),
    }
    assert after == f"2026-11-22T12:00:00.000Z/{LATER.format(3)}"


async def test_where_there_is_more_than_is_read_the_next_look_goes_on_behind_it() -> None:
    def server(asked: Asked) -> Answer:
        if asked.target == "/metadata":
            return NAMED_FOR_ALL
        name = asked.target.split("/")[1]
        since = asked.form["_lastUpdated"][0].removeprefix("ge")
        rows: list[dict[str, Any]] = [
            {"resourceType": name, "id": f"p{second}", "meta": updated(second)}
            for second in range(1, 6)
            if name == "Patient" and _moment(LATER.format(second)) >= _moment(since)
        ]
        count = int(asked.form["_count"][0])
        link = [{"relation": "next", "url": "/more"}] if len(rows) > count else []
        entries = [{"resource": row} for row in rows[:count]]
        bundle = {"resourceType": "Bundle", "type": "searchset", "entry": entries, "link": link}
        return json_answer(bundle)

    async with asking(server, page_size=2, page_limit=1) as (records, _):
        bookmark, seen = BEGUN, []
        for _ in range(5):
            noticed, bookmark = await records.changes(bookmark)
            seen.append([each.change.id for each in noticed])

    assert seen == [["p1", "p2"], ["p2", "p3"], ["p3", "p4"], ["p4", "p5"], ["p5"]]
    # All is seen: from now on the last minutes are looked at again.
    assert bookmark == f"2026-11-22T12:00:00.000Z/{LATER.format(5)}"


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([(3, "p1"), (1, "p2")], "not sorted"),
        ([(1, "p1"), (1, "p2")], "more changed in one instant"),
    ],
)
async def test_a_look_that_is_cut_and_cannot_go_on_fails(rows: list[tuple[int, str]], why: str) -> None:
    patients = [{"resourceType": "Patient", "id": id_, "meta": updated(second)} for second, id_ in rows]
    bundle = {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [{"resource": row} for row in patients],
        "link": [{"relation": "next", "url": "/more"}],
    }

    def server(asked: Asked) -> Answer:
        return NAMED if asked.target == "/metadata" else json_answer(bundle)

    async with asking(server, page_size=2, page_limit=1) as (records, _):
        with pytest.raises(SourceMisread, match=why):
            await records.changes(f"2026-11-22T12:00:00.000Z/{LATER.format(1)}/cut")


async def test_a_type_that_is_refused_fails_the_look_so_that_nothing_is_passed_over() -> None:
    def server(asked: Asked) -> Answer:
        if asked.target == "/Consent/_search":
            return json_answer({}, 403)
        return holding(NAMED_FOR_ALL, Patient=[{"id": "p1", "meta": updated(1)}])(asked)

    async with asking(server) as (records, _):
        with pytest.raises(SourceRejected):
            await records.changes(BEGUN)


# -- bookmarks --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bookmark", ["", "x", "2026-01-01/2026-01-01", "2026-01-01T00:00:00Z", BEGUN + "/", BEGUN + "/more"]
)
async def test_a_bookmark_that_is_not_ours_is_rejected_and_nothing_is_asked(bookmark: str) -> None:
    async with asking(holding(NAMED)) as (records, source):
        with pytest.raises(SourceRejected, match="begin again without it"):
            await records.changes(bookmark)

    assert source.asked == []


def _moment(text: str) -> datetime:
    moment = moment_of(text)
    assert moment is not None
    return moment


moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds


@given(moments, st.lists(moments, max_size=5), st.booleans(), st.integers(0, 600))
def test_a_bookmark_reads_back_and_never_goes_back_in_time(
    begun: datetime, updates: list[datetime], is_cut: bool, overlap_s: int
) -> None:
    start = Bookmark.at(begun)
    after = start.after([update.isoformat() for update in updates])
    seen = max([_moment(start.seen), *updates])
    if is_cut:
        after = after.cut(after.seen)

    assert Bookmark.parsed(str(after), "ehr") == after
    assert _moment(after.seen) == seen
    back = timedelta(0) if is_cut else timedelta(seconds=overlap_s)
    assert timedelta(0) <= seen - back - after.since(timedelta(seconds=overlap_s)) < timedelta(milliseconds=1)


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_bookmarks(text: str) -> None:
    try:
        bookmark = Bookmark.parsed(text, "ehr")
    except BookmarkLost:
        return
    assert str(bookmark) == text
