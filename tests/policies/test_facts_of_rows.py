"""When what a row tells of was, where it bears its labels, and which sensitivities speak of which others."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from policies.facts import FROM_THE_PMS, labels_of, period_of
from policies.labels import widened
from sources.model import Coding, Period

DAY, OTHER_DAY = "2026-03-01", "2026-04-01"
SPAN = Period(start="2026-01-01", end="2026-01-31")

# The element that a type is dated by, the best one first (FHIR R4, each resource's page).
DATED_BY = {
    "AllergyIntolerance": ("recorded_date", "onset_date_time"),
    "Appointment": ("start",),
    "CarePlan": ("period",),
    "Condition": ("recorded_date", "onset_date_time"),
    "DocumentReference": ("date",),
    "Encounter": ("period",),
    "Immunization": ("occurrence_date_time",),
    "MedicationRequest": ("authored_on",),
    "Observation": ("effective_date_time", "effective_period", "issued"),
    "Procedure": ("performed_date_time", "performed_period"),
}
EACH = [(kind, name) for kind, names in DATED_BY.items() for name in names]
LABELLED = sorted({*DATED_BY, "Patient"} - {"Appointment"})


def dated(kind: str, **given: object) -> SimpleNamespace:
    return SimpleNamespace(**(dict.fromkeys(DATED_BY[kind]) | given))


@pytest.mark.parametrize(("kind", "name"), EACH)
def test_a_row_is_of_the_day_that_its_only_date_says(kind: str, name: str) -> None:
    assert period_of(kind, dated(kind, **{name: DAY})) == Period(start=DAY, end=DAY)
    assert period_of(kind, dated(kind, **{name: SPAN})) == SPAN


@pytest.mark.parametrize(("kind", "name"), EACH)
def test_of_several_dates_the_best_one_counts(kind: str, name: str) -> None:
    later = DATED_BY[kind][DATED_BY[kind].index(name) + 1 :]

    assert period_of(kind, dated(kind, **{name: DAY} | dict.fromkeys(later, OTHER_DAY))) == Period(
        start=DAY, end=DAY
    )


@pytest.mark.parametrize("kind", DATED_BY)
def test_a_row_without_a_date_is_of_no_day(kind: str) -> None:
    assert period_of(kind, dated(kind)) is None


@pytest.mark.parametrize("kind", LABELLED)
def test_a_record_of_the_ehr_bears_its_labels_in_its_meta(kind: str) -> None:
    mark = Coding(system="http://terminology.hl7.org/CodeSystem/v3-Confidentiality", code="V")
    row = SimpleNamespace(security=(mark,), security_label=())

    assert labels_of(kind, row).level == "V"


def test_a_document_bears_labels_of_its_own_as_well() -> None:
    mark = Coding(system="http://terminology.hl7.org/CodeSystem/v3-Confidentiality", code="V")

    assert labels_of("DocumentReference", SimpleNamespace(security=(), security_label=(mark,))).level == "V"


def test_bookings_accounts_and_coverage_come_whole() -> None:
    assert {"Account", "Appointment", "Coverage"} == FROM_THE_PMS


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ("BH", {"COGN", "DVD", "EMOTDIS", "MH", "PSY", "PSYTHPN", "SUD", "ETHUD", "OPIOIDUD"}),
        ("ETH", {"SUD", "ETHUD", "OPIOIDUD"}),
        ("SUD", {"ETHUD", "OPIOIDUD"}),
        ("PSY", {"PSYTHPN"}),
        ("GDIS", {"SICKLE", "SCA"}),
        ("SICKLE", {"SCA"}),
        ("SDV", {"MST"}),
        ("HIV", set()),
    ],
)
def test_who_speaks_of_something_sensitive_speaks_of_its_kinds(wide: str, narrow: set[str]) -> None:
    assert widened(frozenset({wide})) == {wide, *narrow}
