"""The stand-in identity provider, over a real socket: discovery, sign-in, tokens and their ends."""

import base64
import hashlib
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from sandbox.idp import personas
from sandbox.idp.clients import ASSERTION_TYPE
from sandbox.idp.tokens import Grant
from sandbox.records import Dataset
from sandbox.serve import Addresses, background

BACKEND_KEY = ECKey.generate_key("P-384", {"kid": "gateway-1", "use": "sig"})
BACKEND_RSA = RSAKey.generate_key(2048, {"kid": "gateway-2", "use": "sig"})
BACKEND_JWKS = {"keys": [BACKEND_KEY.as_dict(private=False), BACKEND_RSA.as_dict(private=False)]}

VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@dataclass(frozen=True)
class Provider:
    """The provider and a client that follows no redirects."""

    at: Addresses
    http: httpx.Client

    def keys(self) -> KeySet:
        return KeySet.import_key_set(self.http.get(f"{self.at.idp}/jwks").json())

    def read(self, token: str) -> jwt.Token:
        return jwt.decode(token, self.keys(), algorithms=["RS256"])

    def asking(self, **changes: str | None) -> dict[str, str]:
        """The explorer's authorization request, with changes; None leaves a parameter out."""
        query = {
            "response_type": "code",
            "client_id": "explorer",
            "redirect_uri": f"{self.at.gateway}/",
            "state": "a-state-of-mine",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            **changes,
        }
        return {name: value for name, value in query.items() if value is not None}

    def authorize(self, **changes: str | None) -> httpx.Response:
        return self.http.get(f"{self.at.idp}/authorize", params=self.asking(**changes))

    def choose(self, persona: str, **changes: str | None) -> dict[str, str]:
        """Sign in as *persona*; gives the answer that goes back to the explorer."""
        page = self.authorize(**changes)
        found = re.search(r'name="request" value="([^"]+)"', page.text)
        assert found is not None, page.text
        form = {"request": found[1], "persona": persona}
        return answer_of(self.http.post(f"{self.at.idp}/authorize/sign-in", data=form))

    def exchange(self, code: str, **changes: str) -> httpx.Response:
        form = {
            "grant_type": "authorization_code",
            "client_id": "explorer",
            "redirect_uri": f"{self.at.gateway}/",
            "code": code,
            "code_verifier": VERIFIER,
            **changes,
        }
        return self.http.post(f"{self.at.idp}/token", data=form)

    def token(self, **order: Any) -> httpx.Response:
        return self.http.post(f"{self.at.idp}/sandbox/token", json=order)

    def assertion(
        self, key: ECKey | RSAKey = BACKEND_KEY, header: dict[str, Any] | None = None, **changes: Any
    ) -> str:
        claims = {
            "iss": "caregraph",
            "sub": "caregraph",
            "aud": f"{self.at.idp}/token",
            "exp": int(time.time()) + 290,
            "jti": secrets.token_urlsafe(8),
            **changes,
        }
        algorithm = "ES384" if isinstance(key, ECKey) else "RS384"
        head = {"alg": algorithm, "kid": key.kid, **(header or {})}
        kept = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(head, kept, key, algorithms=["ES384", "RS384", "ES256"])

    def as_backend(self, assertion: str, scope: str = "system/*.rs", **changes: str) -> httpx.Response:
        form = {
            "grant_type": "client_credentials",
            "scope": scope,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
            **changes,
        }
        return self.http.post(f"{self.at.idp}/token", data=form)

    def is_active(self, token: str) -> bool:
        backend = self.as_backend(self.assertion()).json()["access_token"]
        answer = self.http.post(
            f"{self.at.idp}/introspect", data={"token": token}, headers={"Authorization": f"Bearer {backend}"}
        )
        active: bool = answer.json()["active"]
        return active


def answer_of(redirect: httpx.Response) -> dict[str, str]:
    assert redirect.status_code == 303, redirect.text
    return dict(parse_qsl(urlsplit(redirect.headers["location"]).query))


@pytest.fixture(scope="module")
def idp() -> Iterator[Provider]:
    with background(Dataset(), backend_jwks=BACKEND_JWKS) as at, httpx.Client() as http:
        yield Provider(at, http)


