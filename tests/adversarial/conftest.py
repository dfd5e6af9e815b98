"""The houses that are attacked: one as it comes, and one whose records lead to other patients."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.dataset import generate
from sandbox.records import Dataset
from sandbox.serving import one
from tests.adversarial.records import ME, OTHER, consent
from tests.canary.actors import Casting
from tests.canary.population import made
from tests.canary.stage import Stage, staged
from tests.stories.conftest import TODAY, house
from tests.stories.house import NEVER_S, House, running

__all__ = ["house"]


@dataclass
class Bait:
    """A host of the attacker's: whatever is asked of it is noted."""

    url: str
    asked: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def bait() -> Iterator[Bait]:
    host = Bait("")

    async def note(request: Request) -> Response:
        host.asked.append(str(request.url))
        return Response("{}", media_type="application/fhir+json")

    with one(Starlette(routes=[Route("/{rest:path}", note, methods=["GET", "POST"])])) as url:
        host.url = url
        yield host


@pytest.fixture(scope="session")
def bent(bait: Bait) -> Iterator[House]:
    """One patient's records lead to another's, and to a host elsewhere; some patients have consents."""
    with running(bent_records(bait.url), poll_seconds=NEVER_S) as running_house:
        yield running_house


def bent_records(elsewhere: str) -> Dataset:
    dataset = generate(12, today=TODAY)
    resources = dataset.resources

    def of(kind: str, patient: str) -> list[dict[str, Any]]:
        found = [
            it for it in resources[kind].values() if patient in str(it.get("subject") or it.get("patient"))
        ]
        return [deepcopy(it) for it in found]

    mine, theirs = of("Encounter", ME)[0], of("Condition", OTHER)[0]
    mine["diagnosis"] = [{"condition": {"reference": f"Condition/{theirs['id']}"}}]
    dataset.add(mine)
    grafted = of("DocumentReference", OTHER)[0]
    grafted["context"] = {"encounter": [{"reference": f"Encounter/{mine['id']}"}]}
    grafted["content"][0]["attachment"]["url"] = f"{elsewhere}/note"
    dataset.add(grafted)
    strange = of("Condition", ME)[0]
    strange["meta"]["security"] = [
        {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "unclassified"}
    ]
    dataset.add(strange)
    person = deepcopy(resources["Patient"][ME])
    person["link"] = [{"other": {"reference": f"Patient/{OTHER}"}, "type": "seealso"}]
    person["photo"] = [{"url": f"{elsewhere}/photo"}]
    person["managingOrganization"] = {"reference": f"{elsewhere}/Organization/evil"}
    person["generalPractitioner"] = [{"reference": f"{elsewhere}/Practitioner/evil"}]
    dataset.add(person)
    for one_more in (
        consent("c-mine", ME, {"type": "permit"}),
        consent(
            "c-past", "pat-000003", {"type": "deny", "period": {"start": "2020-01-01", "end": "2021-01-01"}}
        ),
        consent(
            "c-now", "pat-000004", {"type": "deny", "period": {"start": "2020-01-01", "end": "2099-01-01"}}
        ),
        consent("c-ai", "pat-000005", {"type": "deny", "actor": consent_actor("ai")}),
    ):
        dataset.add(one_more)
    return dataset


def consent_actor(audience: str) -> Any:
    role = {"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}
    identifier = {"system": "urn:caregraph:audience", "value": audience}
    return [{"role": {"coding": [role]}, "reference": {"identifier": identifier}}]


class Outsiders:
    """A house that takes tokens made to order, with scopes that no identity provider here would grant."""

    def __init__(self, stage: Stage, casting: Casting) -> None:
        self._stage = stage
        self._casting = casting

    def token(self, scope: str) -> str:
        asker = self._casting.everything("clinician")
        asker.claims["scope"] = scope
        return self._casting.signed(asker).token

    def asked(self, token: str, query: str) -> tuple[dict[str, Any], list[Any]]:
        """The answer, and what the EHR was asked for it."""
        self._stage.requests("ehr")
        headers = {"Authorization": f"Bearer {token}"}
        answer = self._stage.client.post(self._stage.url, json={"query": query}, headers=headers).json()
        return answer, self._stage.requests("ehr")

    def with_category(self, patient: str, code: str) -> set[str]:
        """The ids of a patient's observations of a category."""
        rows = self._stage.world.clinic.dataset.resources["Observation"].values()
        return {it["id"] for it in rows if patient in str(it["subject"]) and code in str(it["category"])}


@pytest.fixture(scope="session")
def outsider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Gives the house, a token with a scope, and a patient without consents."""
    world = made(7)
    casting = Casting(world, Random(1))  # noqa: S311 - the same actors each time
    patient = next(it for it in world.patients if not world.said[it])
    with staged(world, casting.jwks(), tmp_path_factory.mktemp("outside")) as stage:
        outsiders = Outsiders(stage, casting)
        yield lambda scope: (outsiders, outsiders.token(scope), patient)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
