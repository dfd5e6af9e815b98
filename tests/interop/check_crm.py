"""Vendors' own clients, and those that most use, against our stand-ins of the CRMs."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from sandbox.admission import ClientCredentials
from sandbox.certificates import self_signed
from sandbox.crm.dynamics import dynamics_app
from sandbox.crm.hubspot import hubspot_app
from sandbox.crm.hubspot.app import CLIENT_ID, CLIENT_SECRET
from sandbox.crm.salesforce import salesforce_app
from sandbox.dataset import generate
from sandbox.records import Contact
from sandbox.serving import one
from tests.interop.checks import Done
from tests.interop.kits import HERE, Kits
from tests.interop.programs import answer, same

PEOPLE = 30
PAGE = 7
SOQL = "SELECT Id, Care_Key__c, LastName, Engagement_Score__c, Owner.Name FROM Account ORDER BY Id"
_SECRET = "a-secret-of-the-stand-in"


def jsforce(kits: Kits) -> Done:
    """Signs in by itself; queries page after page; reads by id, by key and in collections."""
    folder, held, sessions = kits.node(), generate(PEOPLE).contacts, _sessions()
    app = salesforce_app(held, sessions=sessions, page_size=PAGE)
    limited = salesforce_app(held, sessions=sessions, requests_per_day=1)
    with one(app) as url, one(limited) as limited_url:
        said = answer(
            ["node", "salesforce.mjs"],
            {
                "url": url,
                "limited": limited_url,
                "clientId": "caregraph",
                "clientSecret": _SECRET,
                "soql": SOQL,
                "key": _keys(held)[0],
                "token": sessions.issue(),
            },
            folder,
        )
    keys = _keys(held)
    expected = {
        "total": len(held),
        "firstPage": PAGE,
        "people": _of_salesforce(held),
        "byId": keys[:3],
        "byKey": keys[0],
        "found": [keys[0]],
        "collection": [*keys[:3], None],
        "keyField": True,
        "usage": 100_000,
        "refusals": [
            "INVALID_FIELD",
            "MALFORMED_QUERY",
            "NOT_FOUND",
            "INVALID_SESSION_ID",
            "REQUEST_LIMIT_EXCEEDED",
        ],
    }
    same(said, expected, "jsforce")
    return Done(
        kits.npm_version("jsforce"), f"{len(held)} people in pages of {PAGE}, by id, by key; 5 refusals"
    )


def simple_salesforce(kits: Kits) -> Done:
    """The same over TLS, with a token given to it: its hosts for signing in are fixed."""
    python, held, sessions = kits.python(), generate(PEOPLE).contacts, _sessions()
    app = salesforce_app(held, sessions=sessions, page_size=PAGE)
    with TemporaryDirectory() as folder:
        certificate = self_signed(Path(folder))
        with one(app, certificate=certificate) as url:
            said = answer(
                [python, HERE / "python" / "salesforce_people.py"],
                {"url": url, "token": sessions.issue(), "soql": SOQL, "key": _keys(held)[0]},
                HERE,
                REQUESTS_CA_BUNDLE=str(certificate.path),
            )
    expected = {
        "total": len(held),
        "firstPage": PAGE,
        "people": _of_salesforce(held),
        "iterated": len(held),
        "byId": _keys(held)[0],
        "byKey": _keys(held)[0],
        "described": "Account",
        "usage": 100_000,
        "objects": ["Account", "Contact", "User"],
        "refusals": [[400, "INVALID_FIELD"], [404, "NOT_FOUND"], [401, "INVALID_SESSION_ID"]],
    }
    same(said, expected, "simple-salesforce")
    said_of = f"{len(held)} people in pages of {PAGE}, by id, by key; 3 refusals"
    return Done(kits.pip_version("simple-salesforce"), said_of)


def hubspot_node(kits: Kits) -> Done:
    """Reads by key in a batch, by search page after page, one by key."""
    folder = kits.node()
    said, expected = _hubspot(["node", "hubspot.mjs"], folder)
    refusals = [
        (404, "OBJECT_NOT_FOUND"),
        (401, "INVALID_AUTHENTICATION"),
        (400, "VALIDATION_ERROR"),
        (429, "RATE_LIMITS"),
    ]
    same(said, {**expected, "refusals": [list(each) for each in refusals]}, "@hubspot/api-client")
    return Done(
        kits.npm_version("@hubspot/api-client"),
        f"{len(expected['batch'])} people, {expected['pages']} pages; 4 refusals",
    )


def hubspot_python(kits: Kits) -> Done:
    """The same by the client for Python."""
    said, expected = _hubspot([kits.python(), HERE / "python" / "hubspot_people.py"], HERE)
    refusals = [(404, "OBJECT_NOT_FOUND"), (401, "INVALID_AUTHENTICATION")]
    same(said, {**expected, "refusals": [list(each) for each in refusals]}, "hubspot-api-client")
    return Done(
        kits.pip_version("hubspot-api-client"),
        f"{len(expected['batch'])} people, {expected['pages']} pages; 2 refusals",
    )


def _hubspot(program: list[Path | str], folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    held = generate(PEOPLE).contacts
    with one(hubspot_app(held)) as url, one(hubspot_app(held, requests_per_window=1)) as limited:
        job = {"url": url, "limited": limited, "keys": _keys(held), "token": _token(url)}
        job["limitedToken"] = _token(limited)
        said = answer(program, {**job, "properties": ["care_key", "lastname", "engagement_score"]}, folder)
    people = [_of_hubspot(row) for row in held]
    said["batch"].sort()
    said["found"].sort()
    expected = {
        "batch": sorted(people),
        "found": sorted(people),
        "pages": -(-len(held) // PAGE),
        "status": "COMPLETE",
        "partly": [[people[0]], 1, "OBJECT_NOT_FOUND"],
        "one": people[0],
    }
    return said, expected


def dynamics(kits: Kits) -> Done:
    """Reads all pages, some by a filter, by alternate key in one batch."""
    folder, held = kits.node(), generate(PEOPLE).contacts
    sessions = _sessions()
    app = dynamics_app(held, sessions=sessions, page_size=PAGE)
    limited = dynamics_app(held, sessions=sessions, requests_per_window=1)
    keys = _keys(held)[:3]
    with one(app) as url, one(limited) as limited_url:
        job = {"url": url, "limited": limited_url, "token": sessions.issue(), "keys": keys}
        said = answer(["node", "dynamics.mjs"], job, folder)
    people = [_of_dynamics(row) for row in held]
    expected = {
        "first": [PAGE, len(held)],
        "every": people,
        "filtered": people[:3],
        "batched": people[:3],
        "label": (held[0]["properties"]["lifecyclestage"] or "").capitalize(),
        "who": "string",
        "refusals": said["refusals"],
    }
    same(said, expected, "dynamics-web-api")
    same([status for status, _ in said["refusals"]], [404, 400, 401, 429], "refusals")
    said_of = f"{len(held)} people in pages of {PAGE}, by filter, by key in a batch; 4 refusals"
    return Done(kits.npm_version("dynamics-web-api"), said_of)


def _sessions() -> ClientCredentials:
    return ClientCredentials("caregraph", _SECRET)


def _keys(held: list[Contact]) -> list[str]:
    return [row["properties"]["care_key"] or "" for row in held]


def _of_salesforce(held: list[Contact]) -> list[Any]:
    return [
        [known["care_key"], known["lastname"], _number(known["engagement_score"]), known["owner_name"]]
        for known in (row["properties"] for row in held)
    ]


def _of_hubspot(row: Contact) -> list[Any]:
    return [row["properties"][name] for name in ("care_key", "lastname", "engagement_score")]


def _of_dynamics(row: Contact) -> list[Any]:
    key, name, score = _of_hubspot(row)
    return [key, name, _number(score)]


def _number(text: str | None) -> float | None:
    return None if text is None else float(text)


def _token(url: str) -> str:
    form = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    token: str = httpx.post(f"{url}/oauth/v1/token", data=form).json()["access_token"]
    return token
