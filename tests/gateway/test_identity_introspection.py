"""Opaque tokens, against a real introspection endpoint on a real socket."""

from __future__ import annotations

import asyncio
import base64
import socket
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.configuration import Secret
from gateway.identity import Identity, IdentityUnavailable, Refusal, Unauthenticated
from gateway.settings import Identity as IdentitySettings
from gateway.settings import Introspection
from gateway.telemetry import Metrics
from policies import Audience

pytestmark = pytest.mark.anyio

GATEWAY = "https://caregraph.example"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Endpoint:
    """An introspection endpoint that keeps what it was asked."""

    def __init__(self) -> None:
        self.said: dict[str, Any] = {}
        self.status = 200
        self.slow_s = 0.0
        self.asked: list[tuple[str, str]] = []
        self.open = self.most_open = 0
        self.ahead = 0.0

    async def __call__(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        self.asked.append((form["token"], request.headers["authorization"]))
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        await asyncio.sleep(self.slow_s)
        self.open -= 1
        return JSONResponse(self.said, self.status)

    def now(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def endpoint() -> Endpoint:
    made = Endpoint()
    made.said = {
        "active": True,
        "aud": GATEWAY,
        "client_id": "backend",
        "scope": "system/*.rs",
        "exp": time.time() + 600,
        "role": "partner",
    }
    return made


@pytest.fixture
async def identity(endpoint: Endpoint) -> AsyncIterator[Identity]:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    app = Starlette(routes=[Route("/introspect", endpoint.__call__, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    async with asyncio.timeout(10):
        while not server.started:  # noqa: ASYNC110 - a server's state has no event
            await asyncio.sleep(0.005)
    settings = IdentitySettings(
        issuer=url,
        audience=GATEWAY,
        roles={"partner": Audience.PARTNER},
        timeout_s=1.0,
        introspection=Introspection(
            url=f"{url}/introspect", client_id="care graph", client_secret=Secret("s:cret")
        ),
    )
    made = Identity(settings, Metrics(), clock=endpoint.now)
    yield made
    await made.aclose()
    server.should_exit = server.force_exit = True
    await serving


async def refusal_of(identity: Identity, token: str) -> Refusal:
    with pytest.raises(Unauthenticated) as caught:
        await identity.actor(f"Bearer {token}")
    return caught.value.refusal


async def test_an_active_token_says_who_asks(endpoint: Endpoint, identity: Identity) -> None:
    actor = await identity.actor("Bearer opaque-1")

    assert (actor.audience, actor.subject, actor.client_id) == (Audience.PARTNER, "backend", "backend")
    assert str(actor.scopes) == "system/*.rs"
    assert not actor.is_user
    basic = base64.b64encode(b"care+graph:s%3Acret").decode()
    assert endpoint.asked == [("opaque-1", f"Basic {basic}")]


async def test_an_answer_holds_what_the_app_was_launched_for(endpoint: Endpoint, identity: Identity) -> None:
    endpoint.said |= {"patient": "p1", "encounter": "e1"}

    actor = await identity.actor("Bearer opaque-1")

    assert (actor.patient, actor.encounter) == ("p1", "e1")


async def test_an_answer_with_an_encounter_that_is_no_id_is_refused(
    endpoint: Endpoint, identity: Identity
) -> None:
    endpoint.said["encounter"] = "Encounter/e1"

    assert await refusal_of(identity, "opaque-1") is Refusal.CLAIMS


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        pytest.param({"active": False}, Refusal.INACTIVE, id="inactive"),
        pytest.param({"active": "true"}, Refusal.INACTIVE, id="active as a text"),
        pytest.param({"active": None}, Refusal.INACTIVE, id="nothing said"),
        pytest.param({"aud": "https://other.example"}, Refusal.AUDIENCE, id="another audience"),
        pytest.param({"aud": None}, Refusal.AUDIENCE, id="no audience"),
        pytest.param({"iss": "https://other.example"}, Refusal.ISSUER, id="another issuer"),
        pytest.param({"exp": 1}, Refusal.EXPIRED, id="expired"),
        pytest.param({"exp": None}, Refusal.CLAIMS, id="no expiry"),
        pytest.param({"role": "visitor"}, Refusal.ROLE, id="an unknown role"),
        pytest.param({"scope": "patient/*.rs"}, Refusal.PATIENT, id="a patient scope without a patient"),
    ],
)
async def test_other_answers_are_refusals(
    endpoint: Endpoint, identity: Identity, changes: dict[str, Any], refusal: Refusal
) -> None:
    endpoint.said.update(changes)

    assert await refusal_of(identity, "opaque-1") is refusal


@pytest.mark.parametrize("is_active", [True, False])
async def test_an_answer_holds_for_a_minute_and_no_longer(
    endpoint: Endpoint, identity: Identity, is_active: bool
) -> None:
    endpoint.said["active"] = is_active

    async def ask() -> bool:
        try:
            await identity.actor("Bearer opaque-1")
        except Unauthenticated:
            return False
        return True

    assert [await ask() for _ in range(5)] == [is_active] * 5
    assert len(endpoint.asked) == 1
    endpoint.said["active"] = not is_active
    endpoint.ahead = 61
    assert await ask() is not is_active
    assert len(endpoint.asked) == 2


async def test_an_answer_does_not_hold_beyond_the_tokens_expiry(
    endpoint: Endpoint, identity: Identity
) -> None:
    endpoint.said["exp"] = time.time() + 5
    await identity.actor("Bearer opaque-1")

    endpoint.ahead = 36  # five seconds, thirty of leeway, and one
    assert await refusal_of(identity, "opaque-1") is Refusal.EXPIRED


@pytest.mark.parametrize(
    ("status", "slow_s"), [(401, 0.0), (500, 0.0), (302, 0.0), (200, 5.0)], ids=["401", "500", "302", "slow"]
)
async def test_an_endpoint_that_does_not_answer_is_not_the_callers_fault(
    endpoint: Endpoint, identity: Identity, status: int, slow_s: float
) -> None:
    endpoint.status, endpoint.slow_s = status, slow_s

    with pytest.raises(IdentityUnavailable):
        await identity.actor("Bearer opaque-1")


async def test_a_flood_of_made_up_tokens_is_not_passed_on(endpoint: Endpoint, identity: Identity) -> None:
    endpoint.said["active"] = False
    endpoint.slow_s = 0.01

    refused = await asyncio.gather(*(refusal_of(identity, f"opaque-{number}") for number in range(40)))

    assert refused == [Refusal.INACTIVE] * 40
    assert endpoint.most_open == 10
