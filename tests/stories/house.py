"""The whole house over real sockets: the sandbox, and the gateway composed as in `caregraph demo`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
from joserfc.jwk import ECKey
from msgspec.structs import replace

from gateway.adapters.sections import SourceSection
from gateway.app import create_app
from gateway.cli.demo import demo_table
from gateway.cli.serve import server
from gateway.settings import Audit, Limits, Secret, Settings, Volume, read_settings
from sandbox.addresses import Addresses
from sandbox.ehr.quirks import NONE, Quirks
from sandbox.records import Dataset
from sandbox.serve import Options, background
from tests.stories.calls import Call, call_of

STARTS_WITHIN_S = 30
RECOVERS_WITHIN_S = 20
NEVER_S = 3_600.0
BUSY_S = 9.0
S = TypeVar("S", bound=SourceSection)

SOURCES = ("ehr", "pms", "crm")
CONSENTS = "ehr Consent"

HEALTHY = {
    "ehr": "{ patients(first: 1) { nodes { name { family } } } }",
    "pms": "{ appointments(first: 1) { nodes { status } } }",
    "crm": "{ patients(first: 1) { nodes { engagement { score } } } }",
}
"""For each source a query that asks it, and says by its errors whether it answers."""


@dataclass
class House:
    """A running gateway and its sandbox, with the means to ask it and to look behind it."""

    addresses: Addresses
    dataset: Dataset
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=20))
    _tokens: dict[tuple[str, str | None], str] = field(default_factory=dict, repr=False)

    @property
    def url(self) -> str:
        """Where operations are sent to."""
        return f"{self.addresses.gateway}/graphql"

    def token(self, persona: str, scope: str | None = None) -> str:
        """An access token of the persona; the same one each time."""
        if (persona, scope) not in self._tokens:
            asked = {"persona": persona} | ({"scope": scope} if scope is not None else {})
            self._tokens[persona, scope] = self.new_token(asked)
        return self._tokens[persona, scope]

    def new_token(self, order: dict[str, Any]) -> str:
        """A token made to order: `persona` or `system`, and perhaps `scope` and `expires_in`."""
        answer = self.client.post(f"{self.addresses.idp}/sandbox/token", json=order).raise_for_status()
        token: str = answer.json()["access_token"]
        return token

    def ask(
        self, persona: str, query: str, variables: dict[str, Any] | None = None, scope: str | None = None
    ) -> dict[str, Any]:
        """The answer to an operation, as that persona."""
        return self.ask_as(self.token(persona, scope), query, variables)

    def ask_as(self, token: str, query: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
        """The answer to an operation, with that token."""
        answer = self.client.post(
            self.url,
            json={"query": query, "variables": variables or {}},
            headers={"Authorization": f"Bearer {token}"},
        )
        decoded: dict[str, Any] = answer.json()
        return decoded

    def data(
        self, persona: str, query: str, variables: dict[str, Any] | None = None, scope: str | None = None
    ) -> dict[str, Any]:
        """The data of an answer that holds no errors."""
        answer = self.ask(persona, query, variables, scope)
        assert "errors" not in answer, answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data

    def asked(self, source: str) -> list[Call]:
        """The calls for records that reached `ehr`, `pms` or `crm` since the last `forget`.

        Consents are not among them: they are asked for by policy itself, and kept for a while.
        """
        return [call for call in self._reached(source) if call.target != CONSENTS]

    def asked_consents(self) -> list[Call]:
        """The calls for consents that reached the EHR since the last `forget`."""
        return [call for call in self._reached("ehr") if call.target == CONSENTS]

    def _reached(self, source: str) -> list[Call]:
        found = self.client.get(f"{self.addresses.knobs(source)}/requests").json()["requests"]
        return [call for recorded in found if (call := call_of(source, recorded)) is not None]

    def asked_all(self) -> list[Call]:
        """The calls for records that reached any source since the last `forget`."""
        return [call for source in SOURCES for call in self.asked(source)]

    def forget(self) -> None:
        """Forgets what reached the sources."""
        for source in SOURCES:
            self.client.delete(f"{self.addresses.knobs(source)}/requests").raise_for_status()

    @contextmanager
    def faulty(self, source: str, mode: str, **knobs: Any) -> Iterator[None]:
        """A source that misbehaves for as long as the block runs; well again, and known to be, after it."""
        where = f"{self.addresses.knobs(source)}/faults"
        self.client.put(where, json={"mode": mode, **knobs}).raise_for_status()
        try:
            yield
        finally:
            self.client.put(where, json={"mode": "none"}).raise_for_status()
            self._until_well(source)

    def _until_well(self, source: str) -> None:
        """A source that failed often is left alone for a while: the next story must not find it so."""
        _until(
            lambda: "errors" not in self.ask("clinician", HEALTHY[source]),
            RECOVERS_WITHIN_S,
            f"the gateway did not take up `{source}` again",
        )


def _until(is_so: Any, within_s: float, else_: str) -> None:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if is_so():
            return
        time.sleep(0.05)
    raise TimeoutError(else_)


@contextmanager
def running(
    dataset: Dataset,
    *,
    poll_seconds: float | None = None,
    source_timeout_s: float = BUSY_S,
    trail: Path | None = None,
    audit_url: str | None = None,
    clock: Callable[[], float] = time.time,
    volume: Volume | None = None,
    limits: Limits | None = None,
    otlp: str | None = None,
    ehr_quirks: Quirks = NONE,
    ehr: Mapping[str, Any] | None = None,
    rewired: Callable[[Addresses, Settings], Settings] = lambda _, settings: settings,
) -> Iterator[House]:
    """A house over *dataset*, on free ports, with the settings of the demo.

    The PMS is asked what changed every *poll_seconds*, or as often as in the demo. A source may take
    *source_timeout_s*: by default much longer than in the demo, so that a busy machine is no fault. With
    *trail* the audit is kept there, and with *audit_url* in that database, its checkpoints at *trail*.
    Break-glass lapses, and hours of *volume* pass, by *clock*. The EHR behaves by *ehr_quirks*, and its
    settings are those of the demo but for *ehr*. *rewired* may lead the sources elsewhere.
    """
    key = ECKey.generate_key("P-384", {"kid": "test-1", "use": "sig", "alg": "ES384"}, private=True)
    jwks = {"keys": [key.as_dict(private=False)]}
    with background(dataset, backend_jwks=jwks, options=Options(ehr_quirks=ehr_quirks)) as addresses:
        table = demo_table(addresses, key.as_dict(private=True), dataset)
        for name, value in (ehr or {}).items():
            inner = table["ehr"]["ehr"].get(name)
            table["ehr"]["ehr"][name] = {**inner, **value} if isinstance(inner, dict) else value
        settings = read_settings(environ={}, table=table)
        settings = _with(settings, poll_seconds or settings.changes.poll_seconds, source_timeout_s)
        if trail is not None:
            settings = replace(settings, audit=_audit(trail, audit_url))
        if volume is not None:
            settings = replace(settings, volume=volume)
        if limits is not None:
            settings = replace(settings, limits=limits)
        if otlp is not None:
            settings = replace(settings, telemetry=replace(settings.telemetry, otlp_endpoint=otlp))
        settings = rewired(addresses, settings)
        gateway = server(create_app(settings, clock=clock), settings)
        thread = threading.Thread(target=gateway.run, daemon=True)
        thread.start()
        house = House(addresses, dataset)
        try:
            _until(lambda: _is_ready(house), STARTS_WITHIN_S, "the gateway did not get ready")
            yield house
        finally:
            gateway.should_exit = True
            thread.join(timeout=10)
            house.client.close()


def _audit(trail: Path, url: str | None) -> Audit:
    if url is None:
        return Audit(sink="sqlite", directory=str(trail))
    return Audit(sink="postgresql", url=Secret(url), directory=str(trail), timeout_s=5)


def _with(settings: Settings, poll_seconds: float, source_timeout_s: float) -> Settings:
    return replace(
        settings,
        changes=replace(settings.changes, poll_seconds=poll_seconds),
        ehr=_each(settings.ehr, source_timeout_s),
        pms=_each(settings.pms, source_timeout_s),
        crm=_each(settings.crm, source_timeout_s),
    )


def _each(sources: Mapping[str, S], timeout_s: float) -> dict[str, S]:
    return {name: replace(source, timeout_s=timeout_s) for name, source in sources.items()}


def _is_ready(house: House) -> bool:
    try:
        return house.client.get(f"{house.addresses.gateway}/health/ready").is_success
    except httpx.TransportError:
        return False
