"""The story of the README in a real browser: sign in, run the sample, switch persona, run it again.

`scripts/browser` installs what this needs and runs it. With `CAREGRAPH_SCREENSHOTS=docs` it takes the
README's pictures.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from sandbox.dataset import generate
from tests.stories.house import House, running

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    # Chromium's own sandbox needs a user that is not root; the rest keeps it from calling home.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SCREENSHOTS = os.environ.get("CAREGRAPH_SCREENSHOTS")

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with running(generate(20, today=date(2026, 11, 22))) as made:
        yield made


@pytest.fixture
def page(house: House) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    assert CHROMIUM is not None, "Chromium is missing; run scripts/browser"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        opened = browser.new_page(viewport={"width": 1440, "height": 900})
        opened.set_default_timeout(30_000)
        opened.goto(house.addresses.gateway)
        yield opened
        browser.close()


def sign_in(page: Any, persona: str, button: str) -> None:
    page.get_by_role("button", name=button).first.click()
    page.locator(f"button[value={persona}]").click()
    for place in ("query-editor", "editor-tool", "response"):
        page.locator(f".graphiql-{place} .view-line").first.wait_for()


def run_sample(page: Any) -> dict[str, Any]:
    """The answer to the sample, as the network brought it."""
    with page.expect_response(
        lambda r: r.url.endswith("/graphql") and "Overview" in str(r.request.post_data)
    ) as seen:
        page.locator(".graphiql-execute-button").click()
    answer: dict[str, Any] = seen.value.json()
    page.locator(".graphiql-response .view-line", has_text="patients").first.wait_for()
    return answer


def picture(page: Any, name: str) -> None:
    if SCREENSHOTS is not None:
        page.wait_for_timeout(500)
        page.screenshot(path=Path(SCREENSHOTS) / f"explorer-{name}.png")


def test_the_same_sample_shows_a_clinician_three_systems_and_a_marketer_engagement_alone(
    page: Any, house: House
) -> None:
    sign_in(page, "clinician", "Sign in")
    seen = run_sample(page)
    picture(page, "clinician")
    page.get_by_role("button", name="Switch persona").click()
    page.locator("button[value=marketer]").click()
    page.locator(".graphiql-query-editor .view-line").first.wait_for()
    page.locator(".graphiql-response .view-line").first.wait_for()
    denied = run_sample(page)
    picture(page, "marketer")

    assert "errors" not in seen
    (patient,) = [edge["node"] for edge in seen["data"]["patients"]["edges"]]
    assert patient["appointments"]["nodes"]
    assert patient["encounters"]["nodes"]
    assert patient["engagement"]["lifecycleStage"] is not None
    (stranger,) = [edge["node"] for edge in denied["data"]["patients"]["edges"]]
    assert stranger == {
        "id": patient["id"],
        "name": None,
        "birthDate": None,
        "appointments": None,
        "encounters": None,
        "engagement": patient["engagement"],
    }
    assert {error["extensions"]["code"] for error in denied["errors"]} == {"FORBIDDEN"}
    assert [error["path"][-1] for error in denied["errors"]] == [
        "name",
        "birthDate",
        "appointments",
        "encounters",
    ]


def run_and_see(page: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """What was sent when the sample was run again, and what came back."""
    with page.expect_response(
        lambda r: r.url.endswith("/graphql") and "Overview" in str(r.request.post_data)
    ) as seen:
        page.locator(".graphiql-execute-button").click()
    answer: dict[str, Any] = seen.value.json()
    return seen.value.request.post_data_json, answer


def test_a_clinician_states_a_purpose_and_breaks_the_glass_once_for_many_requests(
    page: Any, house: House
) -> None:
    sign_in(page, "clinician", "Sign in")
    page.get_by_role("button", name="Show Purpose").click()
    page.get_by_label("Requests are made for").select_option("COC")
    page.get_by_label("Patient", exact=True).fill("Patient/pat-000001")
    page.get_by_label("Reason").fill("Unconscious,\nbrought in by ambulance")
    page.get_by_role("button", name="Break the glass").click()

    declared, first = run_and_see(page)
    used, second = run_and_see(page)
    page.get_by_role("button", name="End the emergency").click()
    ended, last = run_and_see(page)

    assert declared["extensions"] == {
        "purposeOfUse": "COC",
        "breakGlass": {
            "patient": "Patient/pat-000001",
            "reason": "Unconscious, brought in by ambulance",
            "part2Emergency": False,
        },
    }
    assert used["extensions"]["breakGlass"] == {"patient": "Patient/pat-000001"}
    assert first["extensions"]["breakGlass"] == second["extensions"]["breakGlass"]
    assert ended["extensions"] == {"purposeOfUse": "COC"}
    assert "breakGlass" not in last["extensions"]
    assert "ambulance" not in page.evaluate("JSON.stringify([sessionStorage, localStorage])")


def test_who_does_not_treat_is_offered_no_emergency(page: Any, house: House) -> None:
    sign_in(page, "frontdesk", "Sign in")

    page.get_by_role("button", name="Show Purpose").click()

    page.get_by_label("Requests are made for").wait_for()
    assert page.get_by_role("button", name="Break the glass").count() == 0
