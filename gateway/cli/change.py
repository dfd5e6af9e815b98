"""`caregraph change`: changes an appointment in the sandbox's PMS, for subscribers to see it arrive."""

from __future__ import annotations

import argparse
import sys

import httpx

from sandbox.addresses import Addresses


def run(chosen: argparse.Namespace) -> int:
    base = Addresses.after(chosen.port).pms
    try:
        with httpx.Client(base_url=base, timeout=5) as pms:
            changed = _change(pms, chosen.id, chosen.reason)
    except httpx.HTTPError:
        print(
            f"the PMS at {base} refused or does not answer; is scripts/demo --port {chosen.port} running?",
            file=sys.stderr,
        )
        return 1
    print(f"Appointment/{changed} changed")
    return 0


def _change(pms: httpx.Client, id: str | None, reason: str) -> str:
    granted = pms.post(
        "/oauth/token",
        data={"grant_type": "client_credentials"},
        auth=("caregraph", "sandbox-pms-secret"),
    ).raise_for_status()
    pms.headers["Authorization"] = f"Bearer {granted.json()['access_token']}"
    if id is None:
        asked = {"statuses": ["confirmed", "scheduled"], "limit": 1}
        found = pms.post("/v1/appointments/search", json=asked).raise_for_status()
        id = str(found.json()["appointments"][0]["id"])
    id = id.removeprefix("Appointment/")
    pms.patch(f"/v1/appointments/{id}", json={"reason": reason}).raise_for_status()
    return id
