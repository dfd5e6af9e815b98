"""Tokens against a real issuer on a real socket: who is let in, who is not, and what the issuer is asked."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from joserfc.jws import JWSRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.identity import Identity, IdentityUnavailable, Refusal, Unauthenticated
from gateway.identity.verified import Verified
from gateway.settings import Identity as IdentitySettings
from gateway.telemetry import Metrics
from policies import Actor, Audience, Purpose, Scopes
from sources.model import PatientId

pytestmark = pytest.mark.anyio

GATEWAY = "https://caregraph.example"
ROLES = {"clinician": Audience.CLINICIAN, "patient": Audience.PATIENT, "nurse": Audience.CLINICIAN}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a server's state has no event
            await asyncio.sleep(0.005)


def rsa(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"}, private=True)


FIRST = rsa("first")
SECOND = rsa("second")
WEAK = RSAKey(generate_private_key(65537, 1024), None, {"kid": "weak"})  # noqa: S505 - that it is weak is the test


class Issuer:
    """An OpenID provider: discovery and keys, each request counted."""

    def __init__(self) -> None:
        self.keys: list[Any] = [FIRST]
        self.asked: Counter[str] = Counter()
        self.spoilt: Callable[[], Response] | None = None
        self.slow_s = 0.0
        self.issuer_in_document: str | None = None
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        routes = [
            Route("/.well-known/openid-configuration", self._discovery),
            Route("/jwks", self._jwks),
        ]
        self._server = uvicorn.Server(
            uvicorn.Config(Starlette(routes=routes), log_config=None, lifespan="off")
        )

    async def _discovery(self, request: Request) -> Response:
        self.asked["discovery"] += 1
        return JSONResponse({"issuer": self.issuer_in_document or self.url, "jwks_uri": f"{self.url}/jwks"})

    async def _jwks(self, request: Request) -> Response:
        self.asked["jwks"] += 1
        await asyncio.sleep(self.slow_s)
        if self.spoilt is not None:
            return self.spoilt()
        return JSONResponse({"keys": [key.as_dict(private=False) for key in self.keys]})

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        claims = {
            "iss": self.url,
            "sub": "u-1",
            "aud": GATEWAY,
            "exp": now + 600,
            "iat": now,
            "jti": "t-1",
            "client_id": "explorer",
            "role": "clinician",
            "scope": "openid user/*.rs",
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, *, key: Any = FIRST, header: dict[str, Any] | None = None, **changes: Any) -> str:
        head = {"alg": "RS256", "kid": key.kid, "typ": "at+jwt", **(header or {})}
        head = {name: value for name, value in head.items() if value is not None}
        return "Bearer " + jwt.encode(head, self.claims(**changes), key, registry=ANY, default_type=None)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Issuer]:
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        await until(lambda: self._server.started)
        try:
            yield self
        finally:
            await self.stop()

    async def stop(self) -> None:
        self._server.should_exit = True
        self._server.force_exit = True
        await self._serving


ANY = JWSRegistry(
    algorithms=["RS256", "PS256", "ES256", "ES384", "HS256", "RS384"], strict_check_header=False
)


class Clock:
    """The time, which a test may move on."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> float:
        return time.time() + self.ahead

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with Issuer().running() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def identity(issuer: Issuer, clock: Clock, metrics: Metrics) -> AsyncIterator[Identity]:
    async with opened(issuer, clock, metrics) as made:
        yield made


@asynccontextmanager
async def opened(issuer: Issuer, clock: Clock, metrics: Metrics, **changes: Any) -> AsyncIterator[Identity]:
    given: dict[str, Any] = {"issuer": issuer.url, "audience": GATEWAY, "roles": ROLES, **changes}
    identity = Identity(IdentitySettings(**given), metrics, clock=clock.now, monotonic=clock.monotonic)
    try:
        yield identity
    finally:
        await identity.aclose()


async def refusal_of(identity: Identity, authorization: str | None) -> Refusal:
    with pytest.raises(Unauthenticated) as caught:
        await identity.actor(authorization)
    return caught.value.refusal


def unsigned(header: dict[str, Any], claims: dict[str, Any], signature: str = "") -> str:
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims))
    return "Bearer " + ".".join(part.decode() for part in parts) + "." + signature


