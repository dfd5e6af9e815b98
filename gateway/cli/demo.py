"""`caregraph demo`: the sandbox and the gateway over it, in one process, with nothing to set up."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import uvicorn
from joserfc.jwk import ECKey

from gateway.app import create_app
from gateway.cli import PORT
from gateway.cli.demo_practice import described, mllp_port, telling, told_of
from gateway.cli.serve import obstacle, server
from gateway.settings import Settings, read_settings
from gateway.telemetry import set_up_logging
from sandbox.addresses import Addresses, PortTaken
from sandbox.dataset import generate
from sandbox.loading import LoadError, load
from sandbox.records import Dataset
from sandbox.serve import Options
from sandbox.serve import run as run_sandbox

CLIENT_ID = "caregraph"
MRN_SYSTEM = "urn:caregraph:sandbox:mrn"
VISIT_SYSTEM = "urn:caregraph:sandbox:visit"
ROLES = {role: role for role in ("clinician", "patient", "practice", "partner", "crm", "ai")}

BANNER = """
CareGraph is ready.

  explorer           http://127.0.0.1:{port}/
  graphql            http://127.0.0.1:{port}/graphql   (also /health/ready, /metrics)
  identity provider  {addresses.idp}
  EHR (FHIR R4)      {addresses.ehr}
  {practice}
  CRM (HubSpot)      {addresses.crm}

A patient from three systems, from another terminal:

  curl -s http://127.0.0.1:{port}/graphql \\
    -H "Authorization: Bearer $(.venv/bin/caregraph token clinician{at})" \\
    -H 'Content-Type: application/json' \\
    -d '{{"query": "{query}"}}'

Change an appointment, and see it arrive in a subscription of the explorer:

  .venv/bin/caregraph change{at}

Stop with Ctrl-C.
"""

QUERY = (
    "{ patients(first: 1) { nodes { name { family given }"
    " appointments(first: 3) { nodes { status start } }"
    " encounters(first: 3) { nodes { status period { start } } }"
    " engagement { lifecycleStage score attendanceRate } } } }"
)


def run(chosen: argparse.Namespace) -> int:
    addresses = Addresses.after(chosen.port)
    listened = [chosen.port] + ([mllp_port(addresses)] if chosen.pms == "hl7v2" else [])
    for port in listened:
        if (why := obstacle("127.0.0.1", port)) is not None:
            print(why, file=sys.stderr)
            return 1
    set_up_logging("WARNING")
    try:
        dataset = _dataset(chosen)
        with TemporaryDirectory(prefix="caregraph-demo-") as folder:
            asyncio.run(_run(dataset, addresses, chosen.pms, Path(folder), chosen.move_every))
    except (PortTaken, LoadError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _dataset(chosen: argparse.Namespace) -> Dataset:
    started = time.perf_counter()
    dataset = load(chosen.data) if chosen.data is not None else generate(chosen.patients)
    took = time.perf_counter() - started
    print(f"{len(dataset.resources.get('Patient', {}))} patients in {took:.1f} s", flush=True)
    return dataset


async def _run(
    dataset: Dataset, addresses: Addresses, kind: str, folder: Path, move_every: float | None
) -> None:
    key = ECKey.generate_key("P-384", {"kid": "demo-1", "use": "sig", "alg": "ES384"}, private=True)
    public = {"keys": [key.as_dict(private=False)]}
    table = demo_table(addresses, key.as_dict(private=True), dataset)
    if kind != "rest":
        alike = {name: table["pms"]["pms"][name] for name in ("time_zone", "mrn_system", "visit_system")}
        table["pms"]["pms"] = described(kind, addresses, folder, alike)
    settings = read_settings(environ={}, table=table)
    options = Options(move_every_s=move_every, telling=telling(kind, addresses, folder))
    gateway = server(create_app(settings), settings)
    ready, stop = asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(run_sandbox(dataset, addresses, public, options=options, ready=ready, stop=stop))
        await ready.wait()
        tasks.create_task(_announce(gateway, _banner(addresses, told_of(kind, addresses, folder))))
        await gateway.serve()
        stop.set()


async def _announce(gateway: uvicorn.Server, banner: str) -> None:
    while not gateway.started:  # noqa: ASYNC110 - uvicorn tells it by a flag only
        await asyncio.sleep(0.05)
    print(banner, flush=True)


def demo_settings(addresses: Addresses, private_key: Mapping[str, Any], dataset: Dataset) -> Settings:
    """The settings of a gateway over the sandbox of *dataset*, with our private JWK for its EHR."""
    return read_settings(environ={}, table=demo_table(addresses, private_key, dataset))


def demo_table(addresses: Addresses, private_key: Mapping[str, Any], dataset: Dataset) -> dict[str, Any]:
    """The same, as a settings file has them."""
    return {
        "server": {"port": addresses.gateway_port},
        "identity": {"issuer": addresses.idp, "audience": addresses.gateway, "roles": ROLES},
        "explorer": {
            "authorization_url": f"{addresses.idp}/authorize",
            "token_url": f"{addresses.idp}/token",
        },
        "keys": {"care_key_secret": "sandbox-care-key"},
        "ehr": {"ehr": _ehr(addresses, private_key)},
        "pms": {"pms": _pms(addresses, dataset)},
        "crm": {"crm": _crm(addresses)},
        "changes": {"poll_seconds": 1.0},
        "audit": {"sink": "memory"},
        "quarantine": {"sink": "none"},
    }


def _ehr(addresses: Addresses, private_key: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "kind": "fhir",
        "url": addresses.ehr,
        "auth": {"client_id": CLIENT_ID, "key": json.dumps(dict(private_key))},
    }


def _pms(addresses: Addresses, dataset: Dataset) -> dict[str, Any]:
    return {
        "kind": "rest",
        "url": addresses.pms,
        "time_zone": "America/Chicago",
        "mrn_system": _system(dataset, "Patient", "MR") or MRN_SYSTEM,
        "visit_system": _system(dataset, "Encounter", "VN") or VISIT_SYSTEM,
        "client_id": CLIENT_ID,
        "client_secret": "sandbox-pms-secret",
    }


def _crm(addresses: Addresses) -> dict[str, Any]:
    return {
        "kind": "hubspot",
        "url": addresses.crm,
        "client_id": CLIENT_ID,
        "client_secret": "sandbox-crm-secret",
    }


def _system(dataset: Dataset, type_: str, code: str) -> str | None:
    """The usual system of the identifiers of that type code; of any identifiers, where none has the code.

    By these the PMS of data that others made knows its records (`sandbox.derivation`).
    """
    records = dataset.resources.get(type_, {}).values()
    found = [it for record in records for it in record.get("identifier", ()) if it.get("system")]
    typed = [it for it in found if any(c.get("code") == code for c in it.get("type", {}).get("coding", ()))]
    usual = Counter(str(it["system"]) for it in typed or found).most_common(1)
    return usual[0][0] if usual else None


def _banner(addresses: Addresses, practice: str) -> str:
    port = addresses.gateway_port
    return BANNER.format(
        port=port,
        addresses=addresses,
        practice=practice,
        at="" if port == PORT else f" --port {port}",
        query=QUERY,
    )
