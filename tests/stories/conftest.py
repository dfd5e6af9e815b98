"""The whole house over real sockets: the sandbox, and the gateway composed as `caregraph demo` composes it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey

from gateway.app import create_app
from gateway.cli.demo import demo_settings
from gateway.cli.serve import server
from sandbox.addresses import Addresses
from sandbox.dataset import generate
from sandbox.records import Dataset
from sandbox.serve import background

PATIENTS = 60
STARTS_WITHIN_S = 30


@dataclass
class House:
    """A running gateway and its sandbox, with the means to ask it and to look behind it."""

    addresses: Addresses
    dataset: Dataset
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=20))
    _tokens: dict[tuple[str, str | None], str] = field(default_factory=dict)

    def token(self, persona: str, scope: str | None = None) -> str:
        """An access token of the persona."""
        if (persona, scope) not in self._tokens:
            asked = {"persona": persona} | ({"scope": scope} if scope is not None else {})
            answer = self.client.post(f"{self.addresses.idp}/sandbox/token", json=asked).raise_for_status()
            self._tokens[persona, scope] = answer.json()["access_token"]
        return self._tokens[persona, scope]

    def ask(
        self, persona: str, query: str, variables: dict[str, Any] | None = None, scope: str | None = None
    ) -> dict[str, Any]:
        """The answer to an operation, as that persona."""
        answer = self.client.post(
            f"{self.addresses.gateway}/graphql",
            json={"query": query, "variables": variables or {}},
            headers={"Authorization": f"Bearer {self.token(persona, scope)}"},
        )
        decoded: dict[str, Any] = answer.json()
        return decoded

    def asked(self, source: str) -> list[dict[str, Any]]:
        """The calls that reached `ehr`, `pms` or `crm` since the last `forget`, those for tokens left out."""
        found = self.client.get(f"{self.addresses.knobs(source)}/requests").json()["requests"]
        return [call for call in found if "/oauth" not in call["path"] and "/.well-known" not in call["path"]]

    def forget(self) -> None:
        """Forgets what reached the sources."""
        for source in ("ehr", "pms", "crm"):
            self.client.delete(f"{self.addresses.knobs(source)}/requests").raise_for_status()

    @contextmanager
    def faulty(self, source: str, mode: str, **knobs: Any) -> Iterator[None]:
        """A source that misbehaves for as long as the block runs."""
        where = f"{self.addresses.knobs(source)}/faults"
        self.client.put(where, json={"mode": mode, **knobs}).raise_for_status()
        try:
            yield
        finally:
            self.client.put(where, json={"mode": "none"}).raise_for_status()


@contextmanager
def running(dataset: Dataset) -> Iterator[House]:
    """A house over *dataset*, on free ports."""
    key = ECKey.generate_key("P-384", {"kid": "test-1", "use": "sig", "alg": "ES384"}, private=True)
    with background(dataset, backend_jwks={"keys": [key.as_dict(private=False)]}) as addresses:
        settings = demo_settings(addresses, key.as_dict(private=True))
        gateway = server(create_app(settings), settings)
        thread = threading.Thread(target=gateway.run, daemon=True)
        thread.start()
        house = House(addresses, dataset)
        try:
            _until_ready(house)
            yield house
        finally:
            gateway.should_exit = True
            thread.join(timeout=10)
            house.client.close()


def _until_ready(house: House) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline:
        try:
            if house.client.get(f"{house.addresses.gateway}/health/ready").status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise TimeoutError("the gateway did not get ready")


@pytest.fixture(scope="session")
def house() -> Iterator[House]:
    """The house over sixty made-up patients."""
    with running(generate(PATIENTS, today=date(2026, 11, 22))) as made:
        yield made
