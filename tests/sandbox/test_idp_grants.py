"""The stand-in identity provider without a socket: what its tokens and sign-ins hold for."""

import base64
import hashlib
from dataclasses import replace
from typing import Any

import pytest
from joserfc import jwt

from sandbox.idp import Tokens, personas
from sandbox.idp.clients import registry
from sandbox.idp.errors import OAuthError
from sandbox.idp.sign_in import SignIns, UnknownClient, proves
from sandbox.idp.tokens import Grant

VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


def grant(audience: str = "http://gw") -> Grant:
    return Grant("explorer", "ai", audience, ("system/*.rs",))


def test_a_token_holds_for_its_audience_and_its_hour() -> None:
    clock = [1_000_000.0]
    tokens = Tokens("http://idp", now=lambda: clock[0])
    token = tokens.access(grant())

    assert tokens.verify(token, "http://gw") is not None
    assert tokens.verify(token, "http://ehr") is None
    clock[0] += 3_599
    assert tokens.verify(token, "http://gw") is not None
    clock[0] += 1
    assert tokens.verify(token, "http://gw") is None


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        pytest.param({"kid": None}, {}, id="no key named"),
        pytest.param({"kid": "made-up"}, {}, id="an unknown key"),
        pytest.param({"typ": "JWT"}, {}, id="another type"),
        pytest.param({}, {"iss": "http://elsewhere"}, id="another issuer"),
        pytest.param({}, {"exp": None}, id="no expiry"),
        pytest.param({}, {"jti": "made-up"}, id="never issued"),
    ],
)
def test_a_token_that_is_not_as_we_issue_them_does_not_hold(
    header: dict[str, Any], claims: dict[str, Any]
) -> None:
    tokens = Tokens("http://idp")
    issued = tokens.verify(tokens.access(grant()))
    assert issued is not None
    key = tokens.keys.current

    def signed(header: dict[str, Any], claims: dict[str, Any]) -> str:
        head = {"alg": "RS256", "kid": key.kid, "typ": "at+jwt", **header}
        body = {**issued, **claims}
        kept = [{name: value for name, value in part.items() if value is not None} for part in (head, body)]
        return jwt.encode(kept[0], kept[1], key, algorithms=["RS256"], default_type=None)

    assert tokens.verify(signed({}, {})) == issued
    assert tokens.verify(signed(header, claims)) is None


def test_a_patient_scope_needs_a_patient() -> None:
    nobody = replace(personas()["patient"], patient=None)

    with pytest.raises(OAuthError, match="needs a patient"):
        Grant("explorer", "patient", "http://gw", nobody.scope, nobody)


def test_a_sign_in_waits_ten_minutes_and_a_code_one() -> None:
    clock = [0.0]
    sign_ins = SignIns(registry("http://gw", {"keys": []}), "http://gw", now=lambda: clock[0])
    query = {
        "client_id": "explorer",
        "redirect_uri": "http://gw/",
        "response_type": "code",
        "state": "s",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    asked = sign_ins.read(query)
    early, late = sign_ins.wait(asked), sign_ins.wait(asked)

    clock[0] = 599
    assert sign_ins.waiting(early) == asked
    clock[0] = 600
    assert sign_ins.waiting(late) is None

    code = sign_ins.sign(asked, personas()["ai"])
    clock[0] = 660
    form = {"client_id": "explorer", "redirect_uri": "http://gw/", "code": code, "code_verifier": VERIFIER}
    with pytest.raises(OAuthError, match="expired"):
        sign_ins.exchange(form, lambda chain: None)


def test_a_gateway_elsewhere_is_known_by_its_one_name() -> None:
    sign_ins = SignIns(registry("https://gw.example", {"keys": []}), "https://gw.example")

    assert sign_ins.redirect_of({"client_id": "explorer", "redirect_uri": "https://gw.example/"})
    with pytest.raises(UnknownClient):
        sign_ins.redirect_of({"client_id": "explorer", "redirect_uri": "http://localhost:443/"})


@pytest.mark.parametrize(
    ("verifier", "holds"),
    [
        ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", True),  # RFC 7636, appendix B
        ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXK", False),
        ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjX", False),
        ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjX é", False),
    ],
)
def test_a_verifier_proves_its_challenge(verifier: str, holds: bool) -> None:
    assert proves(verifier, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM") is holds
