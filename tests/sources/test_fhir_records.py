"""The EHR port over FHIR: one search a chunk, pages to their end, and what a wrong answer costs."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sources.calling import Event, Flaw, Limits, Outcome, Upstream
from sources.ehr.fhir import FhirRecords, FhirSettings
from sources.errors import SourceError, SourceMisread, SourceRejected, SourceTimeout
from sources.model import Encounter, Mrn, Patient, PatientId
from sources.naming import alone
from sources.ports import Listed, Narrowing, PatientQuery
from tests.sources.stub import (
    Answer,
    Asked,
    Behaviour,
    json_answer,
    stub,
)

pytestmark = pytest.mark.anyio

STATUS = frozenset({"status"})
NAME = frozenset({"name"})
P1, P2, P3 = PatientId("p1"), PatientId("p2"), PatientId("p3")


class Misreads:
    def __init__(self) -> None:
        self.whys: list[str] = []
        self.foreign: list[tuple[str, int]] = []

    def on_call(self, source: str, outcome: Outcome, seconds: float, size: int) -> None: ...

    def on_misread(self, source: str, flaw: Flaw, record: str | None) -> None:
        self.whys.append(flaw.why)

    def on_event(self, source: str, event: Event) -> None: ...

    def on_foreign(self, source: str, kind: str, rows: int) -> None:
        self.foreign.append((kind, rows))


@asynccontextmanager
async def records_at(
    url: str, observer: Misreads | None = None, limits: Limits | None = None, **settings: Any
) -> AsyncIterator[FhirRecords]:
    settings.setdefault("strategy", "or-list")
    observers = [observer] if observer is not None else []
    upstream = Upstream("ehr", "ehr", url, observers=observers, limits=limits or Limits(timeout_s=20))
    records = FhirRecords(
        FhirSettings("ehr", url, alone("pms", "urn:mrn", "urn:visit"), **settings), upstream
    )
    yield records
    await records.close()


def searchset(*resources: Any, next_: str | None = None, **more: Any) -> bytes:
    links = [{"relation": "self", "url": "x"}]
    if next_ is not None:
        links.append({"relation": "next", "url": next_})
    entries = [{"resource": resource} for resource in resources]
    return json_answer(
        {"resourceType": "Bundle", "type": "searchset", "link": links, "entry": entries, **more}
    )


def encounter(id_: str, patient: str, **more: Any) -> dict[str, Any]:
    subject = {"reference": f"Patient/{patient}"}
    return {"resourceType": "Encounter", "id": id_, "status": "finished", "subject": subject, **more}


def patient(id_: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id_, **more}


async def test_a_read_is_one_search_by_post_with_ids_and_elements_in_the_form() -> None:
    body = searchset(patient("p2"), patient("p1"))
    async with stub(lambda asked: body) as source, records_at(source.url) as records:
        found = await records.read(Patient, ["p1", "p2", "p3", "p1", "no id!"], frozenset({"mrn"}))

    assert {key: row.id for key, row in found.items() if not isinstance(row, SourceError)} == {
        "p1": "p1",
        "p2": "p2",
    }
    (asked,) = source.asked
    assert (asked.method, asked.target) == ("POST", "/Patient/_search")
    assert asked.form == {"_id": ["p1,p2,p3"], "_count": ["3"], "_elements": ["id,identifier"]}
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"


async def test_a_server_that_cannot_search_by_post_is_asked_by_get() -> None:
    body = searchset(patient("p1"))
    getting: dict[str, Any] = {"search": "get", "elements": False}
    async with stub(lambda asked: body) as source, records_at(source.url, **getting) as records:
        await records.read(Patient, ["p1"], NAME)

    assert [(a.method, a.target, a.body) for a in source.asked] == [("GET", "/Patient?_id=p1&_count=1", b"")]


async def test_nothing_is_asked_for_no_keys() -> None:
    async with stub(lambda asked: searchset()) as source, records_at(source.url) as records:
        assert await records.read(Patient, [], NAME) == {}
        assert await records.of_patients(Encounter, [PatientId("a,b")], Narrowing(), STATUS) == {}
        assert await records.identified(Patient, [], NAME) == {}

    assert source.asked == []


async def test_rows_come_under_their_patients_in_the_servers_order() -> None:
    body = searchset(encounter("e3", "p2"), encounter("e1", "p1"), encounter("e2", "p2"))
    narrowing = Narrowing((("status", ("finished", "planned")), ("date", ("ge2026",)), ("date", ("lt2027",))))
    async with stub(lambda asked: body) as source, records_at(source.url) as records:
        found = await records.of_patients(Encounter, [P1, P2, P3], narrowing, STATUS)

    assert ids_of(found) == {P1: ["e1"], P2: ["e3", "e2"]}
    assert source.asked[0].form == {
        "patient": ["Patient/p1,Patient/p2,Patient/p3"],
        "status": ["finished,planned"],
        "date": ["ge2026", "lt2027"],
        "_count": ["1000"],
        "_elements": ["id,status,subject"],
    }


def ids_of(found: Any) -> dict[PatientId, list[str]]:
    return {key: [row.id for row in listed.rows] for key, listed in found.items()}


@pytest.mark.parametrize("reference", ["{base}/Patient/p1", "Patient/p1/_history/3"])
async def test_a_patient_may_be_named_by_url_or_version(reference: str) -> None:
    def behaviour(asked: Asked) -> Answer:
        subject = {"reference": reference.format(base=source.url)}
        return searchset(encounter("e1", "p1", subject=subject))

    async with stub(behaviour) as source, records_at(source.url) as records:
        found = await records.of_patients(Encounter, [P1], Narrowing(), STATUS)

    assert ids_of(found) == {P1: ["e1"]}


FOREIGN = [
    pytest.param(encounter("e2", "p9"), id="another patient"),
    pytest.param(
        encounter("e2", "p1", subject={"reference": "http://other/Patient/p1"}), id="another server"
    ),
    pytest.param(encounter("e2", "p1", subject={"reference": "Group/p1"}), id="a group"),
    pytest.param(encounter("e2", "p1", subject={"display": "Jane"}), id="no reference"),
    pytest.param({"resourceType": "Encounter", "id": "e2", "status": "planned"}, id="nobody"),
    pytest.param(encounter("e2", "p9", vendor=1), id="another patient, unreadable"),
]


@pytest.mark.parametrize("foreign", FOREIGN)
async def test_somebody_elses_row_is_dropped_counted_and_the_rest_stands(foreign: dict[str, Any]) -> None:
    observer = Misreads()
    body = searchset(encounter("e1", "p1"), foreign)
    async with stub(lambda asked: body) as source, records_at(source.url, observer) as records:
        found = await records.of_patients(Encounter, [P1], Narrowing(), STATUS)

    assert ids_of(found) == {P1: ["e1"]}
    assert observer.foreign == [("Encounter", 1)]


@pytest.mark.parametrize("foreign", FOREIGN)
async def test_an_answer_that_is_mostly_somebody_elses_is_not_trusted_at_all(foreign: dict[str, Any]) -> None:
    observer = Misreads()
    body = searchset(encounter("e1", "p1"), foreign, foreign | {"id": "e3"})
    async with stub(lambda asked: body) as source, records_at(source.url, observer) as records:
        with pytest.raises(SourceMisread) as raised:
            await records.of_patients(Encounter, [P1], Narrowing(), STATUS)

    assert raised.value.why == "Encounter: most rows are not what was asked for"
    assert observer.whys[-1] == raised.value.why
    assert observer.foreign == [("Encounter", 2)]


async def test_a_read_that_gives_only_another_id_is_not_an_answer_that_there_is_none() -> None:
    body = searchset(patient("p9"))
    async with stub(lambda asked: body) as source, records_at(source.url) as records:
        with pytest.raises(SourceMisread, match="Patient: most rows are not what was asked for"):
            await records.read(Patient, ["p1"], NAME)


async def test_a_read_that_gives_another_id_beside_the_one_asked_for_gives_that_one() -> None:
    body = searchset(patient("p1"), patient("p9"))
    async with stub(lambda asked: body) as source, records_at(source.url) as records:
        found = await records.read(Patient, ["p1"], NAME)

    assert list(found) == ["p1"]


async def test_a_bad_record_costs_its_own_key_and_is_counted() -> None:
    observer = Misreads()
    body = searchset(patient("p1"), patient("p2", vendor="Jane"), patient("p3"))
    async with stub(lambda asked: body) as source, records_at(source.url, observer) as records:
        found = await records.read(Patient, ["p1", "p2", "p3"], NAME)

    assert {key: type(row).__name__ for key, row in found.items()} == {
        "p1": "Patient",
        "p2": "SourceMisread",
        "p3": "Patient",
    }
    assert str(found["p2"]) == "source `ehr`: Patient: unknown field `vendor`"
    assert observer.whys == ["Patient: unknown field `vendor`"]


async def test_an_element_that_was_not_asked_for_is_checked_all_the_same() -> None:
    body = searchset(encounter("e1", "p1", period={"start": "Jane"}))
    async with stub(lambda asked: body) as source, records_at(source.url) as records:
        found = await records.of_patients(Encounter, [P1], Narrowing(), STATUS)

    assert str(found[P1]) == "source `ehr`: Encounter.period.start: malformed"


async def test_a_source_of_which_only_what_is_read_is_checked_may_send_anything_else() -> None:
    body = searchset(encounter("e1", "p1", period={"start": "Jane"}))
    async with stub(lambda asked: body) as source, records_at(source.url, strict="read") as records:
        found = await records.of_patients(Encounter, [P1], Narrowing(), STATUS)

    (row,) = rows_of(found, P1)
    assert (row.id, row.period, row.patient_id) == ("e1", None, P1)


async def test_a_bad_row_costs_its_patients_list_and_no_others() -> None:
    body = searchset(
        encounter("e1", "p1"), encounter("e2", "p2"), encounter("e3", "p2", period={"start": "Jane"})
    )
    async with stub(lambda asked: body) as source, records_at(source.url) as records:
        found = await records.of_patients(Encounter, [P1, P2], Narrowing(), frozenset({"status", "period"}))

    assert isinstance(found[P1], Listed)
    assert str(found[P2]) == "source `ehr`: Encounter.period.start: malformed"


async def test_records_are_found_by_the_identifiers_they_bear() -> None:
    identifier = {"type": {"coding": [{"code": "MR"}]}, "system": "urn:mrn", "value": "M|1"}
    npi = {"system": "npi", "value": "1"}
    body = searchset(patient("p1", identifier=[npi, identifier]))
    async with stub(lambda asked: body) as source, records_at(source.url) as records:
        keys = [records.mrn_identifier(Mrn("M|1")), records.mrn_identifier(Mrn("M2"))]
        found = await records.identified(Patient, keys, frozenset({"name"}))

    assert keys == [r"urn:mrn|M\|1", "urn:mrn|M2"]
    assert {key: row.id for key, row in found.items() if not isinstance(row, SourceError)} == {keys[0]: "p1"}
    assert source.asked[0].form["identifier"] == [r"urn:mrn|M\|1,urn:mrn|M2"]
    assert source.asked[0].form["_elements"] == ["id,identifier,name"]


async def test_an_identifier_that_two_patients_bear_names_neither() -> None:
    same = [{"system": "urn:mrn", "value": "M1"}]
    body = searchset(patient("p1", identifier=same), patient("p2", identifier=same))
    async with stub(lambda asked: body) as source, records_at(source.url) as records:
        found = await records.identified(Patient, ["urn:mrn|M1"], NAME)

    assert isinstance(found["urn:mrn|M1"], SourceMisread)


async def test_a_patient_who_bears_no_identifier_that_was_asked_for_is_not_trusted() -> None:
    body = searchset(patient("p1", identifier=[{"system": "urn:other", "value": "M1"}]))
    async with stub(lambda asked: body) as source, records_at(source.url) as records:
        with pytest.raises(SourceMisread, match="most rows are not what was asked for"):
            await records.identified(Patient, ["urn:mrn|M1"], NAME)


def pages(*bodies: Callable[[str], bytes]) -> Behaviour:
    """The first body for a search, the n-th for `/page/n`."""

    def behaviour(asked: Asked) -> Answer:
        number = int(asked.target.rpartition("/")[2]) if asked.method == "GET" else 0
        return bodies[min(number, len(bodies) - 1)](f"/page/{number + 1}")

    return behaviour


async def test_pages_are_followed_to_their_end() -> None:
    behaviour = pages(
        lambda link: searchset(encounter("e1", "p1"), encounter("e2", "p2"), next_=source.url + link),
        lambda link: searchset(encounter("e3", "p1"), next_=link),  # a relative link
        lambda link: searchset(encounter("e3", "p1"), encounter("e4", "p2")),  # a row that moved
    )
    async with stub(behaviour) as source, records_at(source.url) as records:
        found = await records.of_patients(Encounter, [P1, P2], Narrowing(), STATUS)

    assert ids_of(found) == {P1: ["e1", "e3"], P2: ["e2", "e4"]}
    assert all(isinstance(listed, Listed) and listed.complete for listed in found.values())
    assert [asked.target for asked in source.asked] == ["/Encounter/_search", "/page/1", "/page/2"]


async def test_pages_without_end_are_cut_and_said_to_be() -> None:
    endless: Behaviour = lambda asked: searchset(  # noqa: E731
        encounter(f"e{len(source.asked)}", "p1"), next_=f"/page/{len(source.asked)}"
    )
    async with stub(endless) as source, records_at(source.url, page_limit=3, page_size=1) as records:
        found = await records.of_patients(Encounter, [P1, P2], Narrowing(), STATUS)
    assert found == {P1: Listed(rows_of(found, P1), complete=False), P2: Listed((), complete=False)}
    assert ids_of(found)[P1] == ["e1", "e2", "e3"]
    assert len(source.asked) == 3


async def test_pages_that_go_round_in_a_circle_are_misread() -> None:
    circle = searchset(encounter("e1", "p1"), next_="/page/1")
    async with stub(lambda asked: circle) as source, records_at(source.url) as records:
        with pytest.raises(SourceMisread, match="go round in a circle"):
            await records.of_patients(Encounter, [P1], Narrowing(), STATUS)

    assert len(source.asked) == 2


def rows_of(found: Any, key: PatientId) -> Any:
    return found[key].rows


async def test_ids_not_found_on_the_pages_that_were_read_are_not_said_to_be_absent() -> None:
    endless: Behaviour = lambda asked: searchset(patient("p1"), next_=f"/page/{len(source.asked)}")  # noqa: E731
    async with stub(endless) as source, records_at(source.url, page_limit=2, page_size=1) as records:
        found = await records.read(Patient, ["p1", "p2"], NAME)

    assert getattr(found["p1"], "id", None) == "p1"
    assert isinstance(found["p2"], SourceMisread)


async def test_a_next_page_at_another_origin_is_not_followed() -> None:
    async with stub(lambda asked: searchset()) as other:
        body = searchset(encounter("e1", "p1"), next_=f"{other.url}/page")
        async with stub(lambda asked: body) as source, records_at(source.url) as records:
            with pytest.raises(SourceMisread, match="another origin"):
                await records.of_patients(Encounter, [P1], Narrowing(), STATUS)

    assert other.asked == []


async def test_many_keys_are_asked_for_in_chunks() -> None:
    def behaviour(asked: Asked) -> Answer:
        ids = asked.form["_id"][0].split(",")
        return json_answer({}, 500) if "p3" in ids else searchset(*map(patient, ids))

    async with stub(behaviour) as source, records_at(source.url, ids_per_call=2) as records:
        found = await records.read(Patient, ["p1", "p2", "p3", "p4", "p5"], NAME)

    assert sorted(asked.form["_id"][0] for asked in source.asked) == ["p1,p2", "p3,p4", "p5"]
    assert {key: type(row).__name__ for key, row in found.items()} == {
        "p1": "Patient",
        "p2": "Patient",
        "p3": "SourceUnavailable",
        "p4": "SourceUnavailable",
        "p5": "Patient",
    }


def with_page(asked: Asked) -> Answer:
    page = asked.target.rpartition("_page=")[2] if asked.method == "GET" else "0"
    rows = {"0": [patient("p1")], "1": [patient("p2")]}
    link = "/Patient?family=Doe&_page=1" if page == "0" else None
    return searchset(*rows[page], next_=link)


async def test_a_search_for_patients_goes_on_at_a_bookmark() -> None:
    query = PatientQuery(family="Doe")
    async with stub(with_page) as source, records_at(source.url) as records:
        first = await records.search_patients(query, 1, None, frozenset())
        second = await records.search_patients(query, 1, first.next, frozenset())
        with pytest.raises(SourceRejected, match="start again without it"):
            await records.search_patients(PatientQuery(), 1, first.next, frozenset())

    assert [row.id for row in (*first.rows, *second.rows)] == ["p1", "p2"]
    assert second.next is None
    assert [asked.target for asked in source.asked] == ["/Patient/_search", "/Patient?family=Doe&_page=1"]
    assert source.asked[0].form == {"family": ["Doe"], "_count": ["1"], "_elements": ["id"]}


async def test_an_answer_of_rows_of_nobody_is_misread() -> None:
    body = searchset({"resourceType": "Encounter"})
    async with stub(lambda asked: body) as source, records_at(source.url) as records:
        with pytest.raises(SourceMisread):
            await records.of_patients(Encounter, [P1], Narrowing(), STATUS)


async def test_a_field_of_the_bundle_that_is_unknown_is_misread() -> None:
    body = searchset(encounter("e1", "p1"), vendor="Jane Doe")
    async with stub(lambda asked: body) as source, records_at(source.url) as records:
        with pytest.raises(SourceMisread) as raised:
            await records.of_patients(Encounter, [P1], Narrowing(), STATUS)

    assert "Jane" not in str(raised.value)


async def test_one_deadline_holds_for_all_pages_together() -> None:
    slow_then_more: Behaviour = lambda asked: slowly(len(source.asked))  # noqa: E731

    def slowly(number: int) -> Answer:
        async def respond(writer: Any) -> None:
            await asyncio.sleep(0.15)
            writer.write(searchset(encounter(f"e{number}", "p1"), next_=f"/page/{number}"))

        return respond

    limits = Limits(timeout_s=0.4)
    started = time.monotonic()
    async with stub(slow_then_more) as source, records_at(source.url, limits=limits) as records:
        with pytest.raises(SourceTimeout):
            await records.of_patients(Encounter, [P1], Narrowing(), STATUS)

    assert time.monotonic() - started < 1.4
    assert len(source.asked) <= 3


async def test_a_bad_row_of_a_search_costs_itself_and_is_told_beside_the_others() -> None:
    body = searchset(patient("p1"), patient("p2", vendor="Jane"), patient("p3"), next_="?page=2")
    async with stub(lambda asked: body) as source, records_at(source.url) as records:
        page = await records.search_patients(PatientQuery(name="x"), 3, None, frozenset())

    assert [row.id for row in page.rows] == ["p1", "p3"]
    assert [str(error) for error in page.missing] == ["source `ehr`: Patient: unknown field `vendor`"]
    assert page.next is not None


async def test_a_search_of_which_no_row_can_be_read_fails() -> None:
    body = searchset(patient("p2", vendor="Jane"))
    async with stub(lambda asked: body) as source, records_at(source.url) as records:
        with pytest.raises(SourceMisread, match="source `ehr`: Patient: unknown field `vendor`"):
            await records.search_patients(PatientQuery(name="x"), 3, None, frozenset())
