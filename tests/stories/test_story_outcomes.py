"""Outreach is told how a quarter went, of no fewer than eleven patients, and nothing of any one of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from sandbox.dataset import generate
from sandbox.records import Dataset, Json
from tests.stories.conftest import TODAY
from tests.stories.house import NEVER_S, House, running
from tests.stories.test_story_consents import audience, consent

CELLS = ("patients", "kept", "missed", "cancelled", "other", "seen", "followedUp")
ASKED = (
    'query Went { outcomes(quarter: "2026-Q2") { quarter firstDay lastDay attendanceRate followUpRate '
    + " ".join(f"{cell} {{ atLeast atMost withheld }}" for cell in CELLS)
    + " } }"
)
SENSITIVE = {"Recovery follow-up", "Anxiety follow-up", "HIV care visit"}
DENY_OUTREACH = [f"pat-{number:06}" for number in range(7, 200, 7)]
DENY_MARKETING = [f"pat-{number:06}" for number in range(11, 200, 11)]
DENY_ASSISTANTS = [f"pat-{number:06}" for number in range(5, 200, 5)]
MARKETING = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HMARKT"}


def practice() -> Dataset:
    """Two hundred patients; many miss appointments, and some object to outreach, for whichever reason."""
    dataset = generate(200, today=TODAY)
    dataset.resources["Consent"].clear()
    for patient in DENY_ASSISTANTS:
        dataset.add(consent(patient, actor=audience("ai")))
    for patient in DENY_MARKETING:
        dataset.add(consent(patient, purpose=[MARKETING]))
    for patient in DENY_OUTREACH:
        dataset.add(consent(patient, actor=audience("crm")))
    for row in dataset.pms.appointments[::3]:
        if row["status"] == "completed":
            row["status"] = "no_show"
    return dataset


@pytest.fixture(scope="module")
def trail(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trail")


@pytest.fixture(scope="module")
def office(trail: Path) -> Iterator[House]:
    with running(practice(), poll_seconds=NEVER_S, trail=trail) as made:
        yield made


def counted(dataset: Dataset) -> dict[str, list[str]]:
    """Whose the bookings of each cell are, read from the practice's own records without the gateway."""
    ids = {
        identifier["value"]: id_
        for id_, person in dataset.resources["Patient"].items()
        for identifier in person["identifier"]
    }
    objecting = {*DENY_OUTREACH, *DENY_MARKETING}
    rows = [
        (ids[row["patient"]["mrn"]], row["status"], _day(row, dataset.pms.time_zone))
        for row in dataset.pms.appointments
        if row["reason"] not in SENSITIVE and row["service_code"] != "BHV50"
    ]
    rows = [row for row in rows if row[0] not in objecting]
    inside = [row for row in rows if "2026-04-01" <= row[2].isoformat() <= "2026-06-30"]
    shown = {"completed": "kept", "no_show": "missed", "cancelled": "cancelled"}
    cells: dict[str, list[str]] = {cell: [] for cell in CELLS}
    for patient, status, _ in inside:
        cells[shown.get(status, "other")].append(patient)
    cells["patients"] = sorted({patient for patient, _, _ in inside})
    cells["seen"] = sorted(set(cells["kept"]))
    cells["followedUp"] = sorted(
        {
            patient
            for patient, status, day in inside
            for other, then, later in rows
            if status == then == "completed" and patient == other and 1 <= (later - day).days <= 30
        }
    )
    return cells


def _day(row: Json, zone: str) -> Any:
    local = datetime.fromisoformat(row["starts_at"]).replace(tzinfo=ZoneInfo(zone))
    return local.astimezone(ZoneInfo("UTC")).date()


def test_each_count_is_the_range_of_ten_that_holds_what_the_practice_has(office: House) -> None:
    told = office.data("marketer", ASKED)["outcomes"]
    cells = counted(office.dataset)

    assert (told["quarter"], told["firstDay"], told["lastDay"]) == ("2026-Q2", "2026-04-01", "2026-06-30")
    for cell, patients in cells.items():
        assert told[cell] == _told(patients), cell
    assert told["missed"]["atLeast"] is not None
    assert told["other"]["withheld"] == "fewer than 11 patients"


