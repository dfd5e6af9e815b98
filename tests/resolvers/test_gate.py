"""What a gate does with a batch: whom it asks, what it reads again, what it counts, and what it keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from policies import Actor, Audience
from resolvers.gate import Gate, Owner, Touched
from sources.errors import SourceMisread, SourceUnavailable
from sources.model import Condition, Consent, PatientId, Provision
from sources.ports import Listed, Wanted
from tests.policies.people import ANA, BEN, a_clinician, ana, someone
from tests.resolvers.office import POLICY, concept, condition, denial

pytestmark = pytest.mark.anyio

BY_CODE = denial(ANA, code=(concept("F10"),))
PERMITTING = msgspec.structs.replace(denial(ANA), provision=Provision(type="permit"))
READ_AGAIN = {"code", "recorded_date", "onset_date_time"}
PSYCHOTHERAPY = "HIPAAPsyNotes"
FINE, CLOSED = condition("c-1", ANA), condition("c-2", ANA, "F10.20")


class Kept:
    """Consents by patient, and who they were asked for."""

    def __init__(self, **by_patient: Any) -> None:
        self._by_patient = {"pat-ana": (), "pat-ben": (), **by_patient}
        self.asked: list[list[PatientId]] = []

    async def of(self, patients: Sequence[PatientId]) -> Sequence[Any]:
        self.asked.append(list(patients))
        return [self._by_patient[patient] for patient in patients]


def consented(*consents: Consent) -> Kept:
    """Consents of Ana; Ben has none."""
    return Kept(**{ANA: consents})


class Again:
    """Rows that are read a second time, and with what."""

    def __init__(self, **rows: Any) -> None:
        self._rows = rows
        self.asked: list[tuple[list[str], Wanted]] = []

    async def read(self, keys: Sequence[str], wanted: Wanted) -> dict[str, Any]:
        self.asked.append((list(keys), wanted))
        return {key: self._rows[key] for key in keys if key in self._rows}


def gate_of(
    actor: Actor, kept: Kept, *wanted: str, kind: str = "Condition", touched: Touched | None = None
) -> Gate:
    conditions = POLICY.grant(actor).conditions(kind, "rs")
    return Gate(conditions, frozenset(wanted), kept.of, touched or Touched())


def by_owner(_: object, row: Any) -> Any:
    return row.patient_id


# -- consents ----------------------------------------------------------------------------------


async def test_the_consents_of_all_are_asked_for_at_once_and_of_each_once() -> None:
    kept = Kept()

    await gate_of(a_clinician, kept).found(
        {"1": FINE, "2": condition("2", BEN), "3": condition("3", ANA)}, by_owner
    )

    assert kept.asked == [[ANA, BEN]]


async def test_where_no_consent_can_bind_the_actor_none_is_asked_for() -> None:
    kept = consented(denial(ANA))

    found = await gate_of(ana, kept).found({"1": FINE}, by_owner)

    assert found == {"1": FINE}
    assert kept.asked == []


async def test_nobodys_consents_are_not_asked_for() -> None:
    kept = Kept()

    assert await gate_of(a_clinician, kept).found({"1": FINE}, lambda *_: None) == {"1": FINE}
    assert kept.asked == []


async def test_consents_of_rows_out_of_reach_are_not_asked_for() -> None:
    kept, touched = Kept(), Touched()
    own = someone(Audience.CLINICIAN, "patient/*.rs", patient=ANA)

    found = await gate_of(own, kept, touched=touched).found({"1": FINE, "2": condition("2", BEN)}, by_owner)

    assert found == {"1": FINE}
    assert kept.asked == [[ANA]]
    assert touched.withheld == {"row-out-of-reach": 1}


async def test_a_fault_that_is_no_sources_is_raised_and_a_sources_stands_for_the_rows() -> None:
    lost = SourceUnavailable("ehr", "down")

    asked = await gate_of(a_clinician, Kept(**{ANA: lost})).ask([ANA, BEN])
    assert asked.errors == {ANA: lost}
    assert asked.may([ANA, BEN]) == [BEN]
    found = await gate_of(a_clinician, Kept(**{ANA: lost})).found({"1": FINE}, by_owner)
    assert found == {"1": lost}
    with pytest.raises(KeyError):
        await gate_of(a_clinician, Kept(**{ANA: KeyError("a defect of ours")})).ask([ANA])


async def test_whoever_has_no_consent_on_record_is_not_known_of() -> None:
    asked = await gate_of(a_clinician, consented(denial(ANA))).ask([ANA, BEN])

    assert set(asked.by_patient) == {ANA}
    assert asked.may([ANA, BEN]) == [BEN]
    assert asked.errors == {}


async def test_a_patient_whose_consent_closes_a_type_is_counted_once_by_the_rule() -> None:
    touched = Touched()
    gate = gate_of(a_clinician, consented(denial(ANA)), touched=touched)

    await gate.ask([ANA, BEN])
    assert touched.withheld == {"consent-denies": 1}

    unreadable, touched = msgspec.structs.replace(denial(ANA), provision=None), Touched()
    asked = await gate_of(a_clinician, consented(unreadable), touched=touched).ask([ANA])
    assert touched.withheld == {"consent-unreadable": 1}
    assert asked.may([ANA]) == []


async def test_a_consent_that_looks_at_rows_closes_no_type_and_counts_nobody() -> None:
    touched = Touched()

    asked = await gate_of(a_clinician, consented(BY_CODE), touched=touched).ask([ANA])

    assert asked.may([ANA]) == [ANA]
    assert asked.wanted == {"security"} | READ_AGAIN
    assert touched.withheld == {}


# -- rows read again ---------------------------------------------------------------------------


async def test_only_rows_that_a_consent_looks_at_are_read_again() -> None:
    his = condition("3", BEN)
    again = Again(**{"1": FINE, "2": CLOSED})
    kept = Kept(**{ANA: (BY_CODE,), BEN: (PERMITTING,)})

    found = await gate_of(a_clinician, kept).found({"1": FINE, "2": CLOSED, "3": his}, by_owner, again.read)

    assert found == {"1": FINE, "3": his}
    assert again.asked == [(["1", "2"], frozenset({"security"} | READ_AGAIN))]


async def test_nothing_is_read_again_where_all_that_consents_look_at_is_there() -> None:
    again = Again()

    found = await gate_of(a_clinician, consented(BY_CODE), *READ_AGAIN).found(
        {"1": FINE, "2": CLOSED}, by_owner, again.read
    )

    assert found == {"1": FINE}
    assert again.asked == []


async def test_nothing_is_read_again_where_no_consent_looks_at_rows() -> None:
    again = Again()

    assert await gate_of(a_clinician, Kept()).found({"1": FINE}, by_owner, again.read) == {"1": FINE}
    assert again.asked == []


async def test_where_there_is_no_second_reading_rows_are_judged_as_they_are() -> None:
    found = await gate_of(a_clinician, consented(BY_CODE)).found({"1": FINE, "2": CLOSED}, by_owner)

    assert found == {"1": FINE}


async def test_a_row_that_is_gone_at_the_second_reading_is_not_shown_as_it_was() -> None:
    found = await gate_of(a_clinician, consented(BY_CODE)).found({"1": FINE}, by_owner, Again().read)

    assert found == {}


async def test_a_row_that_fails_at_the_second_reading_is_that_error() -> None:
    cut = SourceMisread("ehr", "malformed")

    found = await gate_of(a_clinician, consented(BY_CODE)).found(
        {"1": FINE}, by_owner, Again(**{"1": cut}).read
    )

    assert found == {"1": cut}


async def test_a_row_that_is_anothers_at_the_second_reading_is_held_against_all_conditions() -> None:
    labelled = condition("1", ANA, "I10", PSYCHOTHERAPY)
    touched = Touched()

    found = await gate_of(a_clinician, consented(BY_CODE), touched=touched).found(
        {"1": FINE}, by_owner, Again(**{"1": labelled}).read
    )

    assert found == {}
    assert touched.withheld == {"label-handling": 1}


# -- what is kept and what is counted ----------------------------------------------------------


async def test_an_error_in_place_of_a_row_or_of_its_owner_stays_in_its_place() -> None:
    cut, lost = SourceMisread("ehr", "malformed"), SourceUnavailable("ehr", "down")
    kept = Kept()
    owners: dict[str, Owner] = {"1": ANA, "2": lost}

    found = await gate_of(a_clinician, kept).found(
        {"1": FINE, "2": condition("2", BEN), "3": cut}, lambda key, _: owners[key]
    )

    assert found == {"1": FINE, "2": lost, "3": cut}
    assert kept.asked == [[ANA]]


async def test_beside_a_patient_with_a_consent_every_row_is_held_against_the_conditions() -> None:
    rows = {
        "1": FINE,
        "2": condition("2", ANA, "I10", PSYCHOTHERAPY),
        "3": condition("3", BEN, "I10", PSYCHOTHERAPY),
    }
    touched = Touched()
    found = await gate_of(a_clinician, consented(PERMITTING), touched=touched).found(rows, by_owner)

    assert found == {"1": FINE}
    assert touched.withheld == {"label-handling": 2}


async def test_rows_of_a_list_are_held_against_the_conditions_one_by_one() -> None:
    touched = Touched()
    gate = gate_of(a_clinician, Kept(), touched=touched)
    asked = await gate.ask([ANA])
    lost = SourceUnavailable("ehr", "down")
    rows: Listed[Condition] = Listed((FINE, condition("2", ANA, "I10", PSYCHOTHERAPY)), False, (lost,))

    assert gate.listed(rows, ANA, asked) == Listed((FINE,), False, (lost,))
    assert touched.withheld == {"label-handling": 1}
    assert gate.listed(None, ANA, asked) == Listed()
    assert gate.listed(lost, ANA, asked) is lost


async def test_part_2_is_noted_of_the_row_that_bears_it_and_of_no_other() -> None:
    touched = Touched()
    gate = gate_of(a_clinician, Kept(), touched=touched)

    await gate.found({"1": condition("1", ANA, "F10.20", "ETHUD")}, by_owner)
    assert not touched.is_part_2
    await gate.found({"1": condition("1", ANA, "F10.20", "ETHUD", "42CFRPart2")}, by_owner)
    assert touched.is_part_2


def test_rows_of_nobody_touch_nobody() -> None:
    touched = Touched()

    touched.rows([object(), FINE, None])

    assert touched.patients == {ANA}
    assert (touched.charts, touched.withheld, touched.is_part_2) == (set(), {}, False)


@pytest.mark.parametrize(
    ("actor", "kind", "needs"),
    [
        pytest.param(a_clinician, "Condition", True, id="a consent may bind"),
        pytest.param(ana, "Condition", True, id="only her own"),
        pytest.param(
            someone(Audience.PATIENT, "user/*.rs"),
            "Practitioner",
            False,
            id="everybody's, and no consent binds",
        ),
    ],
)
def test_whose_a_row_is_matters_where_a_scope_or_a_consent_asks(actor: Actor, kind: str, needs: bool) -> None:
    assert gate_of(actor, Kept(), kind=kind).needs_owner is needs


def test_a_gate_asks_for_what_is_read_and_what_the_conditions_need() -> None:
    assert gate_of(ana, Kept(), "severity").wanted == {"severity", "subject", "security"}
