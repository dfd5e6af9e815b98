"""`caregraph token`: an access token of the sandbox's identity provider, for scripts."""

from __future__ import annotations

import argparse
import sys
from typing import Any

import httpx

from sandbox.addresses import Addresses
from sandbox.idp import personas

PORT = 8400


def add_to(commands: Any) -> None:
    parser = commands.add_parser("token", help="print a sandbox token", description=__doc__)
    parser.add_argument("persona", choices=tuple(personas()), help="whose token")
    parser.add_argument("--port", type=int, default=PORT, help="the demo's port (default: %(default)s)")
    parser.add_argument("--scope", help="scopes to ask for (default: all the persona has)")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    asked = {"persona": chosen.persona} | ({"scope": chosen.scope} if chosen.scope is not None else {})
    issuer = Addresses.after(chosen.port).idp
    try:
        answer = httpx.post(f"{issuer}/sandbox/token", json=asked, timeout=5)
    except httpx.HTTPError:
        print(
            f"the sandbox does not answer at {issuer}; start it: scripts/demo --port {chosen.port}",
            file=sys.stderr,
        )
        return 1
    if answer.status_code != httpx.codes.OK:
        said = answer.json().get("error_description", "the sandbox refused")
        print(f"no token: {said}", file=sys.stderr)
        return 1
    print(answer.json()["access_token"])
    return 0