def _told(patients: list[str]) -> dict[str, Any]:
    if len(set(patients)) < 11:
        return {"atLeast": None, "atMost": None, "withheld": "fewer than 11 patients"}
    tens = (len(patients) - 1) // 10 * 10
    return {"atLeast": tens + 1, "atMost": tens + 10, "withheld": None}


def test_rates_are_of_what_is_told_and_nothing_more(office: House) -> None:
    told = office.data("marketer", ASKED)["outcomes"]

    kept, missed = (told[cell]["atLeast"] + 4.5 for cell in ("kept", "missed"))
    assert told["attendanceRate"] == round(kept / (kept + missed), 2)
    assert (told["followUpRate"] is None) is (told["followedUp"]["withheld"] is not None)


def test_who_sees_more_of_the_bookings_is_told_the_same(office: House) -> None:
    assert office.data("frontdesk", ASKED) == office.data("marketer", ASKED)


def test_the_practice_and_the_ehr_are_asked_and_the_crm_is_not(office: House) -> None:
    office.forget()

    office.data("marketer", ASKED)

    assert {call.target for call in office.asked_all()} == {"pms appointments", "ehr Patient"}
    assert {call.elements for call in office.asked("ehr")} == {frozenset({"id", "identifier", "meta"})}


@pytest.mark.parametrize(
    ("persona", "scope", "reasons", "missing"),
    [
        (
            "patient",
            None,
            ["boundary-patient-denies-outcomes", "confined-to-one-patient", "scope-missing"],
            [],
        ),
        ("partner", None, ["boundary-partner-denies-outcomes", "scope-missing"], []),
        ("ai", None, ["boundary-ai-denies-outcomes", "scope-missing"], []),
        ("clinician", None, ["scope-missing"], ["__outcomes.read"]),
        ("marketer", "openid __engagement.read", ["scope-missing"], ["__outcomes.read"]),
    ],
)
def test_who_may_not_be_told_is_told_why_and_nothing_is_asked_for(
    office: House, persona: str, scope: str | None, reasons: list[str], missing: list[str]
) -> None:
    office.forget()

    answer = office.ask(persona, ASKED, scope=scope)

    assert answer["data"] == {"outcomes": None}
    (error,) = answer["errors"]
    assert error["path"] == ["outcomes"]
    assert error["extensions"]["code"] == "FORBIDDEN"
    assert error["extensions"]["reasons"] == reasons
    assert error["extensions"]["missingScopes"] == missing
    assert office.asked_all() == []


@pytest.mark.parametrize("quarter", ["2099-Q1", "2026-04-01", "2026-Q2/2026-Q3", "", "latest"])
def test_a_quarter_that_is_not_closed_or_none_is_refused_and_nothing_is_asked_for(
    office: House, quarter: str
) -> None:
    office.forget()

    answer = office.ask("marketer", ASKED.replace("2026-Q2", quarter))

    (error,) = answer["errors"]
    assert answer["data"] == {"outcomes": None}
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"].startswith(
        "`quarter` must be one that ended 30 days ago or earlier; the latest is"
    )
    assert office.asked_all() == []


def test_a_practice_that_is_down_is_an_error_and_no_count(office: House) -> None:
    with office.faulty("pms", "status", value=503):
        answer = office.ask("marketer", ASKED)

    assert answer["data"] == {"outcomes": None}
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["SOURCE_UNAVAILABLE"]


def test_it_is_recorded_and_the_record_names_nobody(office: House, trail: Path) -> None:
    office.data("marketer", ASKED)

    with sqlite3.connect(max(trail.glob("*.db"))) as file:
        (body,) = file.execute("SELECT body FROM records ORDER BY seq DESC LIMIT 1").fetchone()
    record = msgspec.json.decode(body)
    assert (record["operation"], record["audience"]) == ("Went", "crm")
    assert (record.get("outcome", "answered"), record["calls"].keys()) == ("answered", {"ehr", "pms"})
    assert (record.get("patients", []), record.get("charts", [])) == ([], [])
    assert record["withheld"]["consent-denies"] > 0
    assert record["withheld"]["label-sensitivity"] > 0
