"""Silence about consents is believed of a server that was seen to hear the question, and for a while only."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.ehr.quirks import Quirks
from sources.calling import Upstream
from sources.errors import SourceError, SourceMisread
from sources.fhir.hearing import FAILED_FOR_S, PROVEN_FOR_S, Hearing, Unproven, grants_consents
from sources.fhir.resources import Resources
from sources.fhir.settings import FhirServer
from sources.model import Consent, PatientId
from sources.ports import Listed, Narrowing
from tests.sources.fhir_servers import TOKEN, UNHURRIED, patients_in, records_of, serving
from tests.sources.practice import Served
from tests.sources.stub import Answer, Asked, Behaviour, json_answer, stub
from tests.sources.test_fhir_strategies import asking, bundle, query_of, statement
from tests.stories.test_story_consents import consent

pytestmark = pytest.mark.anyio

P1, P2 = PatientId("p1"), PatientId("p2")
ALL = Narrowing()
WANTED = frozenset({"status", "provision"})


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def holding(*consents: dict[str, Any], named: bool = True) -> Behaviour:
    """A server with these consents, and an encounter of p1."""
    visit = {
        "resourceType": "Encounter",
        "id": "e1",
        "status": "finished",
        "subject": {"reference": "Patient/p1"},
    }
    rows = {"Consent": list(consents), "Encounter": [visit]}

    def behaviour(asked: Asked) -> Answer:
        if asked.target == "/metadata":
            return statement(Consent=["patient"]) if named else json_answer({}, 404)
        kind, query = asked.target.split("/")[1], query_of(asked)
        mine = rows.get(kind, [])
        if "patient=" in query:
            wanted = {f"Patient/{id_}" for id_ in patients_in(query)}
            mine = [row for row in mine if (row.get("patient") or row["subject"])["reference"] in wanted]
        return json_answer(bundle(query, *mine))

    return behaviour


async def test_a_proof_is_asked_for_once_in_a_while_and_not_by_each_question() -> None:
    async with asking(holding(consent("p1"))) as (records, source):
        for _ in range(3):
            found = await records.of_patients(Consent, [P1, P2], ALL, WANTED)
            assert set(found) == {P1}

    queries = [query_of(asked) for asked in source.asked if asked.target != "/metadata"]
    assert sum("caregraph-check" in query for query in queries) == 1
    assert len(queries) == 5


async def test_a_consent_is_asked_for_whole_and_by_its_patient_alone() -> None:
    async with asking(holding(consent("p1"))) as (records, source):
        await records.of_patients(Consent, [P1], ALL, WANTED)

    assert source.asked[-1].form == {"patient": ["Patient/p1"], "_count": ["1000"]}


async def test_a_proof_lapses_and_a_server_that_has_become_deaf_is_found_out() -> None:
    clock, rows = Clock(), [consent("p1")]

    def behaviour(asked: Asked) -> Answer:
        is_deaf = deaf and "patient=" in query_of(asked)
        return json_answer(bundle(query_of(asked))) if is_deaf else holding(*rows)(asked)

    deaf = False
    async with stub(behaviour) as source:
        upstream = Upstream("ehr", "ehr", source.url, limits=UNHURRIED)
        server = FhirServer("ehr", source.url)
        heard = Hearing(server, Resources(server, upstream), upstream, clock=clock)
        await heard.proven()
        deaf = True
        clock.now += PROVEN_FOR_S - 1
        await heard.proven()
        clock.now += 2
        with pytest.raises(Unproven, match="a Consent that it gave is not found by its patient"):
            await heard.proven()
        asked = len(source.asked)
        with pytest.raises(Unproven):
            await heard.proven()
        assert len(source.asked) == asked
        deaf = False
        clock.now += FAILED_FOR_S
        await heard.proven()
        await upstream.close()


async def test_a_server_that_is_down_proves_nothing_and_is_asked_again_at_once() -> None:
    down = True

    def behaviour(asked: Asked) -> Answer:
        return json_answer({}, 500) if down else holding(consent("p1"))(asked)

    async with asking(behaviour) as (records, _):
        with pytest.raises(SourceError, match="500"):
            await records.of_patients(Consent, [P2], ALL, WANTED)
        down = False
        assert await records.of_patients(Consent, [P2], ALL, WANTED) == {}


async def test_a_server_that_shows_no_consent_must_name_the_search() -> None:
    async with asking(holding()) as (records, _):
        assert await records.of_patients(Consent, [P1], ALL, WANTED) == {}
    async with asking(holding(named=False)) as (records, _):
        with pytest.raises(Unproven, match="names no search of Consent by `patient`"):
            await records.of_patients(Consent, [P1], ALL, WANTED)


async def test_a_server_that_shows_nothing_at_all_proves_nothing() -> None:
    async with asking(lambda asked: json_answer(bundle(query_of(asked)))) as (records, _):
        with pytest.raises(Unproven, match="nothing was found to prove its search by patient with"):
            await records.of_patients(Consent, [P1], ALL, WANTED)


@pytest.mark.parametrize("reference", ["https://elsewhere.example/fhir/Patient/p1", "Patient/p2", "#p1"])
async def test_a_consent_that_names_nobody_we_asked_for_is_not_passed_over(reference: str) -> None:
    """It may be about one of them: by another name of the server, or of a merged patient."""
    stray = {**consent("p1"), "id": "stray", "patient": {"reference": reference}}

    def behaviour(asked: Asked) -> Answer:
        if "caregraph-check" in query_of(asked) or "patient=" not in query_of(asked):
            return holding(consent("p1"))(asked)
        return json_answer(bundle(query_of(asked), consent("p1"), stray))

    async with asking(behaviour) as (records, _):
        with pytest.raises(SourceMisread, match="a row names none of the patients who were asked for"):
            await records.of_patients(Consent, [P1], ALL, WANTED)


async def test_consents_of_which_the_server_has_more_than_it_gives_are_not_all_there_are(
    served: Served,
) -> None:
    quirks = Quirks(largest_answer=1, warns=False, links=False)
    with serving(served.dataset, quirks) as url:
        async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}) as http:
            for number in (1, 2):
                row = {**consent("pat-000003"), "id": f"c{number}"}
                (await http.put(f"/Consent/c{number}", json=row)).raise_for_status()
        records = records_of(url, strategy="parallel")
        found = await records.of_patients(Consent, [PatientId("pat-000003")], ALL, WANTED)
        await records.close()

    (listed,) = found.values()
    assert isinstance(listed, Listed)
    assert not listed.complete


@pytest.mark.parametrize(
    ("scope", "may"),
    [
        (None, True),
        ("", True),
        ("api://ehr/.default openid", True),
        ("system/*.rs", True),
        ("system/*.read", True),
        ("system/Consent.s", True),
        ("system/Patient.rs user/Consent.*", True),
        ("system/Patient.rs", False),
        ("system/Consent.r", False),
        ("system/Consent.write", False),
        ("patient/Consent.rs", False),
        ("system/Consent.rs?category=59284-0", False),
        ("system/ConsentX.rs", False),
    ],
)
def test_scopes_grant_a_search_of_all_consents_or_they_do_not(scope: str | None, may: bool) -> None:
    assert grants_consents(scope) is may


@given(st.lists(st.sampled_from(["system/Patient.rs", "openid", "system/Consent.cud", "fhirUser"])))
def test_what_grants_no_consents_grants_none_together(words: list[str]) -> None:
    has_any = any(word.startswith("system/") for word in words)
    assert grants_consents(" ".join(words)) is not has_any


async def test_a_check_says_what_is_the_matter_with_consents_and_what_to_do() -> None:
    async with asking(holding(consent("p1"))) as (records, _):
        good = await records.check()
    async with asking(holding()) as (records, _):
        none = await records.check()

    assert (good.ok, none.ok) == (True, True)
    assert "consents: found by their patients, asked for by `Patient/1`" in good.said
    assert any(line.startswith("consents: none is shown to us; if there are any, name") for line in none.said)