def test_discovery_names_the_issuer_and_every_endpoint(idp: Provider) -> None:
    found = idp.http.get(f"{idp.at.idp}/.well-known/openid-configuration").json()

    assert found["issuer"] == idp.at.idp
    assert found["authorization_endpoint"] == f"{idp.at.idp}/authorize"
    assert found["token_endpoint"] == f"{idp.at.idp}/token"
    assert found["jwks_uri"] == f"{idp.at.idp}/jwks"
    assert found["introspection_endpoint"] == f"{idp.at.idp}/introspect"
    assert found["revocation_endpoint"] == f"{idp.at.idp}/revoke"
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert found["response_types_supported"] == ["code"]


def test_the_smart_configuration_has_what_smart_requires(idp: Provider) -> None:
    found = idp.http.get(f"{idp.at.idp}/.well-known/smart-configuration").json()

    assert found["token_endpoint"] == f"{idp.at.idp}/token"
    assert found["grant_types_supported"] == ["authorization_code", "client_credentials", "refresh_token"]
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert {"permission-v1", "permission-v2", "client-confidential-asymmetric"} <= set(found["capabilities"])


def test_published_keys_are_public_halves_only(idp: Provider) -> None:
    for key in idp.http.get(f"{idp.at.idp}/jwks").json()["keys"]:
        assert set(key) == {"kty", "n", "e", "kid", "use", "alg"}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_gateways_pages_may_read_what_is_public(idp: Provider, host: str) -> None:
    origin = f"http://{host}:{idp.at.gateway_port}"
    answers = [
        idp.http.get(f"{idp.at.idp}{path}", headers={"Origin": origin})
        for path in ("/.well-known/openid-configuration", "/.well-known/smart-configuration", "/jwks")
    ]
    refused = idp.http.post(f"{idp.at.idp}/token", data={}, headers={"Origin": origin})

    assert [one.headers["Access-Control-Allow-Origin"] for one in [*answers, refused]] == [origin] * 4
    assert refused.status_code == 400


def test_other_pages_may_not(idp: Provider) -> None:
    answer = idp.http.post(f"{idp.at.idp}/token", data={}, headers={"Origin": "http://elsewhere.example"})
    preflight = idp.http.options(
        f"{idp.at.idp}/sandbox/token",
        headers={"Origin": idp.at.gateway, "Access-Control-Request-Method": "POST"},
    )

    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "Access-Control-Allow-Origin" not in preflight.headers
    assert preflight.status_code == 405


def test_the_sign_in_page_lists_every_persona_and_needs_no_script(idp: Provider) -> None:
    page = idp.authorize()

    assert re.findall(r'name="persona" value="([^"]+)"', page.text) == list(personas())
    assert "<script" not in page.text
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert f"form-action 'self' {idp.at.gateway};" in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["Cache-Control"] == "no-store"


def test_the_style_the_policy_lets_through_is_the_pages_own(idp: Provider) -> None:
    page = idp.authorize()

    style = re.search(r"<style>(.*)</style>", page.text, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"'sha256-{digest}'" in page.headers["Content-Security-Policy"]


def test_a_request_by_post_is_taken_too(idp: Provider) -> None:
    page = idp.http.post(f"{idp.at.idp}/authorize", data=idp.asking())

    assert "Who are you today?" in page.text


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "someone"},
        {"client_id": None},
        {"redirect_uri": "http://elsewhere.example/"},
        {"redirect_uri": None},
    ],
)
def test_an_unknown_client_or_redirect_is_sent_nowhere(idp: Provider, changes: dict[str, str | None]) -> None:
    answer = idp.authorize(**changes)

    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert "elsewhere.example" not in answer.text


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"aud": "http://elsewhere.example"}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
    ],
)
def test_a_faulty_request_goes_back_with_its_state(
    idp: Provider, changes: dict[str, str | None], error: str
) -> None:
    answer = answer_of(idp.authorize(**changes))

    assert (answer["error"], answer["state"], answer["iss"]) == (error, "a-state-of-mine", idp.at.idp)
    assert "code" not in answer


def test_a_request_without_state_is_refused(idp: Provider) -> None:
    assert answer_of(idp.authorize(state=None))["error"] == "invalid_request"


