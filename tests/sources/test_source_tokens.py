"""Access tokens: reused, renewed in time and by one caller at a time, asked for once more after a 401."""

import asyncio
import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from sources.calling import (
    Limits,
    StaticBearer,
    Upstream,
    backend_services,
    client_credentials,
    signing_key,
)
from sources.calling.tokens import TokenClient
from sources.errors import SourceError, SourceMisread, SourceRejected, SourceTimeout, SourceUnavailable
from tests.sources.practice import KEY as REGISTERED
from tests.sources.practice import Served
from tests.sources.stub import Answer, Asked, answer, closed_port, json_answer, silence, stub

pytestmark = pytest.mark.anyio

KEY = ECKey.generate_key("P-384")


class Lab:
    """A source and its token endpoint in one; tokens are t1, t2, … and live *expires_in* seconds."""

    def __init__(self, expires_in: float | None = 3600, accepts: str = "Bearer t") -> None:
        self.expires_in = expires_in
        self.accepts = accepts
        self.issued = 0
        self.used: list[str] = []

    def __call__(self, asked: Asked) -> Answer:
        if asked.target == "/token":
            self.issued += 1
            token: dict[str, Any] = {"access_token": f"t{self.issued}", "token_type": "bearer", "scope": "x"}
            return json_answer(token if self.expires_in is None else token | {"expires_in": self.expires_in})
        authorization = asked.headers["authorization"]
        self.used.append(authorization)
        return json_answer({}, 200 if authorization.startswith(self.accepts) else 401)


def secret_client(url: str, in_body: bool = False) -> TokenClient:
    return client_credentials("lab", f"{url}/token", "us", "s3:cret", ["a", "b"], in_body=in_body)


async def test_one_token_serves_many_calls_even_if_they_begin_together() -> None:
    lab = Lab()
    async with stub(lab) as source:
        upstream = Upstream("lab", "pms", source.url, authorizer=secret_client(source.url))
        await asyncio.gather(*(upstream.send("GET", "x") for _ in range(10)))
        await upstream.send("GET", "x")
        await upstream.close()

    assert lab.used == ["Bearer t1"] * 11
    assert lab.issued == 1


async def test_a_token_is_renewed_before_it_expires() -> None:
    lab = Lab(expires_in=3600)
    async with stub(lab) as source:
        client = secret_client(source.url)
        now = [1000.0]
        client._clock = lambda: now[0]  # an hour is too long to wait
        first = await client.authorization()
        now[0] += 3600 - 61
        still = await client.authorization()
        now[0] += 2
        later = await client.authorization()
        await client.close()

    assert (first, still, later) == ("Bearer t1", "Bearer t1", "Bearer t2")


async def test_a_short_token_keeps_nine_tenths_of_its_life() -> None:
    lab = Lab(expires_in=10)
    async with stub(lab) as source:
        client = secret_client(source.url)
        now = [0.0]
        client._clock = lambda: now[0]
        await client.authorization()
        now[0] = 8.9
        still = await client.authorization()
        now[0] = 9.1
        later = await client.authorization()
        await client.close()

    assert (still, later) == ("Bearer t1", "Bearer t2")


async def test_a_token_that_is_refused_is_replaced_once_and_the_call_repeated() -> None:
    lab = Lab(expires_in=None, accepts="Bearer t2")
    async with stub(lab) as source:
        upstream = Upstream("lab", "pms", source.url, authorizer=secret_client(source.url))
        reply = await upstream.send("POST", "x", json={}, idempotent=False)
        await upstream.close()

    assert reply.status == 200
    assert lab.used == ["Bearer t1", "Bearer t2"]


async def test_a_source_that_refuses_new_tokens_too_is_asked_no_third_time() -> None:
    lab = Lab(accepts="nothing")
    async with stub(lab) as source:
        upstream = Upstream("lab", "pms", source.url, authorizer=secret_client(source.url))
        with pytest.raises(SourceRejected, match="does not accept our credentials"):
            await upstream.send("GET", "x")
        await upstream.close()

    assert lab.used == ["Bearer t1", "Bearer t2"]


