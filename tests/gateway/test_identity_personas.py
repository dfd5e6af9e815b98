"""Each persona of the sandbox's identity provider, over a real socket, is the actor the sandbox says."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn

from gateway.identity import Identity, Refusal, Unauthenticated
from gateway.settings import Identity as IdentitySettings
from gateway.telemetry import Metrics
from policies import Audience
from sandbox.idp.app import idp_app
from sandbox.idp.personas import personas

pytestmark = pytest.mark.anyio

GATEWAY = "http://127.0.0.1:8400"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def provider() -> AsyncIterator[str]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        issuer = f"http://127.0.0.1:{listening.getsockname()[1]}"
        app = idp_app(issuer, gateway=GATEWAY, ehr="http://127.0.0.1:1/fhir", backend_jwks={"keys": []})
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        async with asyncio.timeout(10):
            while not server.started:  # noqa: ASYNC110 - a server's state has no event
                await asyncio.sleep(0.005)
        try:
            yield issuer
        finally:
            server.should_exit = server.force_exit = True
            await serving


async def token(issuer: str, **order: Any) -> str:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{issuer}/sandbox/token", json=order)
        return f"Bearer {answer.raise_for_status().json()['access_token']}"


async def test_each_persona_is_who_the_sandbox_says() -> None:
    async with provider() as issuer:
        settings = IdentitySettings(
            issuer=issuer, audience=GATEWAY, roles={audience.value: audience for audience in Audience}
        )
        identity = Identity(settings, Metrics())
        actors = {name: await identity.actor(await token(issuer, persona=name)) for name in personas()}
        with pytest.raises(Unauthenticated) as backend:
            await identity.actor(await token(issuer, system="ehr"))
        with pytest.raises(Unauthenticated) as late:
            await identity.actor(await token(issuer, persona="ai", expires_in=-60))
        await identity.aclose()

    assert {name: actor.audience for name, actor in actors.items()} == {
        "clinician": Audience.CLINICIAN,
        "patient": Audience.PATIENT,
        "frontdesk": Audience.PRACTICE,
        "partner": Audience.PARTNER,
        "marketer": Audience.CRM,
        "ai": Audience.AI,
    }
    assert {name: actor.patient for name, actor in actors.items() if actor.patient} == {
        "patient": "pat-000001"
    }
    assert actors["clinician"].fhir_user == "Practitioner/prac-0001"
    assert str(actors["patient"].scopes) == "__engagement.read patient/*.rs"
    assert backend.value.refusal is Refusal.AUDIENCE
    assert late.value.refusal is Refusal.EXPIRED


async def test_new_keys_are_followed_and_old_tokens_stay_good() -> None:
    async with provider() as issuer:
        settings = IdentitySettings(issuer=issuer, audience=GATEWAY, roles={"ai": Audience.AI})
        identity = Identity(settings, Metrics())
        before = await token(issuer, persona="ai")
        await identity.actor(before)
        async with httpx.AsyncClient(trust_env=False) as client:
            (await client.post(f"{issuer}/sandbox/rotate-keys")).raise_for_status()

        after = await identity.actor(await token(issuer, persona="ai"))
        again = await identity.actor(before)
        await identity.aclose()

    assert after.audience is again.audience is Audience.AI
    assert after.token_id != again.token_id