async def test_a_valid_token_says_who_asks(issuer: Issuer, identity: Identity) -> None:
    exp = int(time.time()) + 600
    token = issuer.token(
        exp=exp,
        role="patient",
        patient="pat-1",
        encounter="enc-1",
        fhirUser="Patient/pat-1",
        scope="patient/*.rs openid",
    )

    actor = await identity.actor(token)

    assert actor == Actor(
        issuer=issuer.url,
        subject="u-1",
        client_id="explorer",
        audience=Audience.PATIENT,
        purpose=Purpose.PATRQT,
        scopes=Scopes.parse("patient/*.rs"),
        patient=PatientId("pat-1"),
        fhir_user="Patient/pat-1",
        token_id="t-1",
        expires_at=float(exp),
        claims_purpose=False,
        encounter="enc-1",
    )


async def test_ids_may_bear_the_name_of_their_source(issuer: Issuer, identity: Identity) -> None:
    token = issuer.token(
        role="patient", patient="south:p1", encounter="south:e1", fhirUser="Patient/south:p1", scope="openid"
    )

    actor = await identity.actor(token)

    assert (actor.patient, actor.encounter, actor.fhir_user) == ("south:p1", "south:e1", "Patient/south:p1")


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"aud": ["https://other.example", GATEWAY]}, id="an audience among several"),
        pytest.param({"role": ["visitor", "clinician"]}, id="a known role among several"),
        pytest.param({"role": ["nurse", "clinician"]}, id="two roles of one audience"),
        pytest.param({"header": {"typ": "JWT"}}, id="typ JWT"),
        pytest.param({"header": {"typ": None}}, id="no typ"),
        pytest.param({"header": {"typ": "application/AT+JWT"}}, id="typ as a media type"),
        pytest.param({"client_id": None, "azp": "explorer"}, id="azp for client_id"),
        pytest.param({"scope": None, "scp": ["user/*.rs"]}, id="scp for scope"),
        pytest.param({"exp": -5, "iat": None}, id="expired within the leeway"),
        pytest.param({"nbf": 5}, id="begins within the leeway"),
        pytest.param({"header": {"x-unknown": 1}}, id="an unknown header that is not critical"),
    ],
)
async def test_tokens_in_the_shapes_providers_give_them_are_accepted(
    issuer: Issuer, identity: Identity, changes: dict[str, Any]
) -> None:
    # Seconds from now on: the tests were gathered minutes ago.
    moments = {claim: time.time() + changes[claim] for claim in ("exp", "nbf") if claim in changes}
    actor = await identity.actor(issuer.token(**changes | moments))

    assert (actor.audience, actor.client_id) == (Audience.CLINICIAN, "explorer")
    assert str(actor.scopes) == "user/*.rs"


@pytest.mark.parametrize(
    ("alg", "key"),
    [
        ("RS256", FIRST),
        ("PS256", FIRST),
        ("ES256", ECKey.generate_key("P-256", {"kid": "p256"}, private=True)),
        ("ES384", ECKey.generate_key("P-384", {"kid": "p384"}, private=True)),
    ],
)
async def test_the_four_algorithms_are_accepted(
    issuer: Issuer, identity: Identity, alg: str, key: Any
) -> None:
    issuer.keys = [key]

    actor = await identity.actor(issuer.token(key=key, header={"alg": alg}))

    assert actor.subject == "u-1"


def tampered(token: str) -> str:
    head, payload, signature = token.split(".")
    body = json.loads(base64.urlsafe_b64decode(payload + "=="))
    changed = base64.urlsafe_b64encode(json.dumps({**body, "role": "patient"}).encode()).rstrip(b"=")
    return f"{head}.{changed.decode()}.{signature}"


def hmac_of_public_key(issuer: Issuer, how: str) -> str:
    secret = (
        FIRST.as_pem(private=False) if how == "pem" else json.dumps(FIRST.as_dict(private=False)).encode()
    )
    key = OctKey.import_key(base64.urlsafe_b64encode(secret).rstrip(b"=").decode(), {"kid": "first"})
    return issuer.token(key=key, header={"alg": "HS256"})


