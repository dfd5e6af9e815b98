"""Owns the CRM's routes and HubSpot's error bodies."""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.admission import Admission, Allowance, ClientCredentials, RateLimit
from sandbox.bodies import Answer, Unreadable, decoded, form
from sandbox.crm.hubspot.contacts import OBJECT_ID, Contacts, now
from sandbox.crm.hubspot.queries import BatchRead, ContactChange, Search
from sandbox.records import Contact

CLIENT_ID = "caregraph"
CLIENT_SECRET = "sandbox-crm-secret"
WINDOW_S = 10

_MISSING = "Could not get some CONTACT objects, they may be deleted or not exist. Check that ids are valid."


def hubspot_app(contacts: Iterable[Contact], *, requests_per_window: int | None = 2_000) -> Starlette:
    """HubSpot's contacts API over *contacts*.

    The limit is for windows of ten seconds, as HubSpot's is (190 for a private app; more here, so that
    a demo does not stall); None means no limit.
    """
    credentials = ClientCredentials(CLIENT_ID, CLIENT_SECRET, lifetime_s=1800)
    rate = RateLimit(requests_per_window, WINDOW_S) if requests_per_window is not None else None
    admission = Middleware(
        Admission,
        prefix="/crm",
        credentials=credentials,
        rate=rate,
        rate_headers=_rate_headers,
        too_many=lambda: refusal(
            429,
            "RATE_LIMITS",
            "You have reached your ten_secondly_rolling limit.",
            policyName="TEN_SECONDLY_ROLLING",
        ),
        unauthorized=lambda: refusal(401, "INVALID_AUTHENTICATION", "Authentication credentials not found."),
    )
    return Starlette(
        routes=_Api(Contacts(contacts), credentials).routes(),
        middleware=[admission],
        exception_handlers={Unreadable: _unreadable, HTTPException: _no_such_thing},
    )


class _Api:
    def __init__(self, contacts: Contacts, credentials: ClientCredentials) -> None:
        self._contacts = contacts
        self._credentials = credentials

    def routes(self) -> list[Route]:
        contacts = "/crm/v3/objects/contacts"
        return [
            Route("/oauth/v1/token", self.token, methods=["POST"]),
            Route(f"{contacts}/batch/read", self.batch_read, methods=["POST"]),
            Route(f"{contacts}/search", self.search, methods=["POST"]),
            Route(f"{contacts}/{{id}}", self.contact, methods=["GET"]),
            Route(f"{contacts}/{{id}}", self.change, methods=["PATCH"]),
        ]

    async def token(self, request: Request) -> Response:
        fields = await form(request)
        if fields.get("grant_type") != "client_credentials":
            return refusal(400, "VALIDATION_ERROR", "unsupported grant type; send client_credentials")
        if not self._credentials.admits(fields, request.headers.get("authorization")):
            return refusal(401, "INVALID_AUTHENTICATION", "unknown client or wrong secret")
        lifetime_s = self._credentials.lifetime_s
        return Answer(
            {"access_token": self._credentials.issue(), "token_type": "bearer", "expires_in": lifetime_s},
            headers={"Cache-Control": "no-store"},
        )

    async def batch_read(self, request: Request) -> Response:
        started = now()
        asked = decoded(await request.body(), BatchRead)
        found, missing = self._contacts.read([one.id for one in asked.inputs], asked.id_property)
        answer: dict[str, Any] = {
            "status": "COMPLETE",
            "results": [self._contacts.shown(row, asked.properties, asked.id_property) for row in found],
            "startedAt": started,
            "completedAt": now(),
        }
        if not missing:
            return Answer(answer)
        error = {"status": "error", "category": "OBJECT_NOT_FOUND", "message": _MISSING}
        errors = [{**error, "context": {"ids": missing}}]
        return Answer({**answer, "numErrors": len(errors), "errors": errors}, 207)

    async def search(self, request: Request) -> Response:
        asked = decoded(await request.body(), Search)
        page, total, after = self._contacts.search(asked)
        answer: dict[str, Any] = {
            "total": total,
            "results": [self._contacts.shown(row, asked.properties) for row in page],
        }
        return Answer(answer if after is None else {**answer, "paging": {"next": {"after": after}}})

    async def contact(self, request: Request) -> Response:
        by = request.query_params.get("idProperty", OBJECT_ID)
        contact = self._contacts.find(request.path_params["id"], by)
        if contact is None:
            return _not_found()
        # The vendor's own clients repeat the parameter; others join the names by commas.
        names = ",".join(request.query_params.getlist("properties")).split(",")
        return Answer(self._contacts.shown(contact, names, by))

    async def change(self, request: Request) -> Response:
        by = request.query_params.get("idProperty", OBJECT_ID)
        asked = decoded(await request.body(), ContactChange)
        contact = self._contacts.find(request.path_params["id"], by)
        if contact is None:
            return _not_found()
        self._contacts.change(contact, asked.properties)
        return Answer(self._contacts.shown(contact, asked.properties, by))


def refusal(status: int, category: str, message: str, **more: str) -> Response:
    """An error as HubSpot words one."""
    body = {"status": "error", "message": message, "correlationId": str(uuid.uuid4()), "category": category}
    return Answer({**body, **more}, status)


def _not_found() -> Response:
    return refusal(404, "OBJECT_NOT_FOUND", "Object not found. Check that the id is valid.")


def _unreadable(request: Request, fault: Exception) -> Response:
    return refusal(400, "VALIDATION_ERROR", f"Invalid input: {fault}")


def _no_such_thing(request: Request, fault: Exception) -> Response:
    status = fault.status_code if isinstance(fault, HTTPException) else 500
    return refusal(status, "OBJECT_NOT_FOUND", "There is nothing at this path, or not by this method.")


def _rate_headers(allowance: Allowance) -> Mapping[str, str]:
    return {
        "X-HubSpot-RateLimit-Interval-Milliseconds": str(WINDOW_S * 1000),
        "X-HubSpot-RateLimit-Max": str(allowance.limit),
        "X-HubSpot-RateLimit-Remaining": str(allowance.remaining),
    }
