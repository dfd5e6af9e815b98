"""How we sign in to FHIR servers, by settings, and the public halves of the keys we do it with."""

import json
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey, RSAKey
from starlette.applications import Starlette

from gateway.adapters.http_section import Http
from gateway.adapters.sign_in import SignIn
from gateway.configuration import Secret, SettingsError, read
from gateway.jwks import PATH, SameKeyId, distinct, jwks_route
from sources.calling import Limits, Quota, Tls, Upstream
from tests.sources.stub import Asked, answer, json_answer, stub

EC = ECKey.generate_key("P-384", {"kid": "one"})
RSA = RSAKey.generate_key(2048, {"kid": "two"})
OLD = ECKey.generate_key("P-384", {"kid": "zero"})


def text(key: ECKey | RSAKey) -> str:
    return json.dumps(key.as_dict(private=True))


def faults(table: dict[str, Any]) -> list[str]:
    with pytest.raises(SettingsError) as raised:
        read(SignIn, table, {})
    return list(raised.value.faults)


def test_a_key_a_secret_or_a_token_is_enough_and_only_one_may_be_set() -> None:
    read(SignIn, {"client_id": "us", "key": text(EC)}, {})
    read(SignIn, {"client_id": "us", "client_secret": "s", "token_url": "https://x/t"}, {})
    read(SignIn, {"token": "t"}, {})

    needed = "or `client_secret` or `token` is needed, and only one of them; set that one"
    assert any(needed in fault for fault in faults({"client_id": "us"}))
    assert any(needed in fault for fault in faults({"client_id": "us", "key": text(EC), "token": "t"}))


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"key": text(EC)}, "is missing; set it to who we are to the server"),
        ({"client_id": "us", "client_secret": "s"}, "is missing; set it, because `client_secret` is set"),
        ({"client_id": "us", "key": "hunter2"}, "is not usable: the key cannot be read"),
        ({"client_id": "us", "key": '{"kty": hunter2'}, "is not usable: the key is not JSON"),
        ({"client_id": "us", "key": text(ECKey.generate_key("P-384"))}, "has no `kid`; give it one"),
        ({"client_id": "us", "key": text(EC), "next_key": "hunter2"}, "is not usable: the key cannot be"),
        (
            {"client_id": "us", "key": text(ECKey.generate_key("P-256", {"kid": "k"}))},
            "is not usable: the key is not a private one on P-384",
        ),
    ],
)
def test_what_can_not_be_used_is_said_at_the_start_without_the_secret(
    table: dict[str, Any], words: str
) -> None:
    (fault,) = faults(table)

    assert words in fault
    assert "hunter2" not in fault


async def published(keys: Any) -> httpx.Response:
    transport = httpx.ASGITransport(app=Starlette(routes=[jwks_route(keys)]))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway.example") as client:
        return await client.get(PATH)


@pytest.mark.anyio
async def test_the_public_halves_of_all_keys_are_published_and_no_private_member() -> None:
    sign_in = SignIn(
        client_id="us", key=Secret(text(EC)), next_key=Secret(text(RSA)), last_key=Secret(text(OLD))
    )
    response = await published(sign_in.public_keys())

    assert response.headers["content-type"] == "application/jwk-set+json"
    assert response.headers["cache-control"] == "public, max-age=3600"
    keys = response.json()["keys"]
    assert [(key["kid"], key["alg"], key["use"]) for key in keys] == [
        ("one", "ES384", "sig"),
        ("two", "RS384", "sig"),
        ("zero", "ES384", "sig"),
    ]
    private = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
    assert all(not key.keys() & private for key in keys)
    for whole in (EC, RSA, OLD):
        members = whole.as_dict(private=True)
        assert all(str(members[name]) not in response.text for name in private & members.keys())
    assert ECKey.import_key({k: v for k, v in keys[0].items()}).thumbprint() == EC.thumbprint()


@pytest.mark.anyio
async def test_without_keys_an_empty_set_is_published() -> None:
    assert (await published([])).json() == {"keys": []}


def test_one_key_for_two_servers_is_published_once_and_two_of_one_id_are_refused() -> None:
    one = {"kid": "a", "x": "1"}

    assert distinct([one, dict(one)]) == [one]
    with pytest.raises(SameKeyId, match="two private keys bear one `kid`"):
        distinct([one, {"kid": "a", "x": "2"}])


@pytest.mark.anyio
@pytest.mark.parametrize("credentials_in", ["header", "form"])
async def test_a_secret_gets_a_token_with_the_scope(credentials_in: Any) -> None:
    def behaviour(asked: Asked) -> bytes:
        if asked.target == "/token":
            return json_answer({"access_token": "t", "token_type": "bearer"})
        return answer()

    async with stub(behaviour) as source:
        sign_in = SignIn(
            client_id="us",
            client_secret=Secret("s"),
            credentials_in=credentials_in,
            token_url=f"{source.url}/token",
        )
        upstream = Upstream("ehr", "ehr", source.url, authorizer=sign_in.authorizer("ehr", "x", Tls()))
        await upstream.send("GET", "x")
        await upstream.close()
        token, call = source.asked

    assert token.form["scope"] == ["system/*.rs"]
    assert ("authorization" in token.headers) is (credentials_in == "header")
    assert ("client_secret" in token.form) is (credentials_in == "form")
    assert call.headers["authorization"] == "Bearer t"


def test_quotas_concurrency_and_joining_are_settings() -> None:
    http = read(
        Http, {"quota": 100, "quota_s": 10, "daily_quota": 500_000, "concurrency": 8, "join": False}, {}
    )

    assert http.limits(3.0) == Limits(
        timeout_s=3.0, concurrency=8, quotas=(Quota(100, 10.0), Quota(500_000, 86_400.0)), joins=False
    )
    assert read(Http, {}, {}).limits(2.0) == Limits()


def test_tls_files_that_can_not_be_used_are_said_at_the_start() -> None:
    with pytest.raises(SettingsError) as raised:
        read(Http, {"ca_file": "/nowhere/ca.pem"}, {})

    (fault,) = raised.value.faults
    assert "ca_file` (CAREGRAPH_CA_FILE) can't be read; give the path of a file that we may read" in fault
    assert "nowhere" not in fault
