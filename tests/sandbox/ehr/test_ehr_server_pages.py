"""Paging through a search of the stand-in EHR."""

from typing import Any

import httpx

from sandbox.dataset import Dataset
from sandbox.ehr.pages import KEPT, Page, Pages
from sandbox.ehr.query import LARGEST_PAGE, query_of


def next_of(bundle: dict[str, Any]) -> str | None:
    return next((it["url"] for it in bundle["link"] if it["relation"] == "next"), None)


def pages(client: httpx.Client, url: str, **asked: Any) -> list[dict[str, Any]]:
    """Every page of a search, by following `next` as it stands."""
    found = [client.get(url, params=asked).json()]
    while following := next_of(found[-1]):
        found.append(client.get(following).json())
    return found


def test_pages_together_hold_each_match_once(ehr: httpx.Client, practice: Dataset) -> None:
    found = pages(ehr, "/Patient", _count=25)

    assert [len(page["entry"]) for page in found] == [25, 25, 10]
    assert [it["resource"]["id"] for page in found for it in page["entry"]] == list(
        practice.resources["Patient"]
    )
    assert {page["total"] for page in found} == {60}


def test_a_page_keeps_elements_and_includes(ehr: httpx.Client) -> None:
    asked = {
        "patient": "pat-000001",
        "_count": 2,
        "_elements": "participant",
        "_include": "Encounter:participant",
    }

    second = pages(ehr, "/Encounter", **asked)[1]["entry"]

    matches = [it["resource"] for it in second if it["search"]["mode"] == "match"]
    assert [set(it) for it in matches] == [
        {"resourceType", "id", "meta", "status", "class", "participant"}
    ] * 2
    assert {it["resource"]["resourceType"] for it in second if it["search"]["mode"] == "include"} == {
        "Practitioner"
    }


def test_the_same_page_can_be_asked_for_again(ehr: httpx.Client) -> None:
    following = next_of(ehr.get("/Patient", params={"_count": 5}).json())
    assert following is not None

    assert ehr.get(following).json() == ehr.get(following).json()


def test_a_next_link_says_nothing_of_what_was_searched(ehr: httpx.Client) -> None:
    following = next_of(ehr.get("/Patient", params={"gender": "female", "_count": 1}).json())

    assert following is not None
    assert "female" not in following
    assert "gender" not in following


def test_a_page_nobody_was_given_is_gone(ehr: httpx.Client) -> None:
    answers = [ehr.get("/Patient", params={"_page": token}) for token in ("made-up.5", "", "x", "x.x")]

    assert {answer.status_code for answer in answers} == {410}
    assert {answer.json()["issue"][0]["code"] for answer in answers} == {"expired"}


def test_a_page_of_one_type_is_not_one_of_another(ehr: httpx.Client) -> None:
    following = next_of(ehr.get("/Patient", params={"_count": 5}).json())
    assert following is not None

    assert ehr.get(following.replace("/Patient?", "/Encounter?")).status_code == 410


def test_a_page_never_holds_more_than_the_most() -> None:
    assert query_of("Patient", [("_count", "999999")]).count == LARGEST_PAGE


def test_only_so_many_searches_are_kept() -> None:
    kept = Pages()
    tokens = [kept.after(Page(query_of("Patient", [("_count", "1")]), ["a", "b"])) for _ in range(KEPT + 1)]

    assert kept.open("Patient", tokens[-1]).here == ["b"]
    assert len(kept._searches) == KEPT