async def test_a_fixed_token_that_is_refused_is_not_tried_again() -> None:
    lab = Lab(accepts="nothing")
    async with stub(lab) as source:
        upstream = Upstream("lab", "crm", source.url, authorizer=StaticBearer("fixed"))
        with pytest.raises(SourceRejected):
            await upstream.send("GET", "x")
        await upstream.close()

    assert lab.used == ["Bearer fixed"]


async def test_the_secret_goes_in_the_header_or_in_the_form() -> None:
    async with stub(Lab()) as source:
        for in_body in (False, True):
            client = secret_client(source.url, in_body=in_body)
            await client.authorization()
            await client.close()
        header, form = source.asked

    basic = base64.b64decode(header.headers["authorization"].removeprefix("Basic ")).decode()
    assert basic == "us:s3%3Acret"
    assert header.form == {"grant_type": ["client_credentials"], "scope": ["a b"]}
    assert "authorization" not in form.headers
    assert (form.form["client_id"], form.form["client_secret"]) == (["us"], ["s3:cret"])


async def test_a_backend_service_proves_itself_by_a_fresh_signed_assertion() -> None:
    def behaviour(asked: Asked) -> Answer:
        if asked.target == "/fhir/.well-known/smart-configuration":
            return json_answer({"token_endpoint": f"{source.url}/token", "capabilities": []})
        return json_answer({"access_token": "t", "token_type": "Bearer", "expires_in": 0})

    async with stub(behaviour) as source:
        client = backend_services(
            "ehr", f"{source.url}/fhir/", "us", KEY.as_dict(private=True), "k-1", ["system/Patient.rs"]
        )
        authorizations = [await client.authorization() for _ in range(2)]
        await client.close()
        discovery, *token_requests = source.asked

    assert authorizations == ["Bearer t", "Bearer t"]
    assert (discovery.method, discovery.target) == ("GET", "/fhir/.well-known/smart-configuration")
    tokens = [jwt.decode(r.form["client_assertion"][0], KEY, ["ES384"]) for r in token_requests]
    assert [token.header for token in tokens] == [{"alg": "ES384", "kid": "k-1", "typ": "JWT"}] * 2
    for token in tokens:
        assert (token.claims["iss"], token.claims["sub"]) == ("us", "us")
        assert token.claims["aud"] == f"{source.url}/token"
    assert tokens[0].claims["jti"] != tokens[1].claims["jti"]
    assert {r.form["scope"][0] for r in token_requests} == {"system/Patient.rs"}


async def test_the_sandbox_takes_our_assertion(served: Served) -> None:
    client = backend_services(
        "ehr", served.at.ehr, "caregraph", REGISTERED.as_dict(private=True), "gateway-1"
    )
    authorization = await client.authorization()
    await client.close()

    assert authorization.startswith("Bearer ey")


async def test_a_key_that_is_not_registered_is_rejected_and_no_word_of_the_server_repeated(
    served: Served,
) -> None:
    client = backend_services("ehr", served.at.ehr, "caregraph", KEY.as_dict(private=True), "gateway-1")
    with pytest.raises(SourceRejected) as raised:
        await client.authorization()
    await client.close()

    assert raised.value.why == (
        "its authorization server refuses our client;"
        " check the client id, its secret or key, the scope (HTTP 400)"
    )


@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param(answer(b"<html>"), SourceMisread, id="HTML"),
        pytest.param(json_answer({"access_token": 1, "token_type": "bearer"}), SourceMisread, id="a number"),
        pytest.param(
            json_answer({"access_token": "a\r\nX: y", "token_type": "bearer"}), SourceMisread, id="a new line"
        ),
        pytest.param(json_answer({"access_token": "a", "token_type": "mac"}), SourceMisread, id="no bearer"),
        pytest.param(json_answer({"error": "invalid_client"}, 401), SourceRejected, id="refused"),
        pytest.param(json_answer({}, 500), SourceUnavailable, id="failed"),
        pytest.param(json_answer({}, 302, Location="http://x/"), SourceMisread, id="redirect"),
    ],
)
async def test_a_token_endpoint_that_gives_no_token_is_an_error(
    body: bytes, error: type[SourceError]
) -> None:
    async with stub(lambda asked: body) as source:
        client = secret_client(source.url)
        with pytest.raises(SourceError) as raised:
            await client.authorization()
        await client.close()

    assert type(raised.value) is error
    assert "s3" not in str(raised.value)