REFUSED: list[Any] = [
    pytest.param(lambda i: None, Refusal.MISSING, id="no header"),
    pytest.param(lambda i: "", Refusal.MISSING, id="an empty header"),
    pytest.param(lambda i: "Basic dTpw", Refusal.MISSING, id="another scheme"),
    pytest.param(lambda i: "Bearer", Refusal.MALFORMED, id="no token"),
    pytest.param(lambda i: "Bearer a b", Refusal.MALFORMED, id="two tokens"),
    pytest.param(lambda i: "Bearer opaque", Refusal.MALFORMED, id="an opaque token without introspection"),
    pytest.param(lambda i: "Bearer a.b.c", Refusal.MALFORMED, id="three parts of nothing"),
    pytest.param(lambda i: "Bearer " + "a" * 20_000, Refusal.MALFORMED, id="too long"),
    pytest.param(lambda i: "Bearer tök.en.x", Refusal.MALFORMED, id="not ASCII"),
    pytest.param(lambda i: i.token(exp=time.time() - 60), Refusal.EXPIRED, id="expired"),
    pytest.param(lambda i: i.token(exp=None), Refusal.CLAIMS, id="never expires"),
    pytest.param(lambda i: i.token(exp="tomorrow"), Refusal.CLAIMS, id="a malformed expiry"),
    pytest.param(lambda i: i.token(exp=True), Refusal.CLAIMS, id="an expiry that is true"),
    pytest.param(lambda i: i.token(exp=10**400), Refusal.CLAIMS, id="an expiry beyond all numbers"),
    pytest.param(lambda i: i.token(nbf=time.time() + 90), Refusal.EARLY, id="not valid yet"),
    pytest.param(lambda i: i.token(iat=time.time() + 90), Refusal.EARLY, id="issued in the future"),
    pytest.param(lambda i: i.token(aud="https://other.example"), Refusal.AUDIENCE, id="another audience"),
    pytest.param(lambda i: i.token(aud=["a", "b"]), Refusal.AUDIENCE, id="other audiences"),
    pytest.param(lambda i: i.token(aud=None), Refusal.AUDIENCE, id="no audience"),
    pytest.param(lambda i: i.token(aud=f"{GATEWAY}/"), Refusal.AUDIENCE, id="an audience with a slash more"),
    pytest.param(lambda i: i.token(iss="https://other.example"), Refusal.ISSUER, id="another issuer"),
    pytest.param(lambda i: i.token(iss=None), Refusal.ISSUER, id="no issuer"),
    pytest.param(lambda i: i.token(sub=None), Refusal.CLAIMS, id="no subject"),
    pytest.param(lambda i: i.token(client_id=None), Refusal.CLAIMS, id="no client"),
    pytest.param(lambda i: i.token(role=None), Refusal.ROLE, id="no role"),
    pytest.param(lambda i: i.token(role="visitor"), Refusal.ROLE, id="an unknown role"),
    pytest.param(lambda i: i.token(role={"clinician": 1}), Refusal.ROLE, id="a role that is a table"),
    pytest.param(lambda i: i.token(role=["clinician", "patient"]), Refusal.ROLE, id="two audiences"),
    pytest.param(lambda i: i.token(scope="patient/*.rs"), Refusal.PATIENT, id="a patient scope, no patient"),
    pytest.param(lambda i: i.token(patient="Patient/1"), Refusal.CLAIMS, id="a patient that is no id"),
    pytest.param(lambda i: i.token(patient="p1\n"), Refusal.CLAIMS, id="a patient with a line feed"),
    pytest.param(lambda i: i.token(patient="a:b:1"), Refusal.CLAIMS, id="a patient of two sources"),
    pytest.param(lambda i: i.token(encounter="Encounter/1"), Refusal.CLAIMS, id="an encounter that is no id"),
    pytest.param(lambda i: i.token(encounter=["e1"]), Refusal.CLAIMS, id="encounters"),
    pytest.param(lambda i: i.token(fhirUser="Robot/1"), Refusal.CLAIMS, id="a fhirUser that is nobody"),
    pytest.param(lambda i: i.token(purpose_of_use="BTG"), Refusal.CLAIMS, id="break-glass by claim alone"),
    pytest.param(lambda i: i.token(act="assistant"), Refusal.CLAIMS, id="an actor that is no object"),
    pytest.param(lambda i: i.token(header={"typ": "logout+jwt"}), Refusal.TYPE, id="another kind of token"),
    pytest.param(lambda i: i.token(header={"kid": None}), Refusal.KEY, id="no kid"),
    pytest.param(lambda i: i.token(key=rsa("strange")), Refusal.KEY, id="an unknown kid"),
    pytest.param(lambda i: i.token(key=WEAK), Refusal.KEY, id="a published key that is too short"),
    pytest.param(lambda i: i.token(key=rsa("first")), Refusal.SIGNATURE, id="another's key under our kid"),
    pytest.param(lambda i: tampered(i.token()), Refusal.SIGNATURE, id="tampered with"),
    pytest.param(lambda i: i.token().rpartition(".")[0] + ".", Refusal.SIGNATURE, id="no signature"),
    pytest.param(lambda i: i.token(header={"alg": "RS384"}), Refusal.ALGORITHM, id="an algorithm not listed"),
    pytest.param(lambda i: hmac_of_public_key(i, "pem"), Refusal.ALGORITHM, id="HMAC with the public PEM"),
    pytest.param(lambda i: hmac_of_public_key(i, "jwk"), Refusal.ALGORITHM, id="HMAC with the public JWK"),
    *(
        pytest.param(
            lambda i, alg=alg: unsigned({"alg": alg, "kid": "first"}, i.claims()),
            Refusal.ALGORITHM,
            id=f"alg {alg}",
        )
        for alg in ("none", "None", "", "rs256")
    ),
    pytest.param(
        lambda i: unsigned({"alg": "RS256", "kid": "first", "crit": ["x"], "x": 1}, i.claims()),
        Refusal.MALFORMED,
        id="a critical header",
    ),
    pytest.param(
        lambda i: unsigned({"alg": "ES256", "kid": "first"}, i.claims(), "A" * 86),
        Refusal.KEY,
        id="an RSA key's kid with an EC algorithm",
    ),
]


