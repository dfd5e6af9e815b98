"""The demo's practice as each kind of it is described in settings: what it has is the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox.addresses import HOST, Addresses
from sandbox.pms.telling import ByFiles, ByMessages, Telling

KINDS = ("rest", "hl7v2", "files")

_STATUSES = {
    "scheduled": "booked",
    "confirmed": "booked",
    "checked_in": "checked-in",
    "in_session": "checked-in",
    "completed": "fulfilled",
    "no_show": "noshow",
}
_APPOINTMENTS = {
    "kind": "appointments",
    "whole": "sha256",
    "statuses": _STATUSES,
    "columns": {
        "id": "ID",
        "mrn": "CHART",
        "status": "STATUS",
        "start": "STARTS",
        "minutes": "MINUTES",
        "service_code": "SERVICE",
        "service_name": "SERVICE_NAME",
        "reason": "REASON",
        "npi": "NPI",
        "practitioner": "PROVIDER",
        "location_id": "PLACE",
        "location_name": "PLACE_NAME",
        "telehealth": "VIDEO",
        "video_url": "LINK",
        "visit_number": "VISIT",
        "updated": "CHANGED",
        "deleted": "GONE",
    },
}
FEEDS: Mapping[str, Mapping[str, Any]] = {
    "nightly": {**_APPOINTMENTS, "mode": "full", "pattern": "appointments_full_{stamp}.csv"},
    "changes": {**_APPOINTMENTS, "mode": "delta", "pattern": "appointments_{stamp}.csv"},
    "places": {
        "kind": "locations",
        "pattern": "locations_{stamp}.csv",
        "columns": {
            "id": "ID",
            "name": "NAME",
            "type": "KIND",
            "line": "LINE",
            "city": "CITY",
            "state": "STATE",
            "postal_code": "ZIP",
            "phone": "PHONE",
        },
    },
    "insurance": {
        "kind": "coverages",
        "pattern": "coverages_{stamp}.xml",
        "format": "xml",
        "row": "coverage",
        "whole": "trailer",
        "statuses": {"inactive": "cancelled"},
        "columns": {
            "id": "id",
            "mrn": "patient_mrn",
            "status": "status",
            "payor": "payer_name",
            "plan": "plan_name",
            "subscriber_id": "member_id",
            "start": "starts_on",
            "end": "ends_on",
        },
    },
    "money": {
        "kind": "balances",
        "pattern": "balances_{stamp}.csv",
        "columns": {"mrn": "CHART", "amount": "DUE", "currency": "CURRENCY", "as_of": "AS_OF"},
    },
}
"""The files that the sandbox's practice writes, as settings describe them."""


def mllp_port(addresses: Addresses) -> int:
    """Where the gateway listens for messages: behind the sandbox's ports."""
    return addresses.crm_port + 1


def telling(kind: str, addresses: Addresses, folder: Path) -> Telling | None:
    """How the sandbox's practice tells what it has; None where it is asked. *folder* is the demo's own."""
    if kind == "hl7v2":
        return ByMessages(mllp_port(addresses))
    if kind == "files":
        exported = folder / "export"
        exported.mkdir()
        return ByFiles(exported)
    return None


def described(kind: str, addresses: Addresses, folder: Path, practice: Mapping[str, Any]) -> dict[str, Any]:
    """The section of settings of that *kind*; *practice* is what all kinds say alike."""
    kept = {**practice, "kind": kind, "directory": str(folder / "projection")}
    if kind == "hl7v2":
        return kept | {
            "host": HOST,
            "port": mllp_port(addresses),
            "facility": "CLINIC1",
            "statuses": {"Arrived": "arrived"},
            "telehealth_services": ["VID30", "BHV50"],
        }
    return kept | {"path": str(folder / "export"), "look_every_s": 1.0, "feeds": FEEDS}


def told_of(kind: str, addresses: Addresses, folder: Path) -> str:
    """Where the practice is, in the words of the banner."""
    staff = f"its staff works at {addresses.pms}"
    return {
        "rest": f"PMS (REST)         {addresses.pms}",
        "hl7v2": f"PMS (HL7 v2)       sends to {HOST}:{mllp_port(addresses)}; {staff}",
        "files": f"PMS (files)        writes to {folder / 'export'}; {staff}",
    }[kind]