async def test_a_token_endpoint_nobody_serves_is_unavailable() -> None:
    client = secret_client(closed_port())
    with pytest.raises(SourceUnavailable, match="its authorization server: no connection"):
        await client.authorization()
    await client.close()


async def test_waiting_for_a_token_counts_against_the_calls_deadline() -> None:
    async with stub(lambda asked: silence) as source:
        upstream = Upstream(
            "lab", "pms", source.url, authorizer=secret_client(source.url), limits=Limits(timeout_s=0.3)
        )
        with pytest.raises(SourceTimeout, match=r"no answer within 0.3 s"):
            await upstream.send("GET", "x")
        await upstream.close()

    assert {asked.target for asked in source.asked} == {"/token"}


async def test_a_token_endpoint_less_safe_than_the_ehr_is_not_used() -> None:
    async with stub(lambda asked: json_answer({"token_endpoint": "ftp://elsewhere/token"})) as source:
        client = backend_services("ehr", source.url, "us", KEY.as_dict(private=True), "k")
        with pytest.raises(SourceMisread, match="less safe than the base URL"):
            await client.authorization()
        await client.close()


SHORT_RSA = (
    generate_private_key(65537, 1024)  # noqa: S505 - it is to be refused
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    .decode()
)


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(KEY.as_dict(private=False), id="a public key"),
        pytest.param(ECKey.generate_key("P-256").as_dict(private=True), id="another curve"),
        pytest.param(SHORT_RSA, id="a short RSA key"),
        pytest.param("not a key s3cret", id="text"),
        pytest.param('{"kty": "EC", "d": "s3cret"', id="half a JWK as text"),
        pytest.param({"kty": "EC", "d": "s3cret"}, id="half a key"),
    ],
)
def test_a_key_that_cannot_sign_as_smart_asks_is_refused_without_being_shown(key: Any) -> None:
    with pytest.raises(ValueError, match="the key") as raised:
        backend_services("ehr", "http://x", "us", key, "k")

    assert "s3cret" not in str(raised.value)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


RSA = RSAKey.generate_key(2048)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        pytest.param(KEY.as_dict(private=True), "ES384", id="EC"),
        pytest.param(KEY.as_pem(private=True).decode(), "ES384", id="EC as PEM"),
        pytest.param(RSA.as_dict(private=True), "RS384", id="RSA"),
        pytest.param(RSA.as_pem(private=True).decode(), "RS384", id="RSA as PEM"),
        pytest.param(json.dumps(RSA.as_dict(private=True)), "RS384", id="RSA as text of a JWK"),
    ],
)
async def test_what_kind_of_key_it_is_decides_how_assertions_are_signed(key: Any, algorithm: str) -> None:
    token = json_answer({"access_token": "t", "token_type": "Bearer", "expires_in": 300})
    async with stub(lambda asked: token) as source:
        client = backend_services("ehr", source.url, "us", key, "k-1", token_url=f"{source.url}/token")
        await client.authorization()
        await client.close()
        assertion = source.asked[0].form["client_assertion"][0]

    public = KEY if algorithm == "ES384" else RSA
    assert jwt.decode(assertion, public, [algorithm]).header == {"alg": algorithm, "kid": "k-1", "typ": "JWT"}


@pytest.mark.parametrize("key", [KEY, RSA])
def test_of_a_key_only_the_public_half_is_ever_published(key: ECKey | RSAKey) -> None:
    private = key.as_dict(private=True)
    public = signing_key(private).public("k-1")

    members = {"kty", "kid", "use", "alg"} | ({"crv", "x", "y"} if isinstance(key, ECKey) else {"n", "e"})
    assert public.keys() == members
    secret = {str(private[name]) for name in private.keys() & {"d", "p", "q", "dp", "dq", "qi"}}
    assert secret
    assert not secret & set(public.values())
    assert {name: public[name] for name in key.as_dict(private=False)} == key.as_dict(private=False)
