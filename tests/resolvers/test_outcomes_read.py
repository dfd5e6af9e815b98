"""Outcomes are counted from all bookings of a quarter that may count, or not at all."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from policies import Actor
from policies.small_cells import TOO_FEW, Told
from resolvers import counting
from resolvers.cohort import Outcome, Quarter
from resolvers.consents import NoConsents
from resolvers.faults import TooMuch
from sources.errors import SourceError, SourceMisread, SourceUnavailable
from sources.model import Appointment, Mrn, Patient, PatientId
from sources.ports import Page
from tests.policies.people import a_clinician, the_front_desk, the_marketer
from tests.resolvers.office import Office, concept, denial, patient

pytestmark = pytest.mark.anyio

QUARTER = Quarter(2026, 2)
WHO = {"the marketer": the_marketer, "the front desk": the_front_desk, "a clinician": a_clinician}
EVERYONE = pytest.mark.parametrize("who", WHO.values(), ids=WHO)


def people(count: int) -> list[PatientId]:
    return [PatientId(f"pat-{number}") for number in range(count)]


def chart(whose: PatientId, *labels: str) -> Patient:
    return patient(whose, *labels, mrn=f"M-{whose}")


def visit(whose: PatientId, day: str = "2026-05-01", **more: Any) -> Appointment:
    return Appointment(
        id=f"{whose} {day}",
        patient_mrn=Mrn(f"M-{whose}"),
        status=more.pop("status", "fulfilled"),
        start=f"{day}T10:00:00Z",
        **more,
    )


async def counted(office: Office, who: Actor = the_marketer) -> Outcome:
    (found,) = await office.loaders(who).counting.outcomes().load([QUARTER])
    if isinstance(found, Exception):
        raise found
    assert found is not None
    return found


@EVERYONE
async def test_everyone_is_told_the_same(who: Actor) -> None:
    some = people(25)
    office = Office((*map(chart, some),), (*map(visit, some),))

    found = await counted(office, who)

    assert (found.patients, found.kept, found.seen) == (Told(21, 30),) * 3
    assert office.pms.names() == ["search_appointments"]
    assert set(office.ehr.names()) == {"identified", "of_patients"}
    assert office.crm.names() == []


@EVERYONE
async def test_who_denies_outreach_does_not_count_for_anybody(who: Actor) -> None:
    some = people(11)
    office = Office((*map(chart, some),), (*map(visit, some),), (denial(some[3]),))

    assert (await counted(office, who)).patients == Told(withheld=TOO_FEW)


@EVERYONE
async def test_a_sensitive_booking_does_not_count_and_a_plain_one_of_the_same_patient_does(
    who: Actor,
) -> None:
    some = people(11)
    plain = [*map(visit, some)]
    sensitive = [visit(one, "2026-05-20", reason_code=(concept("F11.20"),)) for one in some]
    records = (*map(chart, some),)

    found = await counted(Office(records, (*plain, *sensitive)), who)
    without = await counted(Office(records, (*plain[1:], *sensitive)), who)

    assert (found.kept, found.followed_up) == (Told(11, 20), Told(withheld=TOO_FEW))
    assert without.kept == Told(withheld=TOO_FEW)


@EVERYONE
async def test_a_patient_whose_record_is_closely_held_does_not_count(who: Actor) -> None:
    *most, held = people(11)
    office = Office((*map(chart, most), chart(held, "CEL")), (*map(visit, most), visit(held)))

    assert (await counted(office, who)).patients == Told(withheld=TOO_FEW)


async def test_a_booking_under_a_chart_that_nobody_has_does_not_count() -> None:
    *most, unknown = people(11)
    records, bookings = (*map(chart, most),), (*map(visit, most), visit(unknown))
    without_consents = Office(records, bookings)
    without_consents.consents = NoConsents()

    assert (await counted(Office(records, bookings))).patients == Told(withheld=TOO_FEW)
    assert (await counted(without_consents)).patients == Told(withheld=TOO_FEW)


async def test_a_patient_of_two_charts_counts_once() -> None:
    some = people(10)
    other = patient(some[0], mrn="M-other")
    both = Patient(id=some[0], identifier=(*chart(some[0]).identifier, *other.identifier))
    elsewhere = Appointment(
        id="x", patient_mrn=Mrn("M-other"), status="fulfilled", start="2026-05-09T10:00:00Z"
    )
    office = Office((both, *map(chart, some[1:])), (*map(visit, some), elsewhere))

    assert (await counted(office)).patients == Told(withheld=TOO_FEW)


async def test_pages_are_read_to_the_end_and_the_days_after_the_quarter_with_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(counting, "PAGE", 7)
    some = people(30)
    office = Office((*map(chart, some),), (*map(visit, some), *(visit(one, "2026-05-31") for one in some)))

    found = await counted(office)

    assert (found.kept, found.followed_up) == (Told(51, 60), Told(21, 30))
    assert len(office.pms.asked) == 9
    query = office.pms.asked[0][1][0]
    assert (query.start, query.end) == ("2026-04-01T00:00:00+00:00", "2026-07-31T00:00:00+00:00")


async def test_no_more_is_asked_of_a_booking_than_what_is_counted_and_what_the_rules_look_at() -> None:
    some = people(11)
    office = Office((*map(chart, some),), (*map(visit, some),))
    office.consents = NoConsents()

    await counted(office)

    ((_, (_, _, _, wanted)),) = office.pms.asked
    assert {"patient_mrn", "status", "start"} <= wanted
    assert not {"description", "booked", "visit_number"} & wanted


async def test_consents_are_asked_for_in_one_call_and_others_have_their_turn_between_pages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(counting, "PAGE", 5)
    some = people(60)
    office = Office((*map(chart, some),), (*map(visit, some),), (denial(some[7]),))
    turns = 0

    async def another() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    waiting = asyncio.create_task(another())
    found = await counted(office)
    waiting.cancel()

    assert found.patients == Told(51, 60)
    assert office.ehr.names() == ["identified", "of_patients"]
    assert turns > 24


async def test_more_bookings_than_are_counted_are_not_counted_in_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(counting, "PAGE", 10)
    monkeypatch.setattr(counting, "MOST_BOOKINGS", 20)
    some = people(31)
    office = Office((*map(chart, some),), (*map(visit, some),))

    with pytest.raises(TooMuch, match="a quarter of more than 20 bookings is not counted, nor a part of it"):
        await counted(office)
    assert office.ehr.names() == []


async def test_a_book_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "MOST_BOOKINGS", 5)
    office = Office()
    office.pms.instead["search_appointments"] = Page((), "again")

    with pytest.raises(TooMuch):
        await counted(office)
    assert len(office.pms.asked) == 5


async def test_more_quarters_than_four_are_not_counted_at_once() -> None:
    office = Office()
    loader = office.loaders(the_marketer).counting.outcomes()

    every = await loader.load([Quarter(2020 + number, 1) for number in range(5)])

    assert [str(each) for each in every] == ["at most 4 quarters may be asked for in one operation"] * 5
    assert office.pms.names() == []
    few = [Quarter(2020 + number, 1) for number in range(4)]
    four = await office.loaders(the_marketer).counting.outcomes().load(few)
    assert [each.name for each in four if isinstance(each, Outcome)] == [
        "2020-Q1",
        "2021-Q1",
        "2022-Q1",
        "2023-Q1",
    ]


@pytest.mark.parametrize(
    ("source", "method", "instead", "error"),
    [
        pytest.param(
            "pms", "search_appointments", SourceUnavailable("pms", "down"), SourceUnavailable, id="the book"
        ),
        pytest.param(
            "pms",
            "search_appointments",
            Page((visit(PatientId("pat-1")),), None, (SourceMisread("pms", "a row"),)),
            SourceMisread,
            id="a row of the book",
        ),
        pytest.param(
            "ehr", "identified", SourceUnavailable("ehr", "down"), SourceUnavailable, id="the owners"
        ),
        pytest.param(
            "ehr",
            "identified",
            {"urn:mrn|M-pat-1": SourceMisread("ehr", "a row")},
            SourceMisread,
            id="one owner",
        ),
        pytest.param(
            "ehr", "of_patients", SourceUnavailable("ehr", "down"), SourceUnavailable, id="the consents"
        ),
        pytest.param(
            "ehr",
            "of_patients",
            {PatientId("pat-1"): SourceMisread("ehr", "a row")},
            SourceMisread,
            id="the consents of one",
        ),
    ],
)
async def test_what_cannot_be_had_in_full_is_an_error_and_no_count(
    source: str, method: str, instead: Any, error: type[SourceError]
) -> None:
    some = people(30)
    office = Office((*map(chart, some),), (*map(visit, some),))
    getattr(office, source).instead[method] = instead

    with pytest.raises(error):
        await counted(office)


async def test_nobody_is_noted_as_told_of() -> None:
    some = people(12)
    loaders = Office((*map(chart, some),), (*map(visit, some),)).loaders(the_marketer)

    await loaders.counting.outcomes().load([QUARTER])

    assert (loaders.touched.patients, loaders.touched.charts) == (set(), set())
    assert loaders.touched.is_part_2 is False


async def test_the_book_is_asked_for_what_is_counted_and_what_decides_and_no_more() -> None:
    some = people(1)
    office = Office((*map(chart, some),), (*map(visit, some),))

    await counted(office)

    assert office.pms.asked[0][1][3] == {"patient_mrn", "status", "start", "service_type", "reason_code"}
    (identified,) = [how for name, how in office.ehr.asked if name == "identified"]
    assert identified[2] == {"mrn", "security"}
