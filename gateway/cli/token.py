"""`caregraph token`: an access token of the sandbox's identity provider, for scripts."""

from __future__ import annotations

import argparse
import sys

import httpx

from sandbox.addresses import Addresses


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
