"""The PMS ports over REST: many patients in one call, FHIR's words, and what a wrong answer costs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.calling import Allowed, Limits, Nonconforming, Upstream
from sources.errors import BookmarkLost, SourceMisread, SourceRejected
from sources.looks import Bookmark
from sources.model import Appointment, ChangeKind, Mrn
from sources.pms.clock import PracticeClock
from sources.pms.rest import PmsSettings, RestPms
from sources.pms.rest.client import _APPOINTMENTS
from sources.pms.rest.normalise import STATUS, appointment
from sources.ports import AppointmentQuery, Listed, Page
from tests.sources.stub import (
    Answer,
    Asked,
    Behaviour,
    json_answer,
    stub,
)

pytestmark = pytest.mark.anyio

M1, M2, M3 = Mrn("M1"), Mrn("M2"), Mrn("M3")
ANY: frozenset[str] = frozenset()
EVERY = AppointmentQuery()


@asynccontextmanager
async def practice_at(
    url: str, limits: Limits | None = None, allowed: Allowed | None = None, **settings: Any
) -> AsyncIterator[RestPms]:
    upstream = Upstream("pms", "pms", url, limits=limits or Limits(timeout_s=20), allowed=allowed)
    practice = RestPms(PmsSettings("pms", "America/Chicago", **settings), upstream)
    yield practice
    await practice.close()


def row(id_: int, mrn: str = "M1", **more: Any) -> dict[str, Any]:
    return {
        "id": id_,
        "patient": {"id": 301, "mrn": mrn},
        "practitioner": {"id": 7, "npi": "1234567893", "name": "Ana Reyes"},
        "location": {"id": 2, "name": "Video, Springfield"},
        "status": "confirmed",
        "service_code": "VID30",
        "service_name": "Video visit",
        "reason": "Follow-up",
        "starts_at": "2026-12-01T10:00:00",
        "duration_minutes": 30,
        "is_telehealth": True,
        "video_url": "https://video.sandbox.example/v/5001",
        "visit_number": f"V-{id_}",
        "created_at": "2026-11-01T09:00:00",
        "updated_at": "2026-11-20T09:00:00",
        "version": 3,
        **more,
    }


def page(*rows: Any, cursor: str | None = None, **more: Any) -> bytes:
    return json_answer({"appointments": rows, "next_cursor": cursor, **more})


async def test_an_appointment_is_told_in_fhirs_words_and_in_instants() -> None:
    async with stub(lambda asked: page(row(5001))) as source, practice_at(source.url) as practice:
        found = await practice.appointments(["5001"], ANY)

    told = found["5001"]
    assert isinstance(told, Appointment)
    assert told.id == "5001"
    assert (told.patient_mrn, told.status, told.version) == ("M1", "booked", "3")
    assert (told.start, told.end) == ("2026-12-01T10:00:00-06:00", "2026-12-01T10:30:00-06:00")
    assert (told.minutes_duration, told.last_updated) == (30, "2026-11-20T09:00:00-06:00")
    assert [(it.text, it.coding[0].code) for it in told.service_type] == [("Video visit", "VID30")]
    assert [it.text for it in told.reason_code] == ["Follow-up"]
    assert [(it.npi, it.display) for it in told.booked] == [("1234567893", "Ana Reyes")]
    assert (told.location_id, told.location_name) == ("2", "Video, Springfield")
    assert (told.is_telehealth, told.video_url) == (True, "https://video.sandbox.example/v/5001")
    assert told.visit_number == "V-5001"


async def test_what_an_appointment_lacks_is_absent() -> None:
    bare = row(1, practitioner=None, location=None, reason=None, video_url=None, visit_number=None)
    async with stub(lambda asked: page(bare)) as source, practice_at(source.url) as practice:
        found = await practice.appointments(["1"], ANY)

    told = found["1"]
    assert isinstance(told, Appointment)
    assert (told.booked, told.reason_code) == ((), ())
    assert (told.location_id, told.location_name, told.video_url, told.visit_number) == (None,) * 4


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("scheduled", "booked"),
        ("confirmed", "booked"),
        ("arrived", "arrived"),
        ("checked_in", "checked-in"),
        ("in_session", "checked-in"),
        ("completed", "fulfilled"),
        ("cancelled", "cancelled"),
        ("no_show", "noshow"),
    ],
)
async def test_each_status_has_one_word_of_fhirs(theirs: str, ours: str) -> None:
    query = AppointmentQuery(statuses=(ours,))
    async with stub(lambda asked: page(row(1, status=theirs))) as source, practice_at(source.url) as practice:
        found = await practice.appointments_of([M1], query, ANY)

    assert [it.status for it in rows_of(found, M1)] == [ours]
    assert theirs in source.asked[0].json["statuses"]


def rows_of(found: Any, mrn: Mrn) -> tuple[Appointment, ...]:
    return tuple(found[mrn].rows)


async def test_one_call_serves_many_patients_and_keeps_their_rows_in_order() -> None:
    rows = [row(3, "M2"), row(1, "M1"), row(2, "M2")]
    async with stub(lambda asked: page(*rows)) as source, practice_at(source.url) as practice:
        found = await practice.appointments_of([M1, M2, M3, M1], EVERY, ANY)

    assert {mrn: [it.id for it in rows_of(found, mrn)] for mrn in found} == {"M1": ["1"], "M2": ["3", "2"]}
    (asked,) = source.asked
    assert (asked.method, asked.target) == ("POST", "/v1/appointments/search")
    assert asked.json == {"patient_mrns": ["M1", "M2", "M3"], "order": "starts_at", "limit": 5000}


async def test_a_query_is_put_in_the_pmss_words_and_wall_time() -> None:
    query = AppointmentQuery(
        start="2026-12-01T06:00:00Z",
        end="2026-12-02T06:00:00.5+00:00",
        statuses=("booked", "waitlist"),
        npis=("1234567893",),
    )
    rows = [row(1), row(2, starts_at="2026-12-02T00:00:00"), row(3, starts_at="2026-12-02T00:00:01")]
    async with stub(lambda asked: page(*rows)) as source, practice_at(source.url) as practice:
        found = await practice.appointments_of([M1], query, ANY)

    body = source.asked[0].json
    assert (body["from"], body["to"]) == ("2026-12-01T00:00:00", "2026-12-02T00:00:01")
    assert body["statuses"] == ["scheduled", "confirmed"]
    assert body["practitioner_npis"] == ["1234567893"]
    assert [it.id for it in rows_of(found, M1)] == ["1", "2"]


async def test_statuses_the_pms_does_not_know_match_nothing_and_ask_nothing() -> None:
    query = AppointmentQuery(statuses=("waitlist",))
    async with stub(lambda asked: page(row(1))) as source, practice_at(source.url) as practice:
        assert await practice.appointments_of([M1], query, ANY) == {}
        assert await practice.search_appointments(query, 10, None, ANY) == Page()

    assert source.asked == []


async def test_ids_that_are_no_numbers_are_absent_and_not_asked_for() -> None:
    ids = ["1", "x", "", "-1", "01", "1.0", "٣", "9" * 30]
    async with stub(lambda asked: page(row(1))) as source, practice_at(source.url) as practice:
        found = await practice.appointments(ids, ANY)

    assert list(found) == ["1"]
    assert source.asked[0].json["ids"] == [1]


async def test_appointments_are_found_by_visit_number() -> None:
    async with stub(lambda asked: page(row(7))) as source, practice_at(source.url) as practice:
        found = await practice.appointments_by_visit(["V-7", "V-8", ""], ANY)

    assert list(found) == ["V-7"]
    assert source.asked[0].json["visit_numbers"] == ["V-7", "V-8"]


FOREIGN = [
    pytest.param(row(2, "M9"), id="another patient"),
    pytest.param(row(2, "M9", vendor=1), id="another patient, unreadable"),
    pytest.param({"id": 2, "status": "confirmed"}, id="nobody"),
    pytest.param(row(2, "M1", status="cancelled"), id="another status"),
    pytest.param(row(2, "M1", practitioner={"id": 1, "npi": "9", "name": "x"}), id="another practitioner"),
]


@pytest.mark.parametrize("foreign", FOREIGN)
async def test_a_row_nobody_asked_for_is_dropped_and_an_answer_of_such_is_not_trusted(foreign: Any) -> None:
    query = AppointmentQuery(statuses=("booked",), npis=("1234567893",))
    async with stub(lambda asked: page(row(1), foreign)) as source, practice_at(source.url) as practice:
        found: Any = await practice.appointments_of([M1], query, ANY)
    async with stub(lambda asked: page(foreign)) as source, practice_at(source.url) as practice:
        with pytest.raises(SourceMisread, match="appointment: most rows are not what was asked for"):
            await practice.appointments_of([M1], query, ANY)

    assert [it.id for it in found[M1].rows] == ["1"]


async def test_a_search_checks_whose_rows_it_gets() -> None:
    mine = AppointmentQuery(mrns=(M1,))
    async with stub(lambda asked: page(row(1), row(2, "M9"))) as source, practice_at(source.url) as practice:
        found = await practice.search_appointments(mine, 10, None, ANY)
    async with stub(lambda asked: page(row(2, "M9"))) as source, practice_at(source.url) as practice:
        with pytest.raises(SourceMisread, match="appointment: most rows are not what was asked for"):
            await practice.search_appointments(mine, 10, None, ANY)

    assert [it.id for it in found.rows] == ["1"]


UNREADABLE = [
    ({"status": "teleported"}, "appointment.status: malformed"),
    ({"vendor": "Jane Doe"}, "appointment: unknown field `vendor`"),
    ({"starts_at": "2026-12-01T10:00:00Z"}, "appointment: a time is malformed"),
    ({"starts_at": "2026-02-30T10:00:00"}, "appointment: a time is malformed"),
    ({"updated_at": "Jane"}, "appointment.updated_at: malformed"),
    ({"duration_minutes": "30"}, "appointment.duration_minutes: str instead of int"),
    ({"duration_minutes": -5}, "appointment.duration_minutes: malformed"),
    ({"version": None}, "appointment.version: null instead of int"),
    ({"location": {"id": 2}}, "appointment.location: `name` is missing"),
    ({"is_telehealth": "yes"}, "appointment.is_telehealth: str instead of bool"),
]


@pytest.mark.parametrize(("change", "why"), UNREADABLE, ids=[why for _, why in UNREADABLE])
async def test_a_bad_row_costs_its_own_key(change: dict[str, Any], why: str) -> None:
    body = page(row(1), row(2, "M2", **change))
    async with stub(lambda asked: body) as source, practice_at(source.url) as practice:
        by_patient = await practice.appointments_of([M1, M2], EVERY, ANY)
        by_id = await practice.appointments(["1", "2"], ANY)

    assert isinstance(by_patient[M1], Listed)
    assert isinstance(by_id["1"], Appointment)
    assert str(by_patient[M2]) == str(by_id["2"]) == f"source `pms`: {why}"


async def test_cursors_are_followed_to_the_end() -> None:
    def behaviour(asked: Asked) -> Answer:
        cursor = asked.json.get("cursor")
        following = {None: "a", "a": "b", "b": None}[cursor]
        return page(row({None: 1, "a": 2, "b": 2}[cursor]), cursor=following)

    async with stub(behaviour) as source, practice_at(source.url, page_size=1) as practice:
        found = await practice.appointments_of([M1], EVERY, ANY)

    assert [it.id for it in rows_of(found, M1)] == ["1", "2"]
    assert [asked.json.get("cursor") for asked in source.asked] == [None, "a", "b"]
    assert {asked.json["limit"] for asked in source.asked} == {1}


async def test_pages_without_end_are_cut_and_said_to_be() -> None:
    endless: Behaviour = lambda asked: page(row(len(source.asked)), cursor=f"c{len(source.asked)}")  # noqa: E731
    async with stub(endless) as source, practice_at(source.url, page_limit=3) as practice:
        found = await practice.appointments_of([M1, M2], EVERY, ANY)

    assert [(len(rows_of(found, mrn)), found[mrn].complete) for mrn in found] == [(3, False), (0, False)]  # type: ignore[union-attr]


async def test_pages_that_go_round_in_a_circle_are_misread() -> None:
    circle: Behaviour = lambda asked: page(row(len(source.asked)), cursor="again")  # noqa: E731
    async with stub(circle) as source, practice_at(source.url) as practice:
        with pytest.raises(SourceMisread, match="go round in a circle"):
            await practice.appointments_of([M1], EVERY, ANY)

    assert len(source.asked) == 2


async def test_locations_coverages_and_balances_are_told_in_fhirs_words() -> None:
    answers: dict[str, Any] = {
        "/v1/locations/search": {
            "locations": [
                {
                    "id": 1,
                    "name": "Main Street",
                    "kind": "site",
                    "phone": "+12175550101",
                    "address": {"line": "1 E Main", "city": "S", "state": "IL", "postal_code": "62701"},
                },
                {"id": 2, "name": "Video", "kind": "video", "phone": None, "address": None},
            ]
        },
        "/v1/coverages/search": {
            "coverages": [
                {
                    "id": id_,
                    "patient_mrn": "M1",
                    "payer_name": "Lincoln Mutual",
                    "plan_name": "HMO",
                    "member_id": "L1",
                    "status": status,
                    "starts_on": "2025-01-01",
                    "ends_on": None,
                }
                for id_, status in ((10, "active"), (11, "inactive"))
            ]
        },
        "/v1/balances/search": {
            "balances": [
                {
                    "patient_mrn": "M1",
                    "amount_due": "120.50",
                    "currency": "USD",
                    "as_of": "2026-11-20T00:00:00",
                },
                {
                    "patient_mrn": "M2",
                    "amount_due": "a lot",
                    "currency": "USD",
                    "as_of": "2026-11-20T00:00:00",
                },
            ]
        },
    }
    behaviour: Behaviour = lambda asked: json_answer(answers[asked.target])  # noqa: E731
    async with stub(behaviour) as source, practice_at(source.url) as practice:
        locations = await practice.locations(["1", "2", "3"], ANY)
        coverages = await practice.coverages_of([M1, M2], ANY)
        balances = await practice.balances([M1, M2, M3], ANY)

    site: Any = locations["1"]
    assert (site.name, site.mode, site.status, site.type[0].text) == (
        "Main Street",
        "instance",
        "active",
        "Site",
    )
    assert (site.address.line, site.address.postal_code) == (("1 E Main",), "62701")
    assert [(it.system, it.value) for it in site.telecom] == [("phone", "+12175550101")]
    assert list(locations) == ["1", "2"]
    mine: Any = coverages[M1]
    assert [(it.status, it.payor, it.period.start, it.period.end) for it in mine.rows] == [
        ("active", "Lincoln Mutual", "2025-01-01", None),
        ("cancelled", "Lincoln Mutual", "2025-01-01", None),
    ]
    due: Any = balances[M1]
    assert (due.amount.value, due.amount.currency, due.as_of) == (
        "120.50",
        "USD",
        "2026-11-20T00:00:00-06:00",
    )
    assert str(balances[M2]) == "source `pms`: balance.amount_due: malformed"
    assert M3 not in balances


async def test_coverages_and_balances_of_others_are_not_trusted() -> None:
    owed = {"patient_mrn": "M9", "amount_due": "1.00", "currency": "USD", "as_of": "2026-11-20T00:00:00"}
    body = json_answer({"balances": [owed]})
    async with stub(lambda asked: body) as source, practice_at(source.url) as practice:
        with pytest.raises(SourceMisread, match="most rows are not what was asked for"):
            await practice.balances([M1], ANY)


async def test_changes_are_looked_for_from_now_on_and_with_an_overlap() -> None:
    now = datetime.now(UTC)
    written = now.astimezone(PracticeClock("America/Chicago")._zone).replace(tzinfo=None, microsecond=0)
    late = (written + timedelta(seconds=30)).isoformat()
    old = (written - timedelta(seconds=60)).isoformat()
    rows = [row(1, updated_at=old), row(2, "M2", version=1, updated_at=late), row(3, updated_at=late)]
    async with stub(lambda asked: page(*rows)) as source, practice_at(source.url) as practice:
        nothing, begin = await practice.changes(None)
        noticed, after = await practice.changes(begin)
        again, _ = await practice.changes(after)

    assert nothing == ()
    assert [(it.mrn, it.change.key, it.change.kind) for it in noticed] == [
        ("M2", "pms:Appointment:2:1", ChangeKind.CREATED),
        ("M1", "pms:Appointment:3:3", ChangeKind.UPDATED),
    ]
    assert all(it.change.patient_id == "" for it in noticed)
    assert [it.change.key for it in again] == [it.change.key for it in noticed]
    first, second = (asked.json for asked in source.asked)
    assert first["order"] == "updated_at"
    since = [datetime.fromisoformat(body["updated_since"]) for body in (first, second)]
    assert abs(written - since[0] - timedelta(seconds=120)) <= timedelta(seconds=5)
    assert since[1] == datetime.fromisoformat(late) - timedelta(seconds=120)


async def test_a_bookmark_of_changes_that_is_not_ours_is_refused() -> None:
    async with stub(lambda asked: page()) as source, practice_at(source.url) as practice:
        with pytest.raises(SourceRejected, match="begin again without it"):
            await practice.changes("yesterday")

    assert source.asked == []


@given(st.text(max_size=60))
def test_any_text_is_a_bookmark_or_refused(text: str) -> None:
    try:
        bookmark = Bookmark.parsed(text, "pms")
    except BookmarkLost:
        return

    assert str(bookmark) == text
    assert datetime.fromisoformat(bookmark.seen).tzinfo is not None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.just("SECRET"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(list(row(1))), JSON, max_size=3))
def test_whatever_a_row_holds_it_is_an_appointment_or_a_refusal_without_values(
    change: dict[str, Any],
) -> None:
    clock = PracticeClock("America/Chicago")
    said = ""
    try:
        read = _APPOINTMENTS.read(page(row(1, **change)).partition(b"\r\n\r\n")[2])
        told = [appointment(it, clock) for it in read.rows]
        said = "".join(bad.why for bad in read.unread)
    except Nonconforming as fault:
        told = []
        said = str(fault)

    assert "SECRET" not in said
    assert bool(told) != bool(said)
    assert all(it.status in STATUS.values() for it in told)


async def test_a_bad_row_of_a_search_costs_itself_and_is_told_beside_the_others() -> None:
    bad = row(2) | {"vendor": "Jane"}
    async with stub(lambda asked: page(row(1), bad, row(3))) as source, practice_at(source.url) as practice:
        found = await practice.search_appointments(AppointmentQuery(), 10, None, ANY)

    assert [each.id for each in found.rows] == ["1", "3"]
    assert [str(error) for error in found.missing] == ["source `pms`: appointment: unknown field `vendor`"]


async def test_a_field_that_is_allowed_is_dropped_from_row_and_envelope() -> None:
    body = page(row(1) | {"vendor": "Jane"}, row(2), server=1)
    allowed = Allowed({"settings-1": ["appointment.vendor", "appointments.server"]})
    async with stub(lambda asked: body) as source, practice_at(source.url, allowed=allowed) as practice:
        found = await practice.search_appointments(AppointmentQuery(), 10, None, ANY)

    assert [each.id for each in found.rows] == ["1", "2"]
    assert found.missing == ()
