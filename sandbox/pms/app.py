"""Owns the PMS's routes and the words of its errors."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.admission import Admission, Allowance, ClientCredentials, RateLimit
from sandbox.bodies import Answer, Unreadable, converted, decoded, form
from sandbox.pms.book import AppointmentBook
from sandbox.pms.queries import AppointmentChange, AppointmentSearch, ByIds, ByPatients, Changes
from sandbox.records import Json, Pms

CLIENT_ID = "caregraph"
CLIENT_SECRET = "sandbox-pms-secret"
PRACTICE_NAME = "Springfield Telehealth"


def pms_app(
    pms: Pms, *, book: AppointmentBook | None = None, requests_per_second: int | None = 200
) -> Starlette:
    """The practice's REST API over *pms*.

    Give the *book* to change appointments from outside, as the practice's own staff would;
    None for *requests_per_second* means no limit.
    """
    credentials = ClientCredentials(CLIENT_ID, CLIENT_SECRET)
    rate = RateLimit(requests_per_second, 1.0) if requests_per_second is not None else None
    api = _Api(pms, book or AppointmentBook(pms.appointments, pms.time_zone), credentials)
    admission = Middleware(
        Admission,
        prefix="/v1",
        credentials=credentials,
        rate=rate,
        rate_headers=_rate_headers,
        too_many=lambda: _refusal(429, "rate_limited", "too many requests; wait as `Retry-After` says"),
        unauthorized=lambda: _refusal(401, "unauthorized", "send a bearer token from /oauth/token"),
    )
    return Starlette(
        routes=api.routes(),
        middleware=[admission],
        exception_handlers={Unreadable: _unreadable, HTTPException: _no_such_thing},
    )


class _Api:
    def __init__(self, pms: Pms, book: AppointmentBook, credentials: ClientCredentials) -> None:
        self._book = book
        self._credentials = credentials
        self._practice = {"name": PRACTICE_NAME, "time_zone": pms.time_zone}
        self._practitioners = {row["id"]: row for row in pms.practitioners}
        self._locations = {row["id"]: row for row in pms.locations}
        self._balances = _by_mrn(pms.balances)
        self._coverages = _by_mrn(pms.coverages)

    def routes(self) -> list[Route]:
        return [
            Route("/oauth/token", self.token, methods=["POST"]),
            Route("/v1/appointments/search", self.search, methods=["POST"]),
            Route("/v1/appointments", self.changes, methods=["GET"]),
            Route("/v1/appointments/{id:int}", self.appointment, methods=["GET"]),
            Route("/v1/appointments/{id:int}", self.change, methods=["PATCH"]),
            Route("/v1/balances/search", self.balances, methods=["POST"]),
            Route("/v1/coverages/search", self.coverages, methods=["POST"]),
            Route("/v1/practitioners", self.practitioners, methods=["GET"]),
            Route("/v1/practitioners/search", self.practitioners_by_id, methods=["POST"]),
            Route("/v1/locations", self.locations, methods=["GET"]),
            Route("/v1/locations/search", self.locations_by_id, methods=["POST"]),
            Route("/v1/practice", self.practice, methods=["GET"]),
        ]

    async def token(self, request: Request) -> Response:
        fields = await form(request)
        if fields.get("grant_type") != "client_credentials":
            return Answer({"error": "unsupported_grant_type"}, 400)
        if not self._credentials.admits(fields, request.headers.get("authorization")):
            return Answer({"error": "invalid_client"}, 401, {"WWW-Authenticate": "Basic"})
        lifetime_s = self._credentials.lifetime_s
        return Answer(
            {"access_token": self._credentials.issue(), "token_type": "bearer", "expires_in": lifetime_s},
            headers={"Cache-Control": "no-store"},
        )

    async def search(self, request: Request) -> Response:
        return self._page(decoded(await request.body(), AppointmentSearch))

    async def changes(self, request: Request) -> Response:
        asked = converted(dict(request.query_params), Changes)
        return self._page(AppointmentSearch(**msgspec.structs.asdict(asked), order="updated_at"))

    def _page(self, asked: AppointmentSearch) -> Response:
        page = self._book.search(asked)
        return Answer({"appointments": page.appointments, "next_cursor": page.next_cursor})

    async def appointment(self, request: Request) -> Response:
        return _found(self._book.get(request.path_params["id"]))

    async def change(self, request: Request) -> Response:
        change = decoded(await request.body(), AppointmentChange)
        return _found(self._book.change(request.path_params["id"], change))

    async def balances(self, request: Request) -> Response:
        return await _of_patients(request, "balances", self._balances)

    async def coverages(self, request: Request) -> Response:
        return await _of_patients(request, "coverages", self._coverages)

    async def practitioners(self, request: Request) -> Response:
        return Answer({"practitioners": list(self._practitioners.values())})

    async def practitioners_by_id(self, request: Request) -> Response:
        return await _of_ids(request, "practitioners", self._practitioners)

    async def locations(self, request: Request) -> Response:
        return Answer({"locations": list(self._locations.values())})

    async def locations_by_id(self, request: Request) -> Response:
        return await _of_ids(request, "locations", self._locations)

    async def practice(self, request: Request) -> Response:
        return Answer(self._practice)


def _by_mrn(rows: Iterable[Json]) -> Mapping[str, list[Json]]:
    index: dict[str, list[Json]] = defaultdict(list)
    for row in rows:
        index[row["patient_mrn"]].append(row)
    return dict(index)


async def _of_patients(request: Request, name: str, index: Mapping[str, list[Json]]) -> Response:
    asked = decoded(await request.body(), ByPatients)
    return Answer({name: [row for mrn in dict.fromkeys(asked.patient_mrns) for row in index.get(mrn, ())]})


async def _of_ids(request: Request, name: str, index: Mapping[int, Json]) -> Response:
    asked = decoded(await request.body(), ByIds)
    return Answer({name: [index[id] for id in dict.fromkeys(asked.ids) if id in index]})


def _found(row: Json | None) -> Response:
    return _refusal(404, "not_found", "there is no such appointment") if row is None else Answer(row)


def _refusal(status: int, code: str, message: str, field: str | None = None) -> Response:
    return Answer({"error": {"code": code, "message": message, "field": field}}, status)


def _unreadable(request: Request, fault: Exception) -> Response:
    return _refusal(400, "invalid_request", str(fault), getattr(fault, "field", None))


def _no_such_thing(request: Request, fault: Exception) -> Response:
    status = fault.status_code if isinstance(fault, HTTPException) else 500
    code = {404: "not_found", 405: "method_not_allowed"}.get(status, "error")
    return _refusal(status, code, "there is nothing here; see the interface's list of paths")


def _rate_headers(allowance: Allowance) -> Mapping[str, str]:
    headers = {
        "X-RateLimit-Limit": str(allowance.limit),
        "X-RateLimit-Remaining": str(allowance.remaining),
    }
    if allowance.retry_after_s is not None:
        headers["Retry-After"] = str(allowance.retry_after_s)
    return headers
