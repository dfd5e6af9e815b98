"""Owns the routes of Dataverse's Web API."""

import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.admission import Admission, Allowance, ClientCredentials, RateLimit
from sandbox.bodies import Answer, Unreadable
from sandbox.crm.dynamics.batches import Inner, answered, requests
from sandbox.crm.dynamics.contacts import Contacts
from sandbox.crm.dynamics.reading import LARGEST_PAGE, ROOT, Reading
from sandbox.crm.dynamics.refusals import NO_SEGMENT, NO_USER, TOO_MANY, Refused, error
from sandbox.crm.dynamics.sign_in import AppRegistration, SignIn
from sandbox.crm.people import people
from sandbox.records import Contact

WINDOW_S = 300
SESSION_S = 3_599
_ODATA = {"OData-Version": "4.0"}


class Told(Answer):
    """An answer in OData's JSON."""

    media_type: str | None = "application/json; odata.metadata=minimal"


def dynamics_app(
    contacts: Iterable[Contact],
    *,
    app: AppRegistration | None = None,
    sessions: ClientCredentials | None = None,
    requests_per_window: int = 6_000,
    page_size: int = LARGEST_PAGE,
) -> Starlette:
    """An organisation whose contacts are *contacts*.

    *sessions* are those of *app*: give them to have a hold on them. The limit is for windows of five minutes,
    as Dataverse's is. *page_size* makes pages as small as a test wants them.
    """
    registered = app or AppRegistration()
    granted = sessions or ClientCredentials(registered.client_id, registered.secret, lifetime_s=SESSION_S)
    message = "Number of requests exceeded the limit of 6000 over time window of 300 seconds."
    admission = Middleware(
        Admission,
        prefix="/api/data",
        credentials=granted,
        rate=RateLimit(requests_per_window, WINDOW_S),
        rate_headers=_allowance,
        too_many=lambda: Told(error(TOO_MANY, message), 429),
        unauthorized=lambda: Told(error(NO_USER, "The user is not a member of the organization."), 401),
    )
    api = _Api(Reading(Contacts(people(contacts)), page_size))
    return Starlette(
        routes=[
            Route("/{tenant}/oauth2/v2.0/token", SignIn(registered, granted).token, methods=["POST"]),
            Route(f"{ROOT}/$batch", api.batch, methods=["POST"]),
            Route(f"{ROOT}/{{path:path}}", api.get, methods=["GET"]),
        ],
        middleware=[admission],
        exception_handlers={Refused: _refused, Unreadable: _unreadable, HTTPException: _no_such_thing},
    )


class _Api:
    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    async def get(self, request: Request) -> Response:
        target = f"{request.scope['raw_path'].decode()}?{request.url.query}"
        prefer = request.headers.get("prefer", "")
        answer = self._reading.answer(_site(request), target, prefer)
        return Told(answer, headers={**_ODATA, **({"Preference-Applied": prefer} if prefer else {})})

    async def batch(self, request: Request) -> Response:
        asked = requests(request.headers.get("content-type", ""), await request.body())
        boundary = f"batchresponse_{secrets.token_hex(8)}"
        goes_on = "odata.continue-on-error" in request.headers.get("prefer", "")
        site = _site(request)
        body = answered(asked, lambda one: self._inner(site, one), boundary, goes_on)
        return Response(body, media_type=f"multipart/mixed; boundary={boundary}", headers=_ODATA)

    def _inner(self, site: str, one: Inner) -> tuple[int, Mapping[str, Any]]:
        """One request of a batch; its target may have the site before it, or no path before it."""
        target = one.target.removeprefix(site)
        if not target.startswith("/"):
            target = f"{ROOT}/{target}"
        try:
            if one.method != "GET":
                raise Refused(405, NO_SEGMENT, "The stand-in takes no changes.")
            return 200, self._reading.answer(site, target, one.prefer)
        except Refused as fault:
            return fault.status, fault.body


def _site(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def _allowance(allowance: Allowance) -> Mapping[str, str]:
    headers = {"x-ms-ratelimit-burst-remaining-xrm-requests": str(allowance.remaining)}
    if allowance.retry_after_s is not None:
        headers["Retry-After"] = str(allowance.retry_after_s)
    return headers


def _refused(request: Request, fault: Exception) -> Response:
    if not isinstance(fault, Refused):
        raise fault
    return Told(fault.body, fault.status, _ODATA)


def _unreadable(request: Request, fault: Exception) -> Response:
    return Told(error(NO_SEGMENT, str(fault)), 400, _ODATA)


def _no_such_thing(request: Request, fault: Exception) -> Response:
    status = fault.status_code if isinstance(fault, HTTPException) else 500
    return Told(error(NO_SEGMENT, "There is nothing here, or not by this method."), status, _ODATA)
