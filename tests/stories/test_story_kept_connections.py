"""A connection is kept for its next request as long as the settings say."""

from __future__ import annotations

from http.client import HTTPConnection

from msgspec.structs import replace

from gateway.settings import Settings
from sandbox.addresses import Addresses
from sandbox.dataset import generate
from tests.stories.house import running

LONG_S = 30.0
"""Much longer than the settings of the test say, and much shorter than the default."""


def _impatient(_: Addresses, settings: Settings) -> Settings:
    return replace(settings, server=replace(settings.server, idle_s=1))


def test_a_connection_serves_one_request_after_another_and_is_closed_when_none_comes() -> None:
    with running(generate(patients=1), rewired=_impatient) as house:
        line = HTTPConnection("127.0.0.1", house.addresses.gateway_port, timeout=LONG_S)
        line.connect()
        kept = line.sock
        for _ in range(2):
            line.request("GET", "/health/live")
            answer = line.getresponse()
            assert (answer.status, bool(answer.read())) == (200, True)
            assert line.sock is kept

        assert kept.recv(1) == b""  # or the wait for it times out
        line.close()