@pytest.mark.parametrize(("authorization", "refusal"), REFUSED)
async def test_whoever_shows_no_good_token_is_refused_and_counted(
    issuer: Issuer,
    identity: Identity,
    metrics: Metrics,
    authorization: Callable[[Issuer], str | None],
    refusal: Refusal,
) -> None:
    issuer.keys = [FIRST, WEAK]

    assert await refusal_of(identity, authorization(issuer)) is refusal

    counted = metrics.registry.get_sample_value(
        "caregraph_tokens_refused_total", {"refusal": refusal.name.lower()}
    )
    assert counted == 1


@pytest.mark.parametrize("refusal", list(Refusal))
async def test_a_challenge_is_made_of_fixed_words(refusal: Refusal) -> None:
    challenge = Unauthenticated(refusal).challenge

    if refusal is Refusal.MISSING:
        assert challenge == 'Bearer realm="caregraph"'
    else:
        assert challenge == (
            f'Bearer realm="caregraph", error="invalid_token", error_description="{refusal.value}"'
        )
    assert challenge.isascii()
    assert challenge.count('"') in (2, 6)


async def test_a_key_whose_own_alg_is_another_does_not_verify(issuer: Issuer, identity: Identity) -> None:
    issuer.keys = [RSAKey.import_key({**FIRST.as_dict(private=True), "alg": "PS256"})]

    assert await refusal_of(identity, issuer.token()) is Refusal.SIGNATURE


async def test_an_encryption_key_does_not_verify(issuer: Issuer, identity: Identity) -> None:
    issuer.keys = [SECOND, RSAKey.import_key({**FIRST.as_dict(private=True), "use": "enc"})]

    assert await refusal_of(identity, issuer.token()) is Refusal.KEY


async def test_unknown_scopes_are_ignored_one_by_one_and_counted(
    issuer: Issuer, identity: Identity, metrics: Metrics
) -> None:
    actor = await identity.actor(issuer.token(scope="user/Patient.rs user/Patient. nonsense openid"))

    assert str(actor.scopes) == "user/Patient.rs"
    assert metrics.registry.get_sample_value("caregraph_scopes_ignored_total") == 2


@pytest.mark.parametrize(
    ("act", "acting"),
    [
        pytest.param(None, None, id="nobody"),
        pytest.param({"sub": "assistant", "act": {"sub": "before"}}, "assistant", id="the last in the chain"),
        pytest.param({"client_id": "assistant"}, None, id="somebody without a subject"),
    ],
)
async def test_who_acts_for_the_subject_is_known(
    identity: Identity, issuer: Issuer, act: object, acting: str | None
) -> None:
    actor = await identity.actor(issuer.token(act=act))

    assert actor.acting == acting


