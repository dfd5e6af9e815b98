"""The explorer in a real browser, against a made-up schema and a made-up identity provider.

`scripts/browser` installs Chromium and the `browser` dependency group, and runs these tests.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.explorer_stage import SCOPES, Stage, made_up_token, on_stage

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# Chromium's own sandbox needs a user that is not root; the rest keeps it from calling its makers' servers.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
BUSY_MS = 60_000
"""How long the page may take on a busy machine."""
SWALLOWED_MS = 15_000
"""After this long without an answer the click is taken not to have started anything."""
SCREENSHOTS = os.environ.get("CAREGRAPH_SCREENSHOTS")


@pytest.fixture
def stage() -> Iterator[Stage]:
    with on_stage() as opened:
        yield opened


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    assert CHROMIUM is not None, "Chromium is missing; run scripts/browser"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Any, stage: Stage) -> Iterator[Any]:
    """A fresh tab; whatever the console calls an error (a policy violation among them) fails the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 860})
    opened = context.new_page()
    opened.set_default_timeout(BUSY_MS)
    problems: list[str] = []
    elsewhere: list[str] = []
    opened.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("request", lambda request: elsewhere.append(request.url))
    opened.problems = problems
    yield opened
    context.close()
    assert [url for url in elsewhere if not url.startswith(("http://127.0.0.1:", "data:", "blob:"))] == []
    assert problems == []


def sign_in(page: Any, stage: Stage, persona: str) -> None:
    page.goto(stage.origin)
    page.get_by_role("button", name="Sign in").first.click()
    page.get_by_role("link", name=persona).click()
    editors_are_there(page)


def editors_are_there(page: Any) -> None:
    """GraphiQL takes no click on its run button before all three are."""
    for place in ("query-editor", "editor-tool", "response"):
        page.locator(f".graphiql-{place} .view-line").first.wait_for()


def click_run(page: Any) -> None:
    page.locator(".graphiql-execute-button").click()


