"""Owns the routes of Salesforce's REST API, of any version."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from msgspec import Meta, Struct
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.admission import Admission, Allowance, ClientCredentials, RateLimit
from sandbox.bodies import Answer, Unreadable, decoded
from sandbox.crm.people import people
from sandbox.crm.salesforce import describing
from sandbox.crm.salesforce.objects import Org, Row, SObject, shown
from sandbox.crm.salesforce.pages import Pages, batch_size
from sandbox.crm.salesforce.refusals import Refused, malformed, not_found, refusal
from sandbox.crm.salesforce.sign_in import ConnectedApp, SignIn
from sandbox.crm.salesforce.soql import run
from sandbox.records import Contact

DAY_S = 86_400
SESSION_S = 7_200
LONGEST_URI = 16_384
LONGEST_GET = 800
"""Ids of a collection read by GET: with more, the URI is too long."""

_VERSION = re.compile(r"/services/data/v(?P<version>[0-9]{2,3}\.0)(?:/|$)")
_SITE = "/services/data"
_AT = _SITE + "/v{version}"


class Collection(Struct, frozen=True, forbid_unknown_fields=True):
    """Records asked for by id: up to 2,000 of one object, and the fields of each."""

    ids: Annotated[list[str], Meta(min_length=1, max_length=2_000)]
    fields: Annotated[list[str], Meta(min_length=1)]


def salesforce_app(
    contacts: Iterable[Contact],
    *,
    app: ConnectedApp | None = None,
    sessions: ClientCredentials | None = None,
    requests_per_day: int = 100_000,
    page_size: int | None = None,
) -> Starlette:
    """An org whose person accounts and contacts are *contacts*.

    *sessions* are those of *app*: give them to have a hold on them. *page_size* makes pages of a query as
    small as a test wants them; Salesforce's have 200 to 2,000 records.
    """
    connected = app or ConnectedApp()
    granted = sessions or ClientCredentials(connected.client_id, connected.secret, lifetime_s=SESSION_S)
    admission = Middleware(
        Admission,
        prefix=_SITE,
        credentials=granted,
        rate=RateLimit(requests_per_day, DAY_S),
        rate_headers=_usage,
        too_many=lambda: refusal(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
        unauthorized=lambda: refusal(401, "INVALID_SESSION_ID", "Session expired or invalid"),
    )
    return Starlette(
        routes=_Api(Org(people(contacts)), SignIn(connected, granted), Pages(page_size)).routes(),
        middleware=[admission],
        exception_handlers={Refused: _refused, Unreadable: _unreadable, HTTPException: _no_such_thing},
    )


class _Api:
    def __init__(self, org: Org, sign_in: SignIn, pages: Pages) -> None:
        self._org = org
        self._sign_in = sign_in
        self._pages = pages

    def routes(self) -> list[Route]:
        one = f"{_AT}/sobjects/{{object}}"
        return [
            Route("/services/oauth2/token", self._sign_in.token, methods=["POST"]),
            Route(f"{_SITE}/", self.versions),
            Route(f"{_AT}/", self.resources),
            Route(f"{_AT}/limits", self.limits),
            Route(f"{_AT}/query", self.query),
            Route(f"{_AT}/queryAll", self.query),
            Route(f"{_AT}/query/{{place}}", self.more),
            Route(f"{_AT}/composite/sobjects/{{object}}", self.collection, methods=["POST"]),
            Route(f"{_AT}/composite/sobjects/{{object}}", self.short_collection),
            Route(f"{_AT}/sobjects", self.objects),
            Route(one, self.object),
            Route(f"{one}/describe", self.describe),
            Route(f"{one}/{{id}}", self.record),
            Route(f"{one}/{{field}}/{{value}}", self.record_by_field),
        ]

    async def versions(self, request: Request) -> Response:
        return Answer(describing.versions())

    async def resources(self, request: Request) -> Response:
        return Answer(describing.resources(_version(request)))

    async def limits(self, request: Request) -> Response:
        return Answer({"DailyApiRequests": {"Max": 100_000, "Remaining": 99_000}})

    async def query(self, request: Request) -> Response:
        if len(request.url.query) + len(request.url.path) > LONGEST_URI:
            return refusal(414, "URI_TOO_LONG", "The URI is too long.")
        soql = request.query_params.get("q")
        if not soql:
            raise malformed("SOQL statements cannot be empty or null")
        size = batch_size(request.headers.get("sforce-query-options"))
        return Answer(self._pages.first(run(soql, self._org), size, _version(request)))

    async def more(self, request: Request) -> Response:
        return Answer(self._pages.after(request.path_params["place"], _version(request)))

    async def collection(self, request: Request) -> Response:
        asked = decoded(await request.body(), Collection)
        return Answer(self._read(request, asked.ids, asked.fields))

    async def short_collection(self, request: Request) -> Response:
        ids = request.query_params.get("ids", "").split(",")
        if len(ids) > LONGEST_GET:
            return refusal(414, "URI_TOO_LONG", "The URI is too long.")
        return Answer(self._read(request, ids, request.query_params.get("fields", "").split(",")))

    def _read(self, request: Request, ids: Sequence[str], names: Sequence[str]) -> list[Row | None]:
        """A record for each id in its place, null where there is none."""
        object = self._object(request)
        fields = [object.field(name) for name in dict.fromkeys(("Id", *names))]
        rows = [object.rows.get(id) for id in ids]
        return [None if row is None else shown(object, row, fields, _version(request)) for row in rows]

    async def objects(self, request: Request) -> Response:
        version = _version(request)
        found = [describing.summary(one, version) for one in self._org.objects.values()]
        return Answer({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": found})

    async def object(self, request: Request) -> Response:
        described = describing.summary(self._object(request), _version(request))
        return Answer({"objectDescribe": described, "recentItems": []})

    async def describe(self, request: Request) -> Response:
        return Answer(describing.described(self._object(request), _version(request)))

    async def record(self, request: Request) -> Response:
        object = self._object(request)
        row = object.rows.get(request.path_params["id"])
        if row is None:
            raise not_found()
        return self._one(request, object, row)

    async def record_by_field(self, request: Request) -> Response:
        object = self._object(request)
        found = object.with_value(request.path_params["field"], request.path_params["value"])
        if not found:
            raise not_found()
        if len(found) > 1:
            urls = [shown(object, row, (), _version(request))["attributes"]["url"] for row in found]
            return Answer(urls, 300)
        return self._one(request, object, found[0])

    def _one(self, request: Request, object: SObject, row: Row) -> Response:
        asked = request.query_params.get("fields")
        names = asked.split(",") if asked else object.fields
        return Answer(shown(object, row, [object.field(name) for name in names], _version(request)))

    def _object(self, request: Request) -> SObject:
        return self._org.object(request.path_params["object"])


def _version(request: Request) -> str:
    match = _VERSION.match(request.url.path)
    if match is None:
        raise not_found()
    return match["version"]


def _usage(allowance: Allowance) -> Mapping[str, str]:
    return {"Sforce-Limit-Info": f"api-usage={allowance.limit - allowance.remaining}/{allowance.limit}"}


def _refused(request: Request, fault: Exception) -> Response:
    if not isinstance(fault, Refused):
        raise fault
    return refusal(fault.status, fault.code, str(fault), fault.fields)


def _unreadable(request: Request, fault: Exception) -> Response:
    return refusal(400, "JSON_PARSER_ERROR", str(fault))


def _no_such_thing(request: Request, fault: Exception) -> Response:
    status = fault.status_code if isinstance(fault, HTTPException) else 500
    code: dict[int, Any] = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}
    return refusal(
        status, code.get(status, "UNKNOWN_EXCEPTION"), "There is nothing here, or not by this method."
    )