async def test_a_stated_purpose_is_taken(issuer: Issuer, identity: Identity) -> None:
    actor = await identity.actor(issuer.token(purpose_of_use="HPAYMT"))

    assert (actor.purpose, actor.claims_purpose) == (Purpose.HPAYMT, True)


async def test_a_rotated_key_is_fetched_exactly_once(issuer: Issuer, identity: Identity) -> None:
    await identity.actor(issuer.token())
    issuer.keys = [FIRST, SECOND]

    tokens = [issuer.token(key=SECOND, jti=f"t-{number}") for number in range(20)]
    actors = await asyncio.gather(*(identity.actor(token) for token in tokens))

    assert [actor.token_id for actor in actors] == [f"t-{number}" for number in range(20)]
    assert issuer.asked["jwks"] == 2


async def test_the_first_token_asks_for_the_keys_once_even_if_its_kid_is_unknown(
    issuer: Issuer, identity: Identity
) -> None:
    assert await refusal_of(identity, issuer.token(key=rsa("strange"))) is Refusal.KEY
    assert issuer.asked == {"discovery": 1, "jwks": 1}


async def test_forged_kids_cannot_hammer_the_issuer(issuer: Issuer, identity: Identity, clock: Clock) -> None:
    await identity.actor(issuer.token())
    strange = rsa("strange")
    forged = [issuer.token(header={"kid": f"forged-{number}"}) for number in range(30)]

    refused = [await refusal_of(identity, token) for token in forged]
    assert refused == [Refusal.KEY] * 30
    assert issuer.asked["jwks"] == 2

    clock.ahead += 6
    issuer.keys = [FIRST, strange]
    assert (await identity.actor(issuer.token(key=strange))).subject == "u-1"
    assert issuer.asked["jwks"] == 3


async def test_what_can_be_refused_without_a_key_asks_the_issuer_for_nothing(
    issuer: Issuer, identity: Identity
) -> None:
    for token in (issuer.token(exp=1), issuer.token(aud="x"), issuer.token(iss="x"), "Bearer a.b.c"):
        await refusal_of(identity, token)

    assert issuer.asked == {}


async def test_an_issuer_that_is_down_shuts_nobody_out_whose_key_is_held(
    issuer: Issuer, identity: Identity, clock: Clock
) -> None:
    await identity.actor(issuer.token())
    await issuer.stop()
    clock.ahead += 700  # the keys are due to be fetched again

    later = int(clock.now()) + 600
    first = await identity.actor(issuer.token(jti="t-2", exp=later))
    second = await identity.actor(issuer.token(jti="t-3", exp=later))

    assert (first.token_id, second.token_id) == ("t-2", "t-3")


async def test_an_issuer_that_is_down_and_a_strange_kid_is_not_the_callers_fault(
    issuer: Issuer, identity: Identity
) -> None:
    await identity.actor(issuer.token())
    await issuer.stop()

    for _ in range(2):
        with pytest.raises(IdentityUnavailable):
            await identity.actor(issuer.token(key=SECOND))


async def test_without_any_key_identity_is_unavailable_but_a_bad_token_is_still_a_bad_token(
    issuer: Issuer, identity: Identity
) -> None:
    await issuer.stop()

    with pytest.raises(IdentityUnavailable):
        await identity.actor(issuer.token())
    with pytest.raises(IdentityUnavailable):
        await identity.ready()
    assert await refusal_of(identity, "Bearer a.b.c") is Refusal.MALFORMED
    assert await refusal_of(identity, None) is Refusal.MISSING


async def test_keys_that_are_too_old_are_not_relied_on(
    issuer: Issuer, identity: Identity, clock: Clock
) -> None:
    await identity.actor(issuer.token())
    await issuer.stop()
    clock.ahead += 86_401

    with pytest.raises(IdentityUnavailable):
        await identity.actor(issuer.token(exp=clock.now() + 600))