def test_signing_in_gives_a_code_and_the_code_a_token(idp: Provider) -> None:
    back = idp.choose("clinician", nonce="n-1", aud=f"{idp.at.gateway}/")
    answer = idp.exchange(back["code"])
    token = idp.read(answer.json()["access_token"])

    assert (back["state"], back["iss"]) == ("a-state-of-mine", idp.at.idp)
    assert answer.headers["Cache-Control"] == "no-store"
    assert {name: answer.json()[name] for name in ("token_type", "expires_in", "scope")} == {
        "token_type": "Bearer",
        "expires_in": 3600,
        "scope": "openid fhirUser user/*.rs __engagement.read",
    }
    assert token.header["typ"] == "at+jwt"
    times = {name: token.claims.pop(name) for name in ("iat", "nbf", "exp")}
    assert times["exp"] - times["iat"] == 3600
    assert times["nbf"] == times["iat"]
    assert token.claims.pop("jti")
    assert token.claims == {
        "iss": idp.at.idp,
        "sub": "clinician",
        "aud": idp.at.gateway,
        "client_id": "explorer",
        "scope": "openid fhirUser user/*.rs __engagement.read",
        "role": "clinician",
        "fhirUser": "Practitioner/prac-0001",
    }


def test_the_id_token_says_who_signed_in(idp: Provider) -> None:
    answer = idp.exchange(idp.choose("patient", nonce="n-1")["code"]).json()
    claims = idp.read(answer["id_token"]).claims

    assert (claims["aud"], claims["nonce"], claims["fhirUser"]) == ("explorer", "n-1", "Patient/pat-000001")
    assert answer["patient"] == "pat-000001"


def test_without_openid_there_is_no_id_token(idp: Provider) -> None:
    answer = idp.exchange(idp.choose("clinician", scope="user/Patient.rs")["code"]).json()

    assert answer["scope"] == "user/Patient.rs"
    assert "id_token" not in answer


def test_an_id_token_is_no_access_token(idp: Provider) -> None:
    id_token = idp.exchange(idp.choose("clinician")["code"]).json()["id_token"]

    assert not idp.is_active(id_token)


def test_a_persona_with_nothing_of_what_was_asked_for_gets_no_code(idp: Provider) -> None:
    assert idp.choose("marketer", scope="user/*.rs offline_access")["error"] == "invalid_scope"
    assert idp.choose("nobody")["error"] == "access_denied"


def test_a_sign_in_can_be_finished_once(idp: Provider) -> None:
    found = re.search(r'name="request" value="([^"]+)"', idp.authorize().text)
    assert found is not None
    form = {"request": found[1], "persona": "clinician"}

    first = idp.http.post(f"{idp.at.idp}/authorize/sign-in", data=form)
    second = idp.http.post(f"{idp.at.idp}/authorize/sign-in", data=form)

    assert (first.status_code, second.status_code) == (303, 400)
    assert "location" not in second.headers


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": "w" * 43},
        {"code_verifier": ""},
        {"client_id": "caregraph"},
        {"redirect_uri": "http://elsewhere.example/"},
        {"code": "made-up"},
    ],
)
def test_a_code_is_no_good_to_anyone_else(idp: Provider, changes: dict[str, str]) -> None:
    form = {"code": idp.choose("clinician")["code"], **changes}

    answer = idp.exchange(**form)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_a_code_used_twice_takes_back_what_it_gave(idp: Provider) -> None:
    code = idp.choose("clinician")["code"]
    token = idp.exchange(code).json()["access_token"]
    assert idp.is_active(token)

    assert idp.exchange(code).json()["error"] == "invalid_grant"
    assert not idp.is_active(token)


def test_a_refresh_token_is_given_when_asked_for_and_turns_over(idp: Provider) -> None:
    code = idp.choose("clinician", scope="user/*.rs offline_access")["code"]
    first = idp.exchange(code).json()
    form = {"grant_type": "refresh_token", "client_id": "explorer"}

    def redeem(token: str) -> httpx.Response:
        return idp.http.post(f"{idp.at.idp}/token", data={**form, "refresh_token": token})

    second = redeem(first["refresh_token"]).json()
    assert second["scope"] == "user/*.rs offline_access"
    assert idp.is_active(second["access_token"])

    again = redeem(first["refresh_token"])
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert not idp.is_active(second["access_token"])
    assert redeem(second["refresh_token"]).json()["error"] == "invalid_grant"


