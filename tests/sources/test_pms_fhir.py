"""A practice over FHIR: what it is asked, roads round about, what changed, and what is wrong with it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import httpx
import msgspec
import pytest

from sandbox.ehr.quirks import ATHENAHEALTH, Quirks
from sandbox.pms.fhir import practice_dataset
from sources.calling import tallied
from sources.errors import SourceError, SourceMisread, SourceRejected, SourceUnavailable
from sources.fhir.practice import Account, Extension, InnerExtension, MoneyValue
from sources.model import Appointment, Balance, ChangeKind, CodeableConcept, Coding, Money, Mrn
from sources.pms.fhir import FhirPractice
from sources.pms.fhir.normalise import balance
from sources.ports import AppointmentQuery, Listed
from tests.sources.fhir_servers import TOKEN, practice_of, serving
from tests.sources.practice import Served, appointments
from tests.sources.stub import Answer, Asked, Behaviour, Stub, answer, json_answer, stub

pytestmark = pytest.mark.anyio

ALL = frozenset(Appointment.__struct_fields__)
TIMES = frozenset({"start"})
M1, M2 = Mrn("MRN-000001"), Mrn("MRN-000003")
EVERY = AppointmentQuery()
THIS_YEAR = AppointmentQuery(start="2026-01-01T00:00:00Z", end="2027-01-01T00:00:00Z")


# -- servers that cannot be searched by patient ---------------------------------------------


@pytest.fixture(scope="module")
def by_date(served: Served) -> Iterator[str]:
    searchable = {"Appointment": frozenset({"date", "status", "identifier", "actor"})}
    with serving(practice_dataset(served.dataset.pms), Quirks(searchable=searchable)) as url:
        yield url


@pytest.fixture(scope="module")
def by_id_only(served: Served) -> Iterator[str]:
    with serving(practice_dataset(served.dataset.pms), ATHENAHEALTH) as url:
        yield url


def of(served: Served, query: AppointmentQuery, *mrns: Mrn) -> dict[Mrn, list[str]]:
    rows = [row for row in appointments(served.dataset) if query.matches(row)]
    return {mrn: sorted(row.id for row in rows if row.patient_mrn == mrn) for mrn in mrns}


def ids_of(found: Any) -> dict[Mrn, list[str]]:
    return {mrn: sorted(row.id for row in mine.rows) for mrn, mine in found.items()}


async def test_appointments_are_found_by_the_days_asked_for_and_others_stay_where_they_are(
    by_date: str, served: Served
) -> None:
    practice = practice_of(by_date)
    found = await practice.appointments_of([M1, M2], THIS_YEAR, TIMES)
    await practice.close()

    assert ids_of(found) == of(served, THIS_YEAR, M1, M2)
    assert all(isinstance(mine, Listed) and mine.complete for mine in found.values())


async def test_without_days_a_bound_holds_and_is_told(by_date: str, served: Served) -> None:
    practice = practice_of(by_date, days_back=10, days_ahead=10)
    found = await practice.appointments_of([M1, M2], EVERY, TIMES)
    page = await practice.search_appointments(AppointmentQuery(mrns=(M1, M2)), 5, None, TIMES)
    await practice.close()

    assert {mrn: isinstance(mine, Listed) and mine.complete for mrn, mine in found.items()} == {
        M1: False,
        M2: False,
    }
    assert all(set(ids) <= set(of(served, EVERY, mrn)[mrn]) for mrn, ids in ids_of(found).items())
    assert [type(error) for error in page.missing] == [SourceRejected]


async def test_a_search_round_about_goes_page_by_page(by_date: str, served: Served) -> None:
    practice = practice_of(by_date)
    query = replace_mrns(THIS_YEAR, M1, M2)
    rows: list[Appointment] = []
    bookmark: str | None = None
    for _ in range(50):
        page = await practice.search_appointments(query, 2, bookmark, TIMES)
        rows += page.rows
        assert (len(page.rows) <= 2, page.missing) == (True, ())
        bookmark = page.next
        if bookmark is None:
            break
    with pytest.raises(SourceRejected, match="start again without it"):
        await practice.search_appointments(query, 2, "~x", TIMES)
    await practice.close()

    expected = of(served, THIS_YEAR, M1, M2)
    assert sorted(row.id for row in rows) == sorted([*expected[M1], *expected[M2]])
    assert [row.start for row in rows] == sorted((row.start for row in rows), key=instant)


def replace_mrns(query: AppointmentQuery, *mrns: Mrn) -> AppointmentQuery:
    return AppointmentQuery(query.start, query.end, query.statuses, query.npis, mrns)


def instant(text: str | None) -> datetime:
    return datetime.fromisoformat(text or "")


async def test_a_server_that_knows_appointments_by_id_alone_is_asked_for_those_of_encounters(
    by_id_only: str, served: Served
) -> None:
    practice = practice_of(by_id_only, vendor="athenahealth")
    found = await practice.appointments_of([M1, M2], EVERY, TIMES)
    checked = await practice.check()
    await practice.close()

    visited = [row.id for row in appointments(served.dataset) if row.visit_number]
    expected = {mrn: [id_ for id_ in ids if id_ in visited] for mrn, ids in of(served, EVERY, M1, M2).items()}
    assert ids_of(found) == expected
    assert all(isinstance(mine, Listed) and not mine.complete for mine in found.values())
    assert checked.said[-1] == "a patient's appointments by encounter"


# -- what it is asked -----------------------------------------------------------------------


PATIENT = {
    "resourceType": "Patient",
    "id": "p1",
    "identifier": [{"system": "urn:caregraph:sandbox:mrn", "value": "MRN-000001"}],
}
DOCTOR = {
    "resourceType": "Practitioner",
    "id": "d1",
    "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": "1234567893"}],
}


def booked(id_: str, *actors: str, **more: Any) -> dict[str, Any]:
    participants = [{"actor": {"reference": actor}, "status": "accepted"} for actor in actors]
    times = {"start": "2026-12-01T10:00:00Z", "end": "2026-12-01T10:30:00Z"}
    return {
        "resourceType": "Appointment",
        "id": id_,
        "status": "booked",
        "participant": participants,
        **times,
        **more,
    }


A1 = booked("a1", "Patient/p1", "Practitioner/d1", meta={"versionId": "1"})


def holding(**rows: Any) -> Behaviour:
    """A server that gives the same rows of a type whatever it is asked."""

    def behaviour(asked: Asked) -> Answer:
        type_ = asked.target.strip("/").partition("/")[0].partition("?")[0]
        held = rows.get(type_, [])
        if isinstance(held, bytes):
            return held
        entries = [{"resource": row} for row in held]
        return json_answer({"resourceType": "Bundle", "type": "searchset", "entry": entries})

    return behaviour


@asynccontextmanager
async def asking(behaviour: Behaviour, **settings: Any) -> AsyncIterator[tuple[FhirPractice, Stub]]:
    async with stub(behaviour) as source:
        practice = practice_of(
            source.url, **{"strategy": "or-list", "appointments_by": "patient", **settings}
        )
        yield practice, source
        await practice.close()


async def test_only_what_is_wanted_is_asked_for_and_nothing_of_a_person_is_in_a_url() -> None:
    behaviour = holding(Patient=[PATIENT], Appointment=[A1], Practitioner=[DOCTOR])
    async with asking(behaviour) as (practice, source):
        with tallied() as tally:
            found = await practice.appointments_of([M1], THIS_YEAR, TIMES)

    assert ids_of(found) == {M1: ["a1"]}
    assert tally.total == 2
    assert [(asked.method, asked.target) for asked in source.asked] == [
        ("POST", "/Patient/_search"),
        ("POST", "/Appointment/_search"),
    ]
    assert source.asked[0].form["identifier"] == ["urn:caregraph:sandbox:mrn|MRN-000001"]
    assert source.asked[1].form == {
        "patient": ["Patient/p1"],
        "date": ["ge2026-01-01T00:00:00Z", "lt2027-01-01T00:00:00Z"],
        "_count": ["1000"],
        "_elements": ["id,participant,start,status"],
    }


async def test_practitioners_are_looked_up_where_somebody_is_to_know_them() -> None:
    behaviour = holding(Patient=[PATIENT], Appointment=[A1], Practitioner=[DOCTOR])
    async with asking(behaviour) as (practice, source):
        found = await practice.appointments_of([M1], EVERY, frozenset({"booked"}))

    assert [row.npis for row in rows_of(found, M1)] == [("1234567893",)]
    assert [asked.target for asked in source.asked][2:] == ["/Practitioner/_search"]


def rows_of(found: Any, mrn: Mrn) -> Any:
    return found[mrn].rows


async def test_a_practitioner_may_be_named_by_npi_or_in_a_role() -> None:
    identifier = {"system": "http://hl7.org/fhir/sid/us-npi", "value": "1999999984"}
    by_npi = {"actor": {"reference": "Practitioner/d9", "identifier": identifier, "display": "Dr. Nine"}}
    row = booked("a1", "Patient/p1", "PractitionerRole/r1")
    row["participant"].append({**by_npi, "status": "accepted"})
    role = {"resourceType": "PractitionerRole", "id": "r1", "practitioner": {"reference": "Practitioner/d1"}}
    behaviour = holding(Patient=[PATIENT], Appointment=[row], PractitionerRole=[role], Practitioner=[DOCTOR])
    async with asking(behaviour) as (practice, _):
        found = await practice.appointments(["a1"], ALL)

    mine = found["a1"]
    assert isinstance(mine, Appointment)
    assert [(each.npi, each.display) for each in mine.booked] == [
        ("1234567893", None),
        ("1999999984", "Dr. Nine"),
    ]


async def test_a_patient_nobody_knows_costs_one_call_and_has_no_appointments() -> None:
    async with asking(holding()) as (practice, source):
        assert await practice.appointments_of([M1], EVERY, ALL) == {}
        assert await practice.coverages_of([M1], ALL) == {}
        assert await practice.search_appointments(AppointmentQuery(mrns=(M1,)), 5, None, ALL) is not None

    assert {asked.target for asked in source.asked} == {"/Patient/_search"}


async def test_a_practitioner_nobody_knows_has_no_appointments() -> None:
    async with asking(holding(Patient=[PATIENT])) as (practice, source):
        found = await practice.appointments_of([M1], AppointmentQuery(npis=("1234567893",)), ALL)

    assert found == {}
    assert all("Appointment" not in asked.target for asked in source.asked)


# -- whose appointments they are ---------------------------------------------------------------


async def test_an_appointment_of_several_patients_is_each_ones() -> None:
    other = {**PATIENT, "id": "p2", "identifier": [{"system": "urn:caregraph:sandbox:mrn", "value": M2}]}
    behaviour = holding(Patient=[PATIENT, other], Appointment=[booked("a1", "Patient/p1", "Patient/p2")])
    async with asking(behaviour) as (practice, _):
        found = await practice.appointments_of([M1, M2], EVERY, TIMES)

    assert {mrn: [row.patient_mrn for row in mine.rows] for mrn, mine in found.items()} == {  # type: ignore[union-attr]
        M1: [M1],
        M2: [M2],
    }


async def test_somebody_elses_appointment_is_not_given_to_the_patient() -> None:
    behaviour = holding(Patient=[PATIENT], Appointment=[booked("a9", "Patient/p9")])
    async with asking(behaviour) as (practice, _):
        with pytest.raises(SourceMisread, match="most rows are not what was asked for"):
            await practice.appointments_of([M1], EVERY, TIMES)


async def test_a_time_off_is_nobodys_appointment() -> None:
    behaviour = holding(Patient=[PATIENT], Appointment=[A1, booked("a2", "Practitioner/d1")])
    async with asking(behaviour) as (practice, _):
        by_id = await practice.appointments(["a1", "a2"], TIMES)
        page = await practice.search_appointments(EVERY, 5, None, TIMES)

    assert (set(by_id), [row.id for row in page.rows]) == ({"a1"}, ["a1"])


async def test_the_appointment_of_a_patient_without_an_mrn_cannot_be_told() -> None:
    nameless = {"resourceType": "Patient", "id": "p1", "identifier": [{"system": "urn:other", "value": "1"}]}
    async with asking(holding(Patient=[nameless], Appointment=[A1])) as (practice, _):
        found = await practice.appointments(["a1"], TIMES)
        page = await practice.search_appointments(EVERY, 5, None, TIMES)

    assert str(found["a1"]) == "source `pms`: Patient: no identifier of the MRN system"
    assert page.rows == ()


async def test_an_appointment_without_a_status_is_misread_for_its_patient() -> None:
    row = {name: value for name, value in A1.items() if name != "status"}
    async with asking(holding(Patient=[PATIENT], Appointment=[row])) as (practice, _):
        found = await practice.appointments_of([M1], EVERY, TIMES)

    assert str(found[M1]) == "source `pms`: Appointment: `status` is missing"


FAULTS = [
    pytest.param(json_answer({}, 500), SourceUnavailable, id="500"),
    pytest.param(json_answer({}, 429, Retry_After="60"), SourceUnavailable, id="429"),
    pytest.param(json_answer({}, 401), SourceRejected, id="401"),
    pytest.param(json_answer({}, 403), SourceRejected, id="403"),
    pytest.param(answer(b"<html>Jane Doe"), SourceMisread, id="HTML"),
    pytest.param(
        json_answer({"resourceType": "Bundle", "type": "searchset", "entry": 1}), SourceMisread, id="type"
    ),
]


@pytest.mark.parametrize("type_", ["Patient", "Appointment", "Practitioner"])
@pytest.mark.parametrize(("fault", "error"), FAULTS)
async def test_a_fault_of_any_of_the_calls_is_one_error(
    fault: bytes, error: type[SourceError], type_: str
) -> None:
    rows = {"Patient": [PATIENT], "Appointment": [A1], "Practitioner": [DOCTOR]} | {type_: fault}
    async with asking(holding(**rows)) as (practice, _):
        with pytest.raises(error) as raised:
            await practice.appointments_of([M1], EVERY, ALL)

    assert "Jane" not in str(raised.value)


async def test_a_row_with_an_unknown_field_costs_its_patient() -> None:
    async with asking(holding(Patient=[PATIENT], Appointment=[{**A1, "vendor": "Jane"}])) as (practice, _):
        found = await practice.appointments_of([M1], EVERY, ALL)

    assert str(found[M1]) == "source `pms`: Appointment: unknown field `vendor`"


# -- changes --------------------------------------------------------------------------------


@pytest.fixture
def fresh(served: Served) -> Iterator[str]:
    """A server whose records a test may change."""
    with serving(practice_dataset(served.dataset.pms)) as url:
        yield url


def client(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"})


async def test_what_was_changed_made_and_deleted_is_noticed_with_its_patient(
    fresh: str, served: Served
) -> None:
    mine = [row for row in appointments(served.dataset) if row.patient_mrn == M1][:3]
    practice = practice_of(fresh)
    _, start = await practice.changes(None)
    with client(fresh) as http:
        first = http.get(f"/Appointment/{mine[0].id}").json()
        http.put(f"/Appointment/{mine[0].id}", json={**first, "status": "cancelled"}).raise_for_status()
        made = http.post("/Appointment", json={**first, "status": "booked"}).raise_for_status().json()["id"]
        http.delete(f"/Appointment/{mine[1].id}").raise_for_status()
    noticed, after = await practice.changes(start)
    again, _ = await practice.changes(after)
    await practice.close()

    told = {it.change.id: (it.mrn, it.change.kind, it.change.version) for it in noticed}
    assert told == {
        mine[0].id: (M1, ChangeKind.UPDATED, "2"),
        made: (M1, ChangeKind.CREATED, "1"),
        mine[1].id: (M1, ChangeKind.DELETED, "2"),
    }
    # The last minutes are looked at again: who has seen them tells by the key.
    assert {it.change.key for it in again} == {it.change.key for it in noticed}
    assert [it.change.occurred for it in noticed] == sorted(it.change.occurred for it in noticed)


async def test_a_server_without_a_history_tells_of_no_deletion(served: Served) -> None:
    with serving(practice_dataset(served.dataset.pms), Quirks(history=False)) as url:
        practice = practice_of(url)
        _, start = await practice.changes(None)
        with client(url) as http:
            http.delete("/Appointment/5001").raise_for_status()
        noticed, _ = await practice.changes(start)
        await practice.close()

    assert list(noticed) == []


async def test_a_change_whose_patient_cannot_be_had_now_is_looked_at_again() -> None:
    rows = {"Appointment": [{**A1, "meta": {"versionId": "2", "lastUpdated": "2999-01-01T00:00:00Z"}}]}
    async with asking(holding(**rows, Patient=json_answer({}, 503))) as (practice, _):
        _, start = await practice.changes(None)
        with pytest.raises(SourceUnavailable):
            await practice.changes(start)


@pytest.mark.parametrize("bookmark", ["", "x", "2026-01-01/2026-01-01", "2026-01-01T00:00:00Z"])
async def test_a_bookmark_of_changes_that_is_not_ours_is_rejected(bookmark: str) -> None:
    async with asking(holding()) as (practice, source):
        with pytest.raises(SourceRejected, match="begin again without it"):
            await practice.changes(bookmark)

    assert source.asked == []


# -- bills ----------------------------------------------------------------------------------


URL = "urn:balance"


def owing(*parts: InnerExtension, status: str = "active", url: str = URL, **amount: Any) -> Account:
    money = InnerExtension(url="amount", value_money=MoneyValue(**amount))
    return Account(id="x", status=status, extension=(Extension(url=url, extension=(money, *parts)),))


def concept(code: str) -> CodeableConcept:
    return CodeableConcept(coding=(Coding(code=code),))


TERM = InnerExtension(url="term", value_codeable_concept=concept("30"))
INSURANCE = InnerExtension(url="aggregate", value_codeable_concept=concept("insurance"))
HERS = InnerExtension(url="aggregate", value_codeable_concept=concept("patient"))
ESTIMATE = InnerExtension(url="estimate", value_boolean=True)
ACCOUNTS = [
    pytest.param([owing(value="12.50", currency="USD")], "12.50", id="one"),
    pytest.param([owing(value="0.00", currency="USD")], "0.00", id="nothing"),
    pytest.param(
        [owing(value="1.10", currency="USD"), owing(value="2.20", currency="USD")], "3.30", id="two"
    ),
    pytest.param([owing(HERS, value="5", currency="USD")], "5", id="the patient's part"),
    pytest.param([owing(INSURANCE, value="5", currency="USD")], None, id="the insurance's part"),
    pytest.param([owing(TERM, value="5", currency="USD")], None, id="what is due for long"),
    pytest.param([owing(ESTIMATE, value="5", currency="USD")], None, id="an estimate"),
    pytest.param([owing(value="5", currency="USD", status="inactive")], None, id="a closed account"),
    pytest.param([owing(value="5", currency="USD", url="urn:other")], None, id="another extension"),
    pytest.param([], None, id="no account"),
]


@pytest.mark.parametrize(("accounts", "amount"), ACCOUNTS)
def test_what_is_owed_is_what_active_accounts_say_for_certain(
    accounts: list[Account], amount: str | None
) -> None:
    expected = amount and Balance(patient_mrn=M1, amount=Money(value=amount, currency="USD"))

    assert balance(map(as_decimal, accounts), M1, URL) == expected


def as_decimal(account: Account) -> Account:
    """The tests write amounts as text."""
    return msgspec.convert(msgspec.to_builtins(account), Account, strict=False)


async def test_amounts_of_several_currencies_have_no_sum() -> None:
    def account(id_: str, currency: str) -> dict[str, Any]:
        money = {"url": URL, "valueMoney": {"value": 1.5, "currency": currency}}
        subject = [{"reference": "Patient/p1"}]
        return {
            "resourceType": "Account",
            "id": id_,
            "status": "active",
            "subject": subject,
            "extension": [money],
        }

    rows = {"Patient": [PATIENT], "Account": [account("x", "USD"), account("y", "EUR")]}
    async with asking(holding(**rows), balance_extension=URL) as (practice, _):
        found = await practice.balances([M1], ALL)

    assert str(found[M1]) == "source `pms`: Account: amounts of several currencies"


async def test_a_server_without_accounts_has_no_balances_and_is_not_asked() -> None:
    rest = {"mode": "server", "resource": [{"type": "Appointment", "interaction": [{"code": "read"}]}]}
    statement = {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": [rest]}
    async with asking(holding(metadata=json_answer(statement), Patient=[PATIENT])) as (practice, source):
        assert await practice.balances([M1], ALL) == {}

    assert [asked.target for asked in source.asked] == ["/metadata"]