async def test_a_withdrawn_key_ends_the_tokens_it_signed(
    issuer: Issuer, identity: Identity, clock: Clock
) -> None:
    token = issuer.token(exp=time.time() + 7_200)
    await identity.actor(token)
    issuer.keys = [SECOND]
    assert (await identity.actor(token)).token_id == "t-1"

    clock.ahead += 601
    await identity.actor(token)  # by the key still held, while the keys are fetched
    await until(lambda: issuer.asked["jwks"] >= 2)
    await identity.actor(issuer.token(key=SECOND, exp=time.time() + 7_200))

    assert await refusal_of(identity, token) is Refusal.KEY


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(lambda: Response("<html>Sign in</html>", media_type="text/html"), id="HTML"),
        pytest.param(lambda: Response('{"keys": [{"kty": "RSA"', media_type="application/json"), id="cut"),
        pytest.param(lambda: JSONResponse({"keys": []}), id="no keys"),
        pytest.param(
            lambda: JSONResponse({"keys": [{"kty": "oct", "kid": "first", "k": "AA"}]}), id="a secret"
        ),
        pytest.param(lambda: JSONResponse({"keys": [{"kty": "RSA", "kid": "first", "n": 1}]}), id="no key"),
        pytest.param(lambda: Response("x" * 1_000_001), id="endless"),
        pytest.param(lambda: Response('{"keys": [{"x": ' + "[" * 9_000), id="nested without end"),
        pytest.param(lambda: Response(status_code=500), id="500"),
        pytest.param(lambda: Response(status_code=302, headers={"location": "/jwks"}), id="a redirect"),
    ],
)
async def test_keys_that_cannot_be_read_are_no_keys(
    issuer: Issuer, identity: Identity, answer: Callable[[], Response]
) -> None:
    issuer.spoilt = answer

    for _ in range(3):
        with pytest.raises(IdentityUnavailable):
            await identity.actor(issuer.token())
    assert issuer.asked["jwks"] == 1  # and is left in peace for a moment


async def test_a_slow_issuer_is_not_waited_for(issuer: Issuer, clock: Clock, metrics: Metrics) -> None:
    issuer.slow_s = 30

    async with opened(issuer, clock, metrics, timeout_s=0.1) as identity:
        with pytest.raises(IdentityUnavailable):
            await asyncio.wait_for(identity.actor(issuer.token()), 5)


async def test_another_issuers_discovery_document_is_not_believed(issuer: Issuer, identity: Identity) -> None:
    issuer.issuer_in_document = "https://other.example"

    with pytest.raises(IdentityUnavailable):
        await identity.actor(issuer.token())
    assert issuer.asked["jwks"] == 0


async def test_the_keys_may_be_named_without_discovery(
    issuer: Issuer, clock: Clock, metrics: Metrics
) -> None:
    async with opened(issuer, clock, metrics, jwks_url=f"{issuer.url}/jwks") as identity:
        await identity.actor(issuer.token())

    assert issuer.asked == {"jwks": 1}


async def test_a_caller_who_leaves_does_not_take_the_fetch_away(issuer: Issuer, identity: Identity) -> None:
    issuer.slow_s = 0.2
    leaves = asyncio.create_task(identity.actor(issuer.token()))
    stays = asyncio.create_task(identity.actor(issuer.token(jti="t-2")))
    await until(lambda: issuer.asked["jwks"] == 1)
    leaves.cancel()

    assert (await stays).token_id == "t-2"
    assert issuer.asked["jwks"] == 1


async def test_a_known_token_is_not_valid_beyond_its_expiry(
    issuer: Issuer, identity: Identity, clock: Clock
) -> None:
    token = issuer.token(exp=time.time() + 60)
    first = await identity.actor(token)
    assert await identity.actor(token) is first

    clock.ahead += 95
    assert await refusal_of(identity, token) is Refusal.EXPIRED


async def test_the_memory_of_tokens_is_bounded_and_forgets_the_least_recent(
    issuer: Issuer, identity: Identity
) -> None:
    actor = await identity.actor(issuer.token())
    kept = Verified(2)
    kept.keep(b"a", actor, 100)
    kept.keep(b"b", Refusal.INACTIVE, 100)
    assert kept.find(b"a", 0) is actor
    kept.keep(b"c", actor, 100)

    assert [kept.find(name, 0) for name in (b"a", b"b", b"c")] == [actor, None, actor]
    assert kept.find(b"a", 100) is None
    assert len(kept) == 1