def test_a_refresh_token_is_for_its_client_alone(idp: Provider) -> None:
    code = idp.choose("clinician", scope="user/*.rs offline_access")["code"]
    form = {
        "grant_type": "refresh_token",
        "client_id": "caregraph",
        "refresh_token": idp.exchange(code).json()["refresh_token"],
    }

    assert idp.http.post(f"{idp.at.idp}/token", data=form).json()["error"] == "invalid_client"


def test_without_offline_access_there_is_no_refresh_token(idp: Provider) -> None:
    assert "refresh_token" not in idp.exchange(idp.choose("clinician")["code"]).json()


@pytest.mark.parametrize("key", [BACKEND_KEY, BACKEND_RSA])
def test_the_backend_service_gets_a_short_token_for_the_ehr(idp: Provider, key: ECKey | RSAKey) -> None:
    answer = idp.as_backend(idp.assertion(key), scope="system/Patient.rs system/Encounter.r").json()
    claims = idp.read(answer["access_token"]).claims

    assert answer["expires_in"] == 300
    assert answer["scope"] == "system/Patient.rs system/Encounter.r"
    assert "refresh_token" not in answer
    assert (claims["aud"], claims["sub"], claims["client_id"]) == (idp.at.ehr, "caregraph", "caregraph")
    assert "role" not in claims


def test_the_backend_service_gets_nothing_beyond_reading(idp: Provider) -> None:
    assert idp.as_backend(idp.assertion(), scope="system/*.cruds").json()["scope"] == "system/*.rs"
    for scope in ("", "user/*.rs", "system/Patient.cud", "openid"):
        answer = idp.as_backend(idp.assertion(), scope=scope)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


STRANGER = ECKey.generate_key("P-384", {"kid": "gateway-1"})
ANOTHER_KID = ECKey.generate_key("P-384", {"kid": "gateway-9"})
TOO_WEAK = ECKey.generate_key("P-256", {"kid": "gateway-1"})


@pytest.mark.parametrize(
    ("key", "header", "changes"),
    [
        pytest.param(STRANGER, {}, {}, id="signed by someone else"),
        pytest.param(ANOTHER_KID, {}, {}, id="an unknown key"),
        pytest.param(BACKEND_KEY, {"kid": None}, {}, id="no key named"),
        pytest.param(TOO_WEAK, {"alg": "ES256"}, {}, id="an algorithm that is not offered"),
        pytest.param(BACKEND_KEY, {"kid": "gateway-2"}, {}, id="a key of another type"),
        pytest.param(BACKEND_KEY, {"jku": "http://elsewhere.example/jwks"}, {}, id="keys elsewhere"),
        pytest.param(BACKEND_KEY, {}, {"iss": "someone"}, id="another issuer"),
        pytest.param(BACKEND_KEY, {}, {"sub": "someone"}, id="another subject"),
        pytest.param(BACKEND_KEY, {}, {"aud": "http://elsewhere.example/token"}, id="another audience"),
        pytest.param(BACKEND_KEY, {}, {"aud": None}, id="no audience"),
        pytest.param(BACKEND_KEY, {}, {"exp": 1_000_000_000}, id="expired"),
        pytest.param(BACKEND_KEY, {}, {"exp": None}, id="no expiry"),
        pytest.param(BACKEND_KEY, {}, {"exp": "soon"}, id="an expiry that is no number"),
        pytest.param(BACKEND_KEY, {}, {"exp": 4_000_000_000}, id="good for years"),
        pytest.param(BACKEND_KEY, {}, {"iat": 4_000_000_000}, id="signed in the future"),
        pytest.param(BACKEND_KEY, {}, {"jti": None}, id="no id"),
        pytest.param(BACKEND_KEY, {}, {"jti": 7}, id="an id that is no text"),
    ],
)
def test_an_assertion_with_a_fault_proves_nothing(
    idp: Provider, key: ECKey, header: dict[str, Any], changes: dict[str, Any]
) -> None:
    head = {name: value for name, value in {"kid": key.kid, **header}.items() if value is not None}
    claims = {
        "iss": "caregraph",
        "sub": "caregraph",
        "aud": f"{idp.at.idp}/token",
        "exp": int(time.time()) + 290,
        "jti": secrets.token_urlsafe(8),
        **changes,
    }
    kept = {name: value for name, value in claims.items() if value is not None}
    assertion = jwt.encode({"alg": "ES384", **head}, kept, key, algorithms=["ES384", "ES256"])

    answer = idp.as_backend(assertion)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client")