def run(page: Any) -> dict[str, Any]:
    """The answer to the query in the editor, as the network brought it.

    GraphiQL takes no click while it works on the page, and does not say when it is ready: clicked again.
    """
    from playwright.sync_api import TimeoutError as NothingCame

    for _ in range(BUSY_MS // SWALLOWED_MS):
        try:
            with page.expect_response(is_an_answer, timeout=SWALLOWED_MS) as seen:
                click_run(page)
        except NothingCame:
            continue
        answer: dict[str, Any] = seen.value.json()
        return answer
    raise AssertionError("the run button sent nothing")


def is_an_answer(response: Any) -> bool:
    """Whether it answers a query of the editor, and not GraphiQL's own of the schema."""
    return response.url.endswith("/graphql") and "IntrospectionQuery" not in str(response.request.post_data)


def answer_holds(page: Any, text: str) -> None:
    page.locator(".graphiql-response .view-lines", has_text=text).wait_for()


def picture(page: Any, name: str) -> None:
    if SCREENSHOTS is not None:
        page.screenshot(path=str(Path(SCREENSHOTS) / f"{name}.png"))


def test_before_sign_in_the_page_invites_and_asks_the_gateway_nothing(page: Any, stage: Stage) -> None:
    page.goto(stage.origin)
    page.get_by_role("heading", name="Sign in to explore the graph").wait_for()
    picture(page, "invitation")
    assert page.title() == "CareGraph"
    assert stage.guarded.seen == []


@pytest.mark.parametrize("width", [1440, 1024, 700])
def test_the_bar_fits_the_window(page: Any, stage: Stage, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    sign_in(page, stage, "clinician")
    picture(page, f"width-{width}")
    assert page.evaluate("document.querySelector('.cg-bar').scrollWidth") <= width
    assert page.get_by_role("button", name="Sign out").bounding_box()["x"] < width


def test_signing_in_shows_who_with_which_scopes_and_for_how_long(page: Any, stage: Stage) -> None:
    sign_in(page, stage, "clinician")
    assert page.get_by_test_id("who").inner_text().split() == ["clinician", "Practitioner/prac-0001"]
    assert "user/*.rs" in page.get_by_test_id("scopes").inner_text()
    assert page.get_by_test_id("expiry").inner_text() == "expires in 60 min"
    page.get_by_role("button", name="4 scopes").click()
    assert page.locator(".cg-popover li").all_inner_texts() == SCOPES["clinician"].split()
    picture(page, "scopes")


def test_the_sign_in_sends_a_pkce_challenge_and_leaves_no_code_in_the_address(
    page: Any, stage: Stage
) -> None:
    sign_in(page, stage, "clinician")
    asked = stage.identity.asked[0]
    assert asked["response_type"] == "code"
    assert asked["client_id"] == "explorer"
    assert asked["redirect_uri"] == f"{stage.origin}/"
    assert asked["scope"] == "openid user/*.rs"
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["code_challenge"]) == 43
    assert page.url == f"{stage.origin}/"


def test_the_token_is_kept_in_the_tabs_session_storage_only(page: Any, stage: Stage) -> None:
    sign_in(page, stage, "clinician")
    token = made_up_token("clinician")
    assert token in page.evaluate("JSON.stringify(sessionStorage)")
    assert page.evaluate("JSON.stringify(localStorage)") == "{}"
    assert page.evaluate("document.cookie") == ""


def test_the_same_sample_answers_two_personas_differently(page: Any, stage: Stage) -> None:
    sign_in(page, stage, "clinician")
    assert run(page)["data"]["patient"]["conditions"] == ["Hypertension"]
    answer_holds(page, "Hypertension")
    picture(page, "clinician")
    page.get_by_role("button", name="Switch persona").click()
    page.get_by_role("link", name="marketer").click()
    assert stage.identity.asked[1]["prompt"] == "select_account"
    editors_are_there(page)
    assert page.get_by_test_id("who").inner_text().split() == ["marketer", "role", "crm"]
    assert run(page)["data"]["patient"]["conditions"] is None
    answer_holds(page, "conditions")
    picture(page, "marketer")
    assert stage.guarded.seen[-1] == "crm"


def test_a_subscription_sends_the_token_in_its_first_message_and_its_events_arrive(
    page: Any, stage: Stage
) -> None:
    sign_in(page, stage, "clinician")
    page.get_by_role("button", name="Appointments as they change").click()
    click_run(page)
    answer_holds(page, "change 3 for clinician")
    picture(page, "subscription")


def test_the_samples_for_the_one_signed_in_come_first_and_open_with_their_variables(
    page: Any, stage: Stage
) -> None:
    sign_in(page, stage, "marketer")
    headings = page.locator(".cg-samples h3").all_inner_texts()
    assert headings == ["For marketer", "For everyone", "For clinician"]
    page.get_by_role("button", name="One patient across three systems").click()
    page.locator(".graphiql-editor-tool .view-lines", has_text="pat-000001").wait_for()
    page.get_by_role("tab", name="Patient").wait_for()
    assert page.locator("[role=tab]").all_inner_texts() == ["Engagement", "Patient"]


def test_the_documentation_shows_data_class_and_scopes_as_text(page: Any, stage: Stage) -> None:
    sign_in(page, stage, "clinician")
    page.get_by_role("button", name="Show Documentation Explorer").click()
    page.get_by_role("link", name="Query").first.click()
    page.get_by_role("link", name="Patient", exact=True).first.click()
    shown = page.locator(".graphiql-doc-explorer-content")
    shown.get_by_text("Data class: clinical. Needs: Condition.rs.").wait_for()
    assert shown.locator("a[href*='Condition']").count() == 0
    picture(page, "documentation")


def test_the_editor_completes_and_checks_against_the_schema_as_one_types(page: Any, stage: Stage) -> None:
    sign_in(page, stage, "clinician")
    page.get_by_role("button", name="New tab").click()
    page.locator(".graphiql-query-editor .view-lines").click()
    page.keyboard.press("Control+A")
    page.keyboard.type("{ enga")
    page.locator(".suggest-widget .monaco-list-row", has_text="engagement").first.wait_for()
    picture(page, "completion")
    page.keyboard.press("Escape")
    page.keyboard.type("rden }")
    page.locator(".graphiql-query-editor .squiggly-error").first.wait_for()


def test_prettifying_formats_the_query_and_its_variables(page: Any, stage: Stage) -> None:
    sign_in(page, stage, "clinician")
    page.locator(".graphiql-query-editor .view-lines").click()
    page.keyboard.press("Control+A")
    # The editor adds the closing brackets itself.
    page.keyboard.type("{engagement # kept\n")
    page.locator(".graphiql-editor-tool .view-lines").click()
    page.keyboard.press("Control+A")
    page.keyboard.type("[1,2")
    page.get_by_role("button", name="Prettify query").click()
    page.locator(".graphiql-query-editor .view-lines").filter(has_text="engagement # kept").wait_for()
    page.locator(".graphiql-query-editor .view-line").nth(2).wait_for()
    assert page.locator(".graphiql-query-editor .view-line").all_inner_texts()[:3] == [
        "{",
        "\u00a0\u00a0engagement\u00a0#\u00a0kept",
        "}",
    ]
    assert page.locator(".graphiql-editor-tool .view-line").count() == 4


def test_signing_out_forgets_the_token_and_the_queries(page: Any, stage: Stage) -> None:
    sign_in(page, stage, "clinician")
    run(page)
    answer_holds(page, "Hypertension")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in to explore the graph").wait_for()
    assert page.evaluate("JSON.stringify(sessionStorage)") == "{}"


def test_a_refused_sign_in_says_why_in_the_page(page: Any, stage: Stage) -> None:
    stage.identity.refuses = True
    page.goto(stage.origin)
    page.get_by_role("button", name="Sign in").first.click()
    page.get_by_role("link", name="clinician").click()
    said = page.get_by_role("alert").inner_text()
    assert "The identity provider refused the sign-in: This persona is on holiday." in said
    picture(page, "refused")


def test_an_answer_with_another_state_is_not_accepted(page: Any, stage: Stage) -> None:
    page.goto(stage.origin)
    page.get_by_role("button", name="Sign in").first.click()
    page.get_by_role("link", name="clinician").wait_for()
    page.goto(f"{stage.origin}/?code=stolen&state=forged")
    assert "Nothing was accepted" in page.get_by_role("alert").inner_text()
    assert page.evaluate("JSON.stringify(sessionStorage)") == "{}"
    assert page.url == f"{stage.origin}/"


def test_a_code_that_the_provider_does_not_take_says_why_in_the_page(page: Any, stage: Stage) -> None:
    stage.identity.codes = Forgetful()
    page.goto(stage.origin)
    page.get_by_role("button", name="Sign in").first.click()
    page.get_by_role("link", name="clinician").click()
    assert "gave no token: The code is not yours" in page.get_by_role("alert").inner_text()
    # The browser itself reports the 400 that this test provokes.
    assert len(page.problems) == 1
    page.problems.clear()


class Forgetful(dict[str, tuple[str, str]]):
    """Codes that nobody remembers."""

    def __setitem__(self, key: str, value: tuple[str, str]) -> None:
        pass


def test_a_token_that_the_gateway_refuses_is_said_so_with_the_way_on(page: Any, stage: Stage) -> None:
    sign_in(page, stage, "clinician")
    run(page)
    answer_holds(page, "Hypertension")
    stage.guarded.revoked = True
    run(page)
    assert "The token has been revoked. Sign in again." in page.locator(".cg-notice").inner_text()
    answer_holds(page, "no valid token")
    assert all("401" in problem for problem in page.problems)
    page.problems.clear()


def test_an_expired_token_turns_into_a_way_to_sign_in_again(page: Any, stage: Stage) -> None:
    stage.identity.lifetime = 1
    sign_in(page, stage, "clinician")
    page.get_by_role("button", name="Token expired: sign in again").click()
    page.get_by_role("link", name="marketer").wait_for()
