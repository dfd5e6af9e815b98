"""What several practices hold of one patient is told as one, and never as whole where one could not tell."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from resolvers.charts import LAST, merged, owed_in_all, starts
from sources.errors import SourceError, SourceMisread, SourceUnavailable
from sources.model import Appointment, Balance, Chart, Money, Mrn
from sources.ports import AppointmentQuery, Listed
from tests.policies.people import ANA, BEN, a_clinician
from tests.resolvers.office import MRNS, Office, booking, denial

DOWN, CUT = SourceUnavailable("north", "down"), SourceMisread("south", "malformed")
M1, M9 = Mrn("M1"), Mrn("M9")


def test_a_booking_without_a_start_comes_last() -> None:
    assert starts(booking("1", ANA, 3)) == datetime(2026, 11, 3, 10, tzinfo=UTC)
    assert starts(Appointment(id="2", patient_mrn=M1, status="booked", start=None)) == LAST
    assert LAST.year == 9999
    assert LAST.tzinfo is UTC


# -- lists -----------------------------------------------------------------------------------


def test_rows_are_merged_in_the_order_asked_for_or_one_practice_after_the_other() -> None:
    each = [Listed((5, 1)), Listed((3,))]

    assert merged(each, lambda row: row) == Listed((1, 3, 5))
    assert merged(each, None) == Listed((5, 1, 3))
    assert merged(each[:1], lambda row: row) is each[0]


@pytest.mark.parametrize(
    ("each", "whole"),
    [
        pytest.param([Listed((1,)), Listed((2,), complete=False)], Listed((1, 2), complete=False), id="cut"),
        pytest.param([Listed((1,)), DOWN], Listed((1,), False, (DOWN,)), id="one could not tell"),
        pytest.param([DOWN, Listed((1,))], Listed((1,), False, (DOWN,)), id="the first could not tell"),
        pytest.param(
            [DOWN, Listed((1,), False, (CUT,))], Listed((1,), False, (DOWN, CUT)), id="two could not tell"
        ),
        pytest.param(
            [Listed((1,), True, (CUT,)), Listed((2,))], Listed((1, 2), False, (CUT,)), id="one told of a part"
        ),
        pytest.param([DOWN, CUT], DOWN, id="none could tell"),
        pytest.param([DOWN], DOWN, id="the only one could not tell"),
    ],
)
def test_what_one_practice_could_not_tell_is_told_of_the_whole(
    each: list[Listed[int] | SourceError], whole: Listed[int] | SourceError
) -> None:
    assert merged(each, None) == whole


# -- sums ------------------------------------------------------------------------------------


def owes(value: str, as_of: str | None = None, currency: str = "USD") -> Balance:
    return Balance(patient_mrn=M1, amount=Money(value=value, currency=currency), as_of=as_of)


@pytest.mark.parametrize(
    ("each", "owed"),
    [
        pytest.param([owes("1.10"), owes("2.20")], owes("3.30"), id="exact to the cent"),
        pytest.param([owes("1.10"), None], owes("1.10"), id="one knows"),
        pytest.param([None, owes("1.10")], owes("1.10"), id="the other knows"),
        pytest.param([None, None], None, id="none knows"),
        pytest.param([None], None, id="the only one does not know"),
        pytest.param([owes("1.10")], owes("1.10"), id="the only one"),
        pytest.param([owes("1"), owes("2"), owes("-5")], owes("-2"), id="three, and one owes the patient"),
        pytest.param([owes("1"), DOWN], DOWN, id="one could not tell: the sum would be too low"),
        pytest.param([CUT, DOWN], CUT, id="none could tell"),
        pytest.param([DOWN], DOWN, id="the only one could not tell"),
        pytest.param(
            [owes("1", "2026-11-02T00:00:00Z"), owes("2", "2026-11-01T23:30:00+00:00"), owes("3")],
            owes("6", "2026-11-01T23:30:00+00:00"),
            id="as of the oldest that is dated",
        ),
        pytest.param(
            [owes("1", "2026-11-02T00:00:00+02:00"), owes("2", "2026-11-01T23:00:00Z")],
            owes("3", "2026-11-02T00:00:00+02:00"),
            id="the oldest by the instant, not by the text",
        ),
    ],
)
def test_what_is_owed_in_all_is_the_sum_as_of_the_oldest(each: list[Any], owed: Any) -> None:
    assert owed_in_all(each) == owed


def test_several_currencies_have_no_sum() -> None:
    told = owed_in_all([owes("1"), owes("2", currency="EUR")])

    assert isinstance(told, SourceMisread)
    assert (told.source, told.why) == ("pms", "balances in several currencies, which have no sum")


def test_a_sum_is_told_under_the_first_of_the_charts() -> None:
    other = msgspec.structs.replace(owes("2"), patient_mrn=M9)

    assert owed_in_all([owes("1"), other]) == owes("3")


# -- asked for ---------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_each_chart_of_whoever_may_be_asked_for_is_asked_for_once() -> None:
    office = Office(consents=(denial(BEN),))
    hers = (Chart(ANA, MRNS[ANA]), Chart(ANA, M9))
    loader = office.loaders(a_clinician).bookings.appointments_of(AppointmentQuery())

    await loader.load([hers, hers[:1], (Chart(BEN, MRNS[BEN]),)])

    assert [how[0] for name, how in office.pms.asked if name == "appointments_of"] == [[MRNS[ANA], M9]]


@pytest.mark.anyio
async def test_what_one_chart_could_not_tell_is_noted_beside_the_rows_of_the_other() -> None:
    office = Office()
    hers = (Chart(ANA, MRNS[ANA]), Chart(ANA, M9))
    office.pms.instead["appointments_of"] = {MRNS[ANA]: Listed((booking("1", ANA),)), M9: DOWN}
    loaders = office.loaders(a_clinician)

    (listed,) = await loaders.bookings.appointments_of(AppointmentQuery()).load([hers])

    assert isinstance(listed, Listed)
    assert ([row.id for row in listed.rows], listed.complete) == (["1"], False)
    assert loaders.missing == {("north", SourceUnavailable): DOWN}


@pytest.mark.anyio
async def test_where_nobody_may_be_asked_for_the_practice_is_not_asked() -> None:
    office = Office(consents=(denial(BEN),))
    loader = office.loaders(a_clinician).bookings.appointments_of(AppointmentQuery())

    assert await loader.load([(Chart(BEN, MRNS[BEN]),)]) == [Listed()]
    assert office.pms.asked == []