@pytest.mark.parametrize("assertion", ["", "a.b.c", "a.b", "....", "é"])
def test_what_is_no_assertion_proves_nothing(idp: Provider, assertion: str) -> None:
    assert idp.as_backend(assertion).json()["error"] == "invalid_client"


def test_an_assertion_proves_it_once(idp: Provider) -> None:
    assertion = idp.assertion()

    assert idp.as_backend(assertion).status_code == 200
    assert idp.as_backend(assertion).json()["error"] == "invalid_client"


def test_an_assertion_of_another_type_or_client_id_is_refused(idp: Provider) -> None:
    saml = "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"

    assert idp.as_backend(idp.assertion(), client_assertion_type=saml).json()["error"] == "invalid_client"
    assert idp.as_backend(idp.assertion(), client_id="explorer").json()["error"] == "invalid_client"


@pytest.mark.parametrize("form", [{}, {"grant_type": "password"}])
def test_other_grant_types_are_refused(idp: Provider, form: dict[str, str]) -> None:
    answer = idp.http.post(f"{idp.at.idp}/token", data={"x": "y", **form})

    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")


def test_introspection_shows_the_claims_of_a_token_that_holds(idp: Provider) -> None:
    backend = idp.as_backend(idp.assertion()).json()["access_token"]
    token = idp.token(persona="patient").json()["access_token"]

    shown = idp.http.post(
        f"{idp.at.idp}/introspect", data={"token": token}, headers={"Authorization": f"Bearer {backend}"}
    ).json()

    assert shown == {"active": True, "token_type": "Bearer", **idp.read(token).claims}
    assert (shown["patient"], shown["fhirUser"]) == ("pat-000001", "Patient/pat-000001")


def test_introspection_by_assertion_works_too(idp: Provider) -> None:
    form = {
        "token": idp.token(persona="ai").json()["access_token"],
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": idp.assertion(),
    }

    assert idp.http.post(f"{idp.at.idp}/introspect", data=form).json()["active"] is True


@pytest.mark.parametrize("token", ["", "made-up", "a.b.c"])
def test_introspection_of_anything_else_says_inactive_and_no_more(idp: Provider, token: str) -> None:
    backend = idp.as_backend(idp.assertion()).json()["access_token"]

    shown = idp.http.post(
        f"{idp.at.idp}/introspect", data={"token": token}, headers={"Authorization": f"Bearer {backend}"}
    )

    assert shown.json() == {"active": False}


@pytest.mark.parametrize("persona", [None, "clinician"])
def test_introspection_is_for_the_backend_service_alone(idp: Provider, persona: str | None) -> None:
    token = "none" if persona is None else idp.token(persona=persona).json()["access_token"]

    answer = idp.http.post(
        f"{idp.at.idp}/introspect", data={"token": token}, headers={"Authorization": f"Bearer {token}"}
    )

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_revoked_tokens_hold_no_more(idp: Provider) -> None:
    scope = "user/*.rs offline_access"
    one = idp.exchange(idp.choose("clinician", scope=scope)["code"]).json()
    other = idp.exchange(idp.choose("clinician", scope=scope)["code"]).json()

    def revoke(token: str, **client: str) -> int:
        return idp.http.post(f"{idp.at.idp}/revoke", data={"token": token, **client}).status_code

    assert revoke(one["access_token"]) == 400
    assert idp.is_active(one["access_token"])
    assert revoke(one["access_token"], client_id="explorer") == 200
    assert not idp.is_active(one["access_token"])
    assert revoke(other["refresh_token"], client_id="explorer") == 200
    assert not idp.is_active(other["access_token"])
    assert revoke("made-up", client_id="explorer") == 200


