"""Whatever bytes a stranger sends, the answer is a refusal and never a fault of ours."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey

from gateway.identity import Identity, IdentityUnavailable, Unauthenticated
from gateway.settings import Identity as IdentitySettings
from gateway.telemetry import Metrics
from policies import Audience

unhurried = settings(deadline=None)  # a busy machine fails no property

ISSUER = "https://idp.example"
GATEWAY = "https://caregraph.example"
KEY = ECKey.generate_key("P-256", {"kid": "k1"}, private=True)


def answer(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"keys": [KEY.as_dict(private=False)]})


class Door:
    """An identity on a loop of its own, so that a property may ask it synchronously."""

    def __init__(self, runner: asyncio.Runner) -> None:
        settings = IdentitySettings(
            issuer=ISSUER,
            audience=GATEWAY,
            roles={"clinician": Audience.CLINICIAN},
            jwks_url=f"{ISSUER}/jwks",
        )
        self._runner = runner
        self.identity = Identity(
            settings, Metrics(), client=httpx.AsyncClient(transport=httpx.MockTransport(answer))
        )

    def refuses(self, authorization: str | None) -> bool:
        try:
            self._runner.run(self.identity.actor(authorization))
        except Unauthenticated:
            return True
        return False


@pytest.fixture(scope="module")
def door() -> Iterator[Door]:
    with asyncio.Runner() as runner:
        made = Door(runner)
        yield made
        runner.run(made.identity.aclose())


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def signed(header: dict[str, Any], payload: bytes) -> str:
    return "Bearer " + jws.serialize_compact(header, payload, KEY, algorithms=["ES256"])


def claims() -> dict[str, Any]:
    now = int(time.time())
    return {
        "iss": ISSUER,
        "sub": "u",
        "aud": GATEWAY,
        "exp": now + 600,
        "client_id": "c",
        "role": "clinician",
        "scope": "user/*.rs",
    }


HEADER = {"alg": "ES256", "kid": "k1"}
plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
anything = st.recursive(
    plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)
claim_names = st.sampled_from(
    ["iss", "aud", "exp", "nbf", "iat", "jti", "client_id", "role", "scope", "patient", "fhirUser", "sub"]
)


def test_the_token_that_the_properties_spoil_is_good(door: Door) -> None:
    assert not door.refuses(signed(HEADER, json.dumps(claims()).encode()))


@unhurried
@given(text=st.text())
def test_any_text_is_refused(door: Door, text: str) -> None:
    assert door.refuses(text)
    assert door.refuses(f"Bearer {text}")


@unhurried
@given(parts=st.lists(st.text("ABab09-_=.+/", max_size=60), min_size=3, max_size=3))
def test_any_three_parts_are_refused(door: Door, parts: list[str]) -> None:
    assert door.refuses("Bearer " + ".".join(parts))


@unhurried
@given(header=anything, payload=anything)
def test_any_json_without_a_signature_is_refused(door: Door, header: object, payload: object) -> None:
    assert door.refuses(f"Bearer {part(header)}.{part(payload)}.{'A' * 86}")


@unhurried
@given(payload=st.binary())
def test_any_signed_bytes_are_refused(door: Door, payload: bytes) -> None:
    assert door.refuses(signed(HEADER, payload))


@unhurried
@given(
    extra=st.dictionaries(st.sampled_from(["kid", "typ", "crit", "alg", "b64", "jwk"]), anything, min_size=1)
)
def test_any_spoilt_header_is_refused_or_harmless(door: Door, extra: dict[str, Any]) -> None:
    token = f"Bearer {part({**HEADER, **extra})}.{part(claims())}.{'A' * 86}"

    assert door.refuses(token)


@unhurried
@given(name=claim_names, value=anything)
def test_a_signed_token_with_any_claim_spoilt_is_an_actor_or_a_refusal(
    door: Door, name: str, value: object
) -> None:
    door.refuses(signed(HEADER, json.dumps({**claims(), name: value}).encode()))


@pytest.mark.parametrize("nested", ["[" * 100_000, '{"a":' * 3_000])
def test_deeply_nested_json_is_refused(door: Door, nested: str) -> None:
    inside = base64.urlsafe_b64encode(nested.encode()).rstrip(b"=").decode()

    assert door.refuses(f"Bearer {inside}.{inside}.AAAA")
    assert door.refuses(f"Bearer {part(HEADER)}.{inside}.{'A' * 86}")


@unhurried
@given(position=st.integers(0, 2_000), letter=st.sampled_from("Aa0-_"))
def test_a_token_with_any_letter_changed_is_refused(door: Door, position: int, letter: str) -> None:
    token = signed(HEADER, json.dumps(claims()).encode())
    place = 7 + position % (len(token) - 7)

    if token[place] != letter:
        assert door.refuses(token[:place] + letter + token[place + 1 :])


def test_a_known_token_costs_a_small_part_of_verifying_it(door: Door) -> None:
    token = signed(HEADER, json.dumps(claims()).encode())
    assert not door.refuses(token)

    async def spent() -> float:
        best = 1.0
        for _ in range(50):
            begun = time.perf_counter()
            for _ in range(200):
                await door.identity.actor(token)
            best = min(best, (time.perf_counter() - begun) / 200)
        return best

    async def verified() -> float:
        best = 1.0
        for _ in range(50):
            door.identity._verified.forget()
            begun = time.perf_counter()
            await door.identity.actor(token)
            best = min(best, time.perf_counter() - begun)
        return best

    # The best of fifty is what it costs when the machine leaves us alone: about 2 µs against 130.
    assert door._runner.run(spent()) * 10 < door._runner.run(verified())


def test_keys_of_a_secure_issuer_are_not_taken_from_an_insecure_place() -> None:
    asked: list[str] = []

    def discovery(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(200, json={"issuer": ISSUER, "jwks_uri": "http://idp.example/jwks"})

    async def ask() -> None:
        settings = IdentitySettings(issuer=ISSUER, audience=GATEWAY, roles={"clinician": Audience.CLINICIAN})
        client = httpx.AsyncClient(transport=httpx.MockTransport(discovery))
        identity = Identity(settings, Metrics(), client=client)
        try:
            await identity.actor(signed(HEADER, json.dumps(claims()).encode()))
        finally:
            await identity.aclose()

    with pytest.raises(IdentityUnavailable):
        asyncio.run(ask())
    assert asked == [f"{ISSUER}/.well-known/openid-configuration"]
