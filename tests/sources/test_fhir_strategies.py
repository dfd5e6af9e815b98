"""How many keys a FHIR server is asked for at once: refusals cost one call once, rows stay whose they are."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs

import pytest

from sources.calling import tallied
from sources.ehr.fhir import FhirRecords
from sources.errors import SourceError, SourceMisread, SourceRejected, SourceUnavailable
from sources.model import Encounter, Patient, PatientId, Practitioner
from sources.ports import Narrowing
from tests.sources.fhir_servers import patients_in, records_of
from tests.sources.stub import Answer, Asked, Behaviour, Stub, answer, json_answer, stub

pytestmark = pytest.mark.anyio

STATUS = frozenset({"status"})
P1, P2, P3 = PatientId("p1"), PatientId("p2"), PatientId("p3")
EPIC = {"vendor": "epic", "strategy": "or-list"}


def encounter(id_: str, patient: str) -> dict[str, Any]:
    subject = {"reference": f"Patient/{patient}"}
    return {"resourceType": "Encounter", "id": id_, "status": "finished", "subject": subject}


def bundle(query: str, *resources: Any, next_: str | None = None) -> dict[str, Any]:
    """A searchset; its self link is for *query*."""
    links = [{"relation": "self", "url": f"x?{query}"}]
    links += [{"relation": "next", "url": next_}] if next_ else []
    entries = [{"resource": resource} for resource in resources]
    return {"resourceType": "Bundle", "type": "searchset", "link": links, "entry": entries}


def outcome(*codes: str, severity: str = "error") -> dict[str, Any]:
    issues = [{"severity": severity, "code": "x", "details": {"coding": [{"code": c}]}} for c in codes]
    return {"resourceType": "OperationOutcome", "issue": issues}


def statement(*interactions: str, **types: list[str]) -> bytes:
    rest = {
        "mode": "server",
        "interaction": [{"code": code} for code in interactions],
        "resource": [
            {"type": type_, "searchParam": [{"name": name} for name in names]}
            for type_, names in types.items()
        ],
    }
    return json_answer({"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": [rest]})


@asynccontextmanager
async def asking(behaviour: Behaviour, **settings: Any) -> AsyncIterator[tuple[FhirRecords, Stub]]:
    async with stub(behaviour) as source:
        records = records_of(source.url, **settings)
        yield records, source
        await records.close()


def query_of(asked: Asked) -> str:
    return asked.body.decode() if asked.method == "POST" else asked.target.partition("?")[2]


def each_ones(asked: Asked) -> bytes:
    """The encounter of each patient the search is for."""
    query = query_of(asked)
    patients = patients_in(query)
    return json_answer(bundle(query, *(encounter(f"e-{patient}", patient) for patient in patients)))


def batched(asked: Asked) -> Answer:
    """A batch, each entry as `each_ones`."""
    entries = []
    for entry in asked.json["entry"]:
        query = entry["request"]["url"].partition("?")[2]
        (patient,) = patients_in(query)
        resource = bundle(query, encounter(f"e-{patient}", patient))
        entries.append({"resource": resource, "response": {"status": "200 OK"}})
    return json_answer({"resourceType": "Bundle", "type": "batch-response", "entry": entries})


def is_batch(asked: Asked) -> bool:
    return asked.method == "POST" and not asked.target.endswith("_search")


def ids_of(found: Any) -> dict[str, Any]:
    return {
        key: type(row).__name__ if isinstance(row, SourceError) else [one.id for one in row.rows]
        for key, row in found.items()
    }


def one_patient_only(refusal: bytes, *interactions: str) -> Behaviour:
    """A server that refuses a search for several patients by *refusal*."""

    def behaviour(asked: Asked) -> Answer:
        if asked.target == "/metadata":
            return statement(*interactions, Encounter=["patient", "_id"])
        if is_batch(asked):
            return batched(asked) if "batch" in interactions else json_answer({}, 404)
        several = "," in parse_qs(query_of(asked)).get("patient", [""])[0]
        return refusal if several else each_ones(asked)

    return behaviour


REFUSALS = [
    pytest.param(json_answer(outcome("4112"), 400), EPIC, id="400 with 4112"),
    pytest.param(json_answer(bundle("", outcome("4112"))), EPIC, id="4112 among the rows"),
    pytest.param(json_answer({}, 400), {"elements": False}, id="400"),
    pytest.param(json_answer({}, 422), {"elements": False}, id="422"),
    pytest.param(answer(b"<html>", 414), {"elements": False}, id="414"),
]


@pytest.mark.parametrize(("refusal", "settings"), REFUSALS)
async def test_the_refusal_of_several_patients_costs_one_call_once(
    refusal: bytes, settings: dict[str, Any]
) -> None:
    settings = {"elements": False, **settings}
    async with asking(one_patient_only(refusal), **settings) as (records, source):
        with tallied() as first:
            one = await records.of_patients(Encounter, [P3, P1, P2], Narrowing(), STATUS)
        with tallied() as second:
            two = await records.of_patients(Encounter, [P1, P2], Narrowing(), STATUS)

    assert ids_of(one) == {P1: ["e-p1"], P2: ["e-p2"], P3: ["e-p3"]}
    assert ids_of(two) == {P1: ["e-p1"], P2: ["e-p2"]}
    # /metadata, the refusal, three patients; then only two patients.
    assert (first.total, second.total) == (5, 2)
    assert {asked.target for asked in source.asked} == {"/metadata", "/Encounter/_search"}


async def test_a_server_that_takes_batches_is_asked_by_one() -> None:
    behaviour = one_patient_only(json_answer(outcome("4112"), 400), "batch")
    async with asking(behaviour, **EPIC) as (records, source):
        await records.of_patients(Encounter, [P1, P2], Narrowing(), STATUS)
        with tallied() as tally:
            found = await records.of_patients(
                Encounter, [P2, P3, P1], Narrowing((("status", ("finished",)),)), STATUS
            )

    assert ids_of(found) == {P1: ["e-p1"], P2: ["e-p2"], P3: ["e-p3"]}
    assert tally.total == 1
    asked = source.asked[-1]
    assert (asked.method, asked.target, asked.headers["content-type"]) == (
        "POST",
        "/",
        "application/fhir+json",
    )
    assert [entry["request"] for entry in asked.json["entry"]] == [
        {"method": "GET", "url": f"Encounter?patient={patient}&status=finished&_count=100"}
        for patient in ("p2", "p3", "p1")
    ]


async def test_what_one_type_and_parameter_take_says_nothing_of_another() -> None:
    def behaviour(asked: Asked) -> Answer:
        query = query_of(asked)
        if asked.target.startswith("/Patient"):
            ids = parse_qs(query)["_id"][0].split(",")
            return json_answer(bundle(query, *({"resourceType": "Patient", "id": id_} for id_ in ids)))
        return one_patient_only(json_answer(outcome("4112"), 400))(asked)

    async with asking(behaviour, **EPIC) as (records, _source):
        await records.of_patients(Encounter, [P1, P2], Narrowing(), STATUS)
        with tallied() as tally:
            found = await records.read(Patient, ["p2", "p1"], frozenset())

    assert set(found) == {"p1", "p2"}
    assert tally.total == 1


async def test_a_filter_that_is_refused_is_refused_and_does_not_change_the_way() -> None:
    def behaviour(asked: Asked) -> Answer:
        return json_answer({}, 400) if b"flavour" in asked.body else each_ones(asked)

    narrowed = Narrowing((("flavour", ("sweet",)),))
    async with asking(behaviour, strategy="or-list", elements=False) as (records, _source):
        await records.of_patients(Encounter, [P1, P2], Narrowing(), STATUS)
        with tallied() as tally, pytest.raises(SourceRejected, match="finds our request wrong"):
            await records.of_patients(Encounter, [P1, P2], narrowed, STATUS)

    assert tally.total == 1


async def test_one_patient_whom_the_server_refuses_costs_that_patient() -> None:
    def behaviour(asked: Asked) -> Answer:
        patient = patients_in(query_of(asked))[0]
        statuses = {"p1": 500, "p2": 403}
        return json_answer({}, statuses[patient]) if patient in statuses else each_ones(asked)

    async with asking(behaviour, strategy="parallel") as (records, _):
        found = await records.of_patients(Encounter, [P1, P2, P3], Narrowing(), STATUS)

    assert ids_of(found) == {P1: "SourceUnavailable", P2: "SourceRejected", P3: ["e-p3"]}


def batch_of(*entries: dict[str, Any], **more: Any) -> Behaviour:
    return lambda asked: json_answer(
        {"resourceType": "Bundle", "type": "batch-response", "entry": list(entries), **more}
    )


def told(patient: str, *resources: Any) -> dict[str, Any]:
    return {"resource": bundle(f"patient={patient}", *resources), "response": {"status": "200 OK"}}


def failed(status: str, *codes: str) -> dict[str, Any]:
    return {"response": {"status": status, "outcome": outcome(*codes)}}


async def test_each_entry_of_a_batch_fails_for_its_own_patient_alone() -> None:
    behaviour = batch_of(
        told("p1", encounter("e1", "p1")),
        failed("500 Internal Server Error"),
        failed("403", "4130"),
        failed("429"),
        told("p5"),
        told("p6", {**encounter("e6", "p6"), "vendor": "Jane Doe"}),
    )
    patients = [PatientId(f"p{n}") for n in range(1, 7)]
    async with asking(behaviour, **EPIC | {"strategy": "batch"}) as (records, source):
        found = await records.of_patients(Encounter, patients, Narrowing(), STATUS)

    assert ids_of(found) == {
        "p1": ["e1"],
        "p2": "SourceUnavailable",
        "p3": "SourceRejected",
        "p4": "SourceUnavailable",
        "p6": "SourceMisread",
    }
    assert "break-the-glass" in str(found[P3])
    assert len(source.asked) == 1


E1, E2 = encounter("e1", "p1"), encounter("e2", "p2")
WRONG_BATCHES = [
    pytest.param(batch_of(told("p1", E1)), "not as many", id="fewer"),
    pytest.param(batch_of(told("p1", E1), told("p2", E2), told("p2")), "not as many", id="more"),
    pytest.param(batch_of(told("p2", E2), told("p1", E1)), "not what was asked for", id="another order"),
    pytest.param(
        batch_of(told("p1", E1), told("p2", encounter("e9", "p9"))), "not what was asked for", id="stranger"
    ),
    pytest.param(
        batch_of(told("p1", E1), told("p2", E2), vendor="Jane"), "unknown field", id="unknown field"
    ),
    pytest.param(
        batch_of(told("p1", E1), {"response": {"status": "fine"}}), "status: malformed", id="no status"
    ),
    pytest.param(lambda asked: json_answer(bundle("", E1, E2)), "malformed", id="a searchset"),
    pytest.param(lambda asked: answer(b"<html>Jane Doe"), "not JSON", id="HTML"),
]


@pytest.mark.parametrize(("behaviour", "why"), WRONG_BATCHES)
async def test_a_batch_that_is_not_answered_as_asked_is_misread_as_a_whole(
    behaviour: Behaviour, why: str
) -> None:
    async with asking(behaviour, strategy="batch") as (records, _):
        with pytest.raises(SourceMisread, match=why) as raised:
            await records.of_patients(Encounter, [P1, P2], Narrowing(), STATUS)

    assert "Jane" not in str(raised.value)


async def test_the_pages_of_an_entry_of_a_batch_are_followed() -> None:
    def behaviour(asked: Asked) -> Answer:
        if asked.method == "GET":
            return json_answer(bundle("", encounter("e3", "p1")))
        more = {"resource": bundle("patient=p1", E1, next_="/page/2"), "response": {"status": "200"}}
        return json_answer(
            {"resourceType": "Bundle", "type": "batch-response", "entry": [more, told("p2", E2)]}
        )

    async with asking(behaviour, strategy="batch") as (records, source):
        found = await records.of_patients(Encounter, [P1, P2], Narrowing(), STATUS)

    assert ids_of(found) == {P1: ["e1", "e3"], P2: ["e2"]}
    assert [asked.target for asked in source.asked] == ["/", "/page/2"]


async def test_ids_are_read_in_a_batch_and_those_that_are_gone_are_absent() -> None:
    def behaviour(asked: Asked) -> Answer:
        assert [e["request"]["url"] for e in asked.json["entry"]] == [
            f"Patient/p{n}?_elements=id" for n in range(1, 5)
        ]
        rows: list[dict[str, Any]] = [
            {"resource": {"resourceType": "Patient", "id": "p1"}, "response": {"status": "200"}},
            failed("404 Not Found"),
            failed("410 Gone"),
            failed("500"),
        ]
        return json_answer({"resourceType": "Bundle", "type": "batch-response", "entry": rows})

    async with asking(behaviour, strategy="batch") as (records, _):
        found = await records.read(Patient, ["p1", "p2", "p3", "p4"], frozenset())

    assert {key: type(row).__name__ for key, row in found.items()} == {
        "p1": "Patient",
        "p4": "SourceUnavailable",
    }


def reads(asked: Asked) -> Answer:
    """A server that does not say it searches practitioners by `_id`."""
    if asked.target == "/metadata":
        return statement(Practitioner=["identifier"], Patient=["_id"])
    id_ = asked.target.rpartition("/")[2].partition("?")[0]
    found = {"d1": 200, "d2": 404, "d3": 410, "d4": 500}[id_]
    return json_answer({"resourceType": "Practitioner", "id": id_} if found == 200 else {}, found)


async def test_a_type_that_is_not_searched_by_id_is_read_id_by_id() -> None:
    async with asking(reads) as (records, source):
        found = await records.read(Practitioner, ["d1", "d2", "d3", "d4"], frozenset())
        again = await records.read(Practitioner, ["d1"], frozenset())

    assert {key: type(row).__name__ for key, row in found.items()} == {
        "d1": "Practitioner",
        "d4": "SourceUnavailable",
    }
    assert set(again) == {"d1"}
    assert [asked.target for asked in source.asked].count("/metadata") == 1
    assert all(asked.method == "GET" for asked in source.asked)


async def test_a_read_that_gives_another_record_is_not_trusted() -> None:
    def another(asked: Asked) -> Answer:
        if asked.target == "/metadata":
            return reads(asked)
        return json_answer({"resourceType": "Practitioner", "id": "d9"})

    async with asking(another) as (records, _):
        with pytest.raises(SourceMisread, match="not what was asked for"):
            await records.read(Practitioner, ["d1"], frozenset())


@pytest.mark.parametrize("code", ["4130", "4131", "4134", "4118"])
@pytest.mark.parametrize("way", ["400", "403", "among the rows"])
async def test_what_the_server_withholds_is_refused_and_never_asked_for_again(code: str, way: str) -> None:
    def behaviour(asked: Asked) -> Answer:
        said = outcome(code)
        return (
            json_answer(bundle("patient=", said)) if way == "among the rows" else json_answer(said, int(way))
        )

    async with asking(behaviour, **EPIC) as (records, source):
        with pytest.raises(SourceRejected, match=rf"\(code {code}\)"):
            await records.of_patients(Encounter, [P1, P2], Narrowing(), STATUS)

    assert len(source.asked) == 1


async def test_elements_that_are_refused_are_not_asked_for_again() -> None:
    def behaviour(asked: Asked) -> Answer:
        return json_answer({}, 400) if b"_elements" in asked.body else each_ones(asked)

    async with asking(behaviour, strategy="or-list") as (records, _source):
        with tallied() as first:
            await records.of_patients(Encounter, [P1, P2], Narrowing(), STATUS)
        with tallied() as second:
            found = await records.of_patients(Encounter, [P1, P2], Narrowing(), STATUS)

    assert ids_of(found) == {P1: ["e-p1"], P2: ["e-p2"]}
    assert (first.total, second.total) == (2, 1)


async def test_a_server_whose_statement_cannot_be_had_is_asked_by_lists() -> None:
    def behaviour(asked: Asked) -> Answer:
        return json_answer({}, 404) if asked.target == "/metadata" else each_ones(asked)

    async with asking(behaviour) as (records, _source):
        await records.of_patients(Encounter, [P1, P2], Narrowing(), STATUS)
        found = await records.of_patients(Encounter, [P1, P2], Narrowing(), STATUS)

    assert ids_of(found) == {P1: ["e-p1"], P2: ["e-p2"]}


@pytest.mark.parametrize("count", [1, 99, 100, 101, 250])
async def test_a_batch_holds_a_hundred_questions_at_most(count: int) -> None:
    sizes: list[int] = []

    def behaviour(asked: Asked) -> Answer:
        sizes.append(len(json.loads(asked.body)["entry"]))
        return batched(asked)

    patients = [PatientId(f"p{n}") for n in range(count)]
    async with asking(behaviour, strategy="batch") as (records, _):
        found = await records.of_patients(Encounter, patients, Narrowing(), STATUS)

    assert list(found) == patients
    assert sorted(sizes, reverse=True) == [100] * (count // 100) + [count % 100] * (count % 100 > 0)


async def test_a_server_that_is_down_is_not_asked_in_another_way() -> None:
    down: Callable[[Asked], Answer] = lambda asked: json_answer({}, 500)  # noqa: E731
    async with asking(down, **EPIC) as (records, source):
        with pytest.raises(SourceUnavailable):
            await records.of_patients(Encounter, [P1, P2], Narrowing(), STATUS)

    assert len(source.asked) == 1