def test_a_client_cannot_revoke_anothers_token(idp: Provider) -> None:
    token = idp.token(persona="ai").json()["access_token"]

    idp.http.post(f"{idp.at.idp}/revoke", data={"token": token, "client_id": "explorer"})

    assert idp.is_active(token)


@pytest.mark.parametrize("name", list(personas()))
def test_a_script_gets_any_personas_token(idp: Provider, name: str) -> None:
    answer = idp.token(persona=name).json()
    claims = idp.read(answer["access_token"]).claims
    persona = personas()[name]

    assert (claims["role"], claims["sub"], claims["client_id"]) == (persona.role, name, "sandbox-cli")
    assert claims["scope"] == answer["scope"] == " ".join(persona.scope)
    assert claims.get("fhirUser") == persona.fhir_user
    assert claims.get("patient") == answer.get("patient") == persona.patient


def test_a_script_may_ask_for_less(idp: Provider) -> None:
    assert idp.token(persona="patient", scope="patient/Observation.r openid").json() | {
        "access_token": ""
    } == {
        "access_token": "",
        "token_type": "Bearer",
        "expires_in": 3600,
        "scope": "patient/Observation.r openid",
        "patient": "pat-000001",
    }
    assert "patient" not in idp.token(persona="patient", scope="openid").json()


def test_the_chart_that_is_open_is_in_the_token_of_who_asks_for_it() -> None:
    clinician = personas()["clinician"]

    def context(*scope: str) -> dict[str, Any]:
        claims = Grant("explorer", "clinician", "http://gw", scope, clinician).claims()
        return {name: claims[name] for name in ("patient", "encounter") if name in claims}

    assert context("user/*.rs") == {}
    assert context("user/*.rs", "launch/patient") == {"patient": "pat-000001"}
    assert context("user/*.rs", "launch/encounter") == {"encounter": "enc-005001"}


def test_the_open_chart_is_there_for_those_who_have_one(idp: Provider) -> None:
    launched = "user/*.rs launch/patient"
    answer = idp.token(persona="clinician", scope=launched).json()
    refused = idp.token(persona="ai", scope="launch/patient launch/encounter")

    assert (answer["scope"], answer["patient"]) == (launched, "pat-000001")
    assert "patient" not in idp.token(persona="clinician").json()
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")


def test_a_script_may_ask_for_a_token_that_has_expired(idp: Provider) -> None:
    answer = idp.token(persona="clinician", expires_in=-5).json()

    assert answer["expires_in"] == 0
    claims = idp.read(answer["access_token"]).claims
    assert claims["exp"] < time.time()
    assert not idp.is_active(answer["access_token"])


def test_a_script_may_change_records_at_the_ehr(idp: Provider) -> None:
    claims = idp.read(idp.token(system="ehr").json()["access_token"]).claims

    assert (claims["aud"], claims["scope"]) == (idp.at.ehr, "system/*.cruds")


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"persona": "nobody"},
        {"persona": "clinician", "system": "ehr"},
        {"persona": "marketer", "scope": "user/*.rs"},
        {"persona": "clinician", "scope": ""},
        {"persona": "clinician", "expires_in": 3601},
        {"persona": "clinician", "role": "patient"},
    ],
)
def test_an_order_that_makes_no_sense_is_refused(idp: Provider, order: dict[str, Any]) -> None:
    answer = idp.token(**order)

    assert answer.status_code == 400
    assert "access_token" not in answer.json()


def test_an_order_that_a_page_elsewhere_could_post_is_refused(idp: Provider) -> None:
    answer = idp.http.post(f"{idp.at.idp}/sandbox/token", content='{"persona": "clinician"}')

    assert answer.status_code == 415


def test_after_a_change_of_keys_old_and_new_tokens_hold(idp: Provider) -> None:
    old = idp.token(persona="clinician").json()["access_token"]

    kid = idp.http.post(f"{idp.at.idp}/sandbox/rotate-keys").json()["kid"]

    new = idp.token(persona="clinician").json()["access_token"]
    assert idp.read(new).header["kid"] == kid
    assert idp.read(old).header["kid"] != kid
    assert idp.is_active(old)
    assert idp.is_active(new)
