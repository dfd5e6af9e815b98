"""The explorer shows each persona their own schema, and what a query would be denied before it is run."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.test_browser_story import house, page, picture, sign_in
from tests.stories.house import House

__all__ = ["house", "page"]

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

CLINICAL = {"Condition", "Observation", "Encounter", "MedicationRequest", "DocumentReference"}


def documented_types(page: Any) -> set[str]:
    """The types that the documentation lists."""
    if page.get_by_role("button", name="Hide Documentation Explorer").count() == 0:
        page.get_by_role("button", name="Show Documentation Explorer").click()
    names = page.locator(".graphiql-doc-explorer-content .graphiql-doc-explorer-type-name")
    names.filter(has_text="Patient").first.wait_for()
    return set(names.all_inner_texts())


def explain(page: Any) -> Any:
    """The panel, once it shows an explanation of the query in the editor."""
    page.get_by_role("button", name="Explain access").click()
    panel = page.locator(".cg-access")
    panel.locator(".cg-verdict").wait_for()
    return panel


def switch(page: Any, persona: str) -> None:
    page.get_by_role("button", name="Switch persona").click()
    page.locator(f"button[value={persona}]").click()
    for place in ("query-editor", "editor-tool", "response"):
        page.locator(f".graphiql-{place} .view-line").first.wait_for()


def test_the_documentation_is_that_of_whoever_is_signed_in(page: Any, house: House) -> None:
    sign_in(page, "marketer", "Sign in")
    marketers = documented_types(page)
    picture(page, "documentation")
    assert marketers.isdisjoint(CLINICAL)
    assert "Engagement" in marketers

    switch(page, "clinician")
    assert documented_types(page) >= CLINICAL


def test_the_editor_underlines_what_is_not_theirs_to_ask_for(page: Any, house: House) -> None:
    sign_in(page, "marketer", "Sign in")
    page.locator(".graphiql-query-editor .squiggly-error").first.wait_for()


def test_a_query_is_explained_before_it_is_run_and_no_source_is_asked(page: Any, house: House) -> None:
    house.forget()
    sign_in(page, "marketer", "Sign in")
    panel = explain(page)
    picture(page, "access")

    assert panel.locator(".cg-verdict").inner_text() == "4 fields are denied."
    assert panel.locator("li > code").all_inner_texts() == [
        "patients.edges.node.name",
        "patients.edges.node.birthDate",
        "patients.edges.node.appointments",
        "patients.edges.node.encounters",
    ]
    assert panel.get_by_text("No scope opens it.").count() == 4
    assert house.asked_all() == []

    switch(page, "clinician")
    assert explain(page).locator(".cg-verdict").inner_text() == "You may read all of it."


def test_the_panel_opens_again_after_it_was_put_away(page: Any, house: House) -> None:
    sign_in(page, "marketer", "Sign in")
    page.get_by_role("button", name="Hide Samples").click()
    explain(page)
    assert page.locator(".cg-access").is_visible()
