"""Who is not let in: no, expired, misdirected and forged tokens get 401 with a challenge, and ask nobody."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from tests.stories.house import House

ME = {"query": "{ me { audience } }"}


def test_a_token_of_a_persona_is_let_in(house: House) -> None:
    answer = _send(house, f"Bearer {house.token('clinician')}")

    assert answer.status_code == 200
    assert answer.json()["data"] == {"me": {"audience": "clinician"}}


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer x",
        "Bearer a.b.c",
        "Bearer ....",
        "Basic YTpi",
        "Bearer",
        "bearer ,",
        "Token abc",
        "Bearer " + "A" * 6_000,
        "Bearer eyJhbGciOiJSUzI1NiJ9.e30.",
    ],
    ids=lambda it: it[:20],
)
def test_garbage_for_a_token_is_401_with_a_challenge(house: House, authorization: str) -> None:
    _refused(_send(house, authorization))


def test_no_token_is_401_with_a_challenge_that_names_no_fault(house: House) -> None:
    answer = house.client.post(house.url, json=ME)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="caregraph"'
    assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


def test_an_expired_token_is_401_and_says_so(house: House) -> None:
    # Longer ago than the clocks of issuer and gateway may be apart.
    token = house.new_token({"persona": "clinician", "expires_in": -120})

    assert "expired" in _refused(_send(house, f"Bearer {token}"))


def test_a_token_for_another_audience_is_401_and_says_so(house: House) -> None:
    token = house.new_token({"system": "ehr"})

    assert "audience" in _refused(_send(house, f"Bearer {token}"))


def test_a_token_signed_with_a_forgers_key_is_401(house: House) -> None:
    header, claims = _read(house.token("clinician"))
    forger = RSAKey.generate_key(2048, {"kid": header["kid"]}, private=True)

    _refused(_send(house, f"Bearer {jwt.encode(header, claims, forger)}"))


def test_a_token_signed_with_a_public_key_for_a_secret_is_401(house: House) -> None:
    header, claims = _read(house.token("clinician"))
    published = house.client.get(f"{house.addresses.idp}/jwks").json()["keys"]
    public = next(key for key in published if key["kid"] == header["kid"])
    pem = RSAKey.import_key(public).as_pem(private=False)

    secret = OctKey.import_key(base64.b64encode(pem))
    token = jwt.encode({**header, "alg": "HS256"}, claims, secret, algorithms=["HS256"])
    _refused(_send(house, f"Bearer {token}"))


def test_a_token_without_signature_is_401(house: House) -> None:
    header, claims = _read(house.token("clinician"))

    unsigned = f"{_part({**header, 'alg': 'none'})}.{_part(claims)}."
    _refused(_send(house, f"Bearer {unsigned}"))


@pytest.mark.parametrize("claim", ["role", "scope", "patient", "aud"])
def test_a_token_whose_claims_were_changed_is_401(house: House, claim: str) -> None:
    header, _, signature = house.token("patient").split(".")
    _, claims = _read(house.token("patient"))
    claims |= {"role": "clinician", "scope": "user/*.rs", "patient": "pat-000002", "aud": claims["aud"]}

    changed = _part({**_read(house.token("patient"))[1], claim: claims[claim], "changed": True})
    _refused(_send(house, f"Bearer {header}.{changed}.{signature}"))


def test_a_refused_caller_causes_no_call_to_any_source(house: House) -> None:
    house.forget()
    query = {"query": "{ patients(first: 1) { nodes { id } } }"}

    for authorization in ("Bearer x", f"Bearer {house.new_token({'persona': 'ai', 'expires_in': -120})}"):
        house.client.post(house.url, json=query, headers={"Authorization": authorization})

    assert house.asked_all() == []


def _send(house: House, authorization: str) -> httpx.Response:
    return house.client.post(house.url, json=ME, headers={"Authorization": authorization})


def _refused(answer: httpx.Response) -> str:
    """The challenge of an answer that lets nobody in."""
    assert answer.status_code == 401
    body = answer.json()
    assert "data" not in body
    assert [error["extensions"]["code"] for error in body["errors"]] == ["UNAUTHENTICATED"]
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith('Bearer realm="caregraph"')
    return challenge


def _read(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a JWT, unverified."""
    header, claims, _ = (it + "=" * (-len(it) % 4) for it in token.split("."))
    return json.loads(base64.urlsafe_b64decode(header)), json.loads(base64.urlsafe_b64decode(claims))


def _part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")
