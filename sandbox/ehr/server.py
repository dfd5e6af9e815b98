"""The FHIR interactions: read, search, create, update, delete and batch, without a word of HTTP plumbing."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec

from sandbox.ehr.dates import BEGINNING, interval_of_element
from sandbox.ehr.elements import subset
from sandbox.ehr.outcomes import Answer, Refusal, outcome
from sandbox.ehr.pages import Page, Pages
from sandbox.ehr.parameters import PARAMETERS, Kind, parameters_of
from sandbox.ehr.query import Pairs, Query, query_of, split_or
from sandbox.ehr.quirks import NONE, Quirks
from sandbox.ehr.scopes import Access
from sandbox.ehr.search import included, matches
from sandbox.ehr.store import Store
from sandbox.records import Json, Resource

BATCH_ENTRIES = 500
"""Entries of a batch at most."""

REPEATED_FOR_S = 60.0
"""How long a server that repeats itself does so."""


@dataclass(frozen=True)
class Asked:
    """What a request brings beside its address: access, headers (names in lower case) and body.

    `is_posted`: it is a search by POST.
    """

    access: Access
    headers: Mapping[str, str]
    body: bytes = b""
    is_posted: bool = False

    @property
    def strict(self) -> bool:
        """Whether `Prefer: handling=strict` was sent."""
        return "handling=strict" in self.headers.get("prefer", "").replace(" ", "")


class Server:
    """FHIR R4 over a `Store`. Every method may raise a Refusal, which says its own status."""

    def __init__(self, store: Store, quirks: Quirks = NONE) -> None:
        self._store = store
        self._quirks = quirks
        self._lost_pages = quirks.lost_pages
        self._pages = Pages()
        self._searched: dict[Query, tuple[float, list[str]]] = {}

    def read(self, type_: str, id_: str, asked: Asked, pairs: Pairs = ()) -> Answer:
        """The resource, or 304 where `If-None-Match` names the version there is."""
        self._known(type_)
        asked.access.require(type_, "r")
        resource = self._existing(type_, id_)
        headers = self._validators(resource)
        if headers["ETag"] in _tags(asked.headers.get("if-none-match", "")):
            return Answer(304, b"", headers)
        elements = query_of(type_, [pair for pair in pairs if pair[0] == "_elements"]).elements
        return Answer(200, self._encoded(type_, id_, elements), headers)

    def search(self, type_: str, pairs: Pairs, asked: Asked) -> Answer:
        """A page of what matches, as a searchset Bundle with `link` self and, where there is more, next."""
        self._known(type_)
        asked.access.require(type_, "s")
        token = dict(pairs).get("_page")
        if token is not None:
            page = self._opened(type_, token)
        else:
            query = self._cut(query_of(type_, self._taken(type_, pairs), asked.strict))
            ids, most = self._found(query, asked), self._quirks.largest_answer
            start = 0 if self._quirks.links else int(dict(pairs).get("_offset", "0"))
            is_cut = self._quirks.warns and most is not None and len(ids) > most
            page = Page(query, ids[:most], start, is_cut=is_cut, total=len(ids))
        return Answer(200, msgspec.json.encode(self._bundle(page, asked)))

    def _taken(self, type_: str, pairs: Pairs) -> Pairs:
        """Those of *pairs* that are looked at.

        Raises:
            Refusal: 400, one of them is not taken here, or not so.
        """
        quirks = self._quirks
        searchable = quirks.searchable.get(type_)
        for name, value in pairs:
            bare = name.partition(":")[0]
            is_known = searchable is None or bare in searchable or bare.startswith("_")
            if bare in quirks.refused or not is_known:
                raise Refusal(400, "not-supported", "a parameter of the search is not supported")
            if bare in quirks.one_value and len(split_or(value)) > 1:
                why = "several values cannot be searched for at once"
                raise Refusal(400, "business-rule", why, number="4112")
        if quirks.needs_patient and not {"patient", "_id"} & {name for name, _ in pairs} and _is_owned(type_):
            raise Refusal(400, "required", "a parameter of the search is missing", number="4111")
        taken = [pair for pair in pairs if pair[0] not in quirks.ignored]
        taken = [(name, _as_one(value) if name in quirks.whole_values else value) for name, value in taken]
        if quirks.typed_references or quirks.bare_references:
            return [(name, _of_form(type_, name, value, quirks)) for name, value in taken]
        return taken

    def _cut(self, query: Query) -> Query:
        largest = self._quirks.largest_page
        return query if largest is None else replace(query, count=min(query.count, largest))

    def _found(self, query: Query, asked: Asked) -> list[str]:
        """What matches now, or what did when the same was asked lately."""
        if query.type_ in self._quirks.hidden:
            return []
        if not self._quirks.repeats or asked.headers.get("cache-control") == "no-cache":
            return matches(self._store, query)
        now = time.monotonic()
        before = self._searched.get(query)
        if before is None or now - before[0] > REPEATED_FOR_S:
            before = self._searched[query] = now, matches(self._store, query)
        return before[1]

    def _opened(self, type_: str, token: str) -> Page:
        if self._lost_pages > 0:
            self._lost_pages -= 1
            raise Refusal(400, "processing", "the session of this page has expired", number="4113")
        return self._pages.open(type_, token)

    def create(self, type_: str, asked: Asked) -> Answer:
        """Stores the body under a new id."""
        self._known(type_)
        asked.access.require(type_, "c")
        resource = _body(asked.body, type_)
        return self._stored({**resource, "id": str(uuid.uuid4())}, created=True)

    def update(self, type_: str, id_: str, asked: Asked) -> Answer:
        """Stores the body in place of what is there, if anything is; `If-Match` guards the version."""
        self._known(type_)
        asked.access.require(type_, "u")
        resource = _body(asked.body, type_)
        if resource.get("id") != id_:
            raise Refusal(400, "invariant", "the `id` of the body is not the one in the address")
        before = self._store.get(type_, id_)
        match = asked.headers.get("if-match")
        if match and (before is None or self._validators(before)["ETag"] not in _tags(match)):
            raise Refusal(
                412, "conflict", "the resource has another version; read it again and repeat your change"
            )
        return self._stored(resource, created=before is None)

    def delete(self, type_: str, id_: str, asked: Asked) -> Answer:
        """Takes the resource away; a later read of it answers 410."""
        self._known(type_)
        asked.access.require(type_, "d")
        self._existing(type_, id_)
        self._store.delete(type_, id_)
        return Answer(204)

    def batch(self, asked: Asked) -> Answer:
        """A batch Bundle of GETs, each answered on its own, in order."""
        if not self._quirks.batch:
            raise Refusal(404, "not-supported", "there is nothing at this address; see /metadata")
        bundle = _decoded(asked.body)
        entries = bundle.get("entry", []) if bundle.get("resourceType") == "Bundle" else None
        if bundle.get("type") != "batch" or not isinstance(entries, list):
            raise Refusal(400, "invalid", "the body is not a Bundle of type `batch`")
        if len(entries) > BATCH_ENTRIES:
            raise Refusal(413, "too-long", f"a batch holds {BATCH_ENTRIES} entries at most")
        answered = [_entry(self._one(entry, asked)) for entry in entries]
        rows = {"entry": answered} if answered else {}
        return Answer(200, msgspec.json.encode({"resourceType": "Bundle", "type": "batch-response", **rows}))

    def history(self, type_: str, id_: str | None, asked: Asked, pairs: Pairs) -> Answer:
        """What became of the type's resources, or of one, as a history Bundle; `_since` narrows it."""
        if not self._quirks.history:
            raise Refusal(404, "not-supported", "there is nothing at this address; see /metadata")
        self._known(type_)
        asked.access.require(type_, "s")
        since = interval_of_element(dict(pairs).get("_since"), self._store.zone)
        rows = self._store.history(type_, id_)
        if since is not None:
            rows = [row for row in rows if _updated(row, self._store.zone) >= since.start]
        entries = [_version(type_, row) for row in rows]
        return Answer(
            200, msgspec.json.encode({"resourceType": "Bundle", "type": "history", "entry": entries})
        )

    def _one(self, entry: Any, asked: Asked) -> Answer:
        request = entry.get("request") if isinstance(entry, dict) else None
        try:
            if not isinstance(request, dict) or request.get("method") != "GET":
                raise Refusal(400, "not-supported", "an entry of a batch is a GET here")
            path, _, query = str(request.get("url", "")).partition("?")
            type_, _, id_ = path.removeprefix(f"{self._store.base}/").strip("/").partition("/")
            pairs = parse_qsl(query, keep_blank_values=True)
            return self.read(type_, id_, asked, pairs) if id_ else self.search(type_, pairs, asked)
        except Refusal as refusal:
            return refusal.answer()

    def _known(self, type_: str) -> None:
        if type_ not in PARAMETERS and type_ not in self._store.types():
            raise Refusal(
                400, "not-supported", "this resource type is not known here; see /metadata for those that are"
            )

    def _existing(self, type_: str, id_: str) -> Resource:
        resource = self._store.get(type_, id_)
        if resource is None:
            if self._store.is_deleted(type_, id_):
                raise Refusal(410, "deleted", f"this {type_} has been deleted")
            raise Refusal(404, "not-found", f"there is no {type_} with this id")
        return resource

    def _validators(self, resource: Resource) -> dict[str, str]:
        headers = {"ETag": f'W/"{self._store.version(resource)}"'}
        stamp = interval_of_element(resource.get("meta", {}).get("lastUpdated"), self._store.zone)
        if stamp:
            headers["Last-Modified"] = format_datetime(stamp.start)
        return headers

    def _encoded(self, type_: str, id_: str, elements: frozenset[str] | None) -> bytes:
        if elements is None:
            return self._store.encoded(type_, id_)
        return msgspec.json.encode(subset(self._existing(type_, id_), elements))

    def _bundle(self, page: Page, asked: Asked) -> Json:
        query, base = page.query, self._store.base
        here = [id_ for id_ in page.here if self._store.get(query.type_, id_)]
        found = [self._row(query.type_, id_, "match", query.elements) for id_ in here]
        found += [
            self._row(type_, id_, "include")
            for type_, id_ in included(self._store, query, here, asked.access)
        ]
        if page.is_cut:
            more = outcome("warning", "incomplete", "additional data may be present", "4119")
            found.append({"resource": more, "search": {"mode": "outcome"}})
        applied = [("_page", page.token)] if page.token else query.applied
        is_silent = asked.is_posted and self._quirks.silent_self
        itself = "/_search" if is_silent else f"?{urlencode(applied)}"
        links = [{"relation": "self", "url": f"{base}/{query.type_}{itself}"}]
        if not page.is_last:
            links.append({"relation": "next", "url": f"{base}/{query.type_}?_page={self._pages.after(page)}"})
        total = {"total": page.total} if query.total else {}
        rows = {"entry": found} if found else {}  # FHIR's JSON has no empty lists
        linked = {"link": links} if self._quirks.links else {}
        return {"resourceType": "Bundle", "type": "searchset", **total, **linked, **rows}

    def _row(self, type_: str, id_: str, mode: str, elements: frozenset[str] | None = None) -> Json:
        resource = msgspec.Raw(self._encoded(type_, id_, elements))
        if not self._quirks.links:
            return {"resource": resource}
        return {
            "fullUrl": f"{self._store.base}/{type_}/{id_}",
            "resource": resource,
            "search": {"mode": mode},
        }

    def _stored(self, resource: Resource, created: bool) -> Answer:
        stored = self._store.put(resource)
        headers = self._validators(stored)
        headers["Location"] = f"{self._store.base}/{stored['resourceType']}/{stored['id']}"
        return Answer(201 if created else 200, msgspec.json.encode(stored), headers)


def _is_owned(type_: str) -> bool:
    return "patient" in parameters_of(type_)


def _as_one(value: str) -> str:
    return value.replace(",", "\\,")


def _of_form(type_: str, name: str, value: str, quirks: Quirks) -> str:
    """*value* without references of a form that is not taken; where none is left, one that nothing has."""
    parameter = parameters_of(type_).get(name)
    if parameter is None or parameter.kind is not Kind.REFERENCE:
        return value
    kept = [
        one
        for one in split_or(value)
        if not (quirks.bare_references if "/" in one else quirks.typed_references)
    ]
    return ",".join(kept) or "Nothing/none"


def _updated(row: Resource, zone: tzinfo) -> datetime:
    found = interval_of_element(row["meta"]["lastUpdated"], zone)
    return found.start if found is not None else BEGINNING


def _version(type_: str, row: Resource) -> Json:
    """The entry of a history for a version, or for a deletion, which has no `resourceType`."""
    meta, kept = row["meta"], "resourceType" in row
    method = "DELETE" if not kept else "POST" if meta["versionId"] == "1" else "PUT"
    request = {"method": method, "url": f"{type_}/{row['id']}"}
    response = {
        "status": "200" if kept else "204",
        "lastModified": meta["lastUpdated"],
        "etag": f'W/"{meta["versionId"]}"',
    }
    return {"request": request, "response": response} | ({"resource": row} if kept else {})


def _tags(header: str) -> list[str]:
    return [tag.strip() for tag in header.split(",")]


def _decoded(body: bytes) -> Json:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refusal(400, "structure", "the body is not JSON") from None
    if not isinstance(found, dict):
        raise Refusal(400, "structure", "the body is not a JSON object")
    return found


def _body(body: bytes, type_: str) -> Resource:
    resource = _decoded(body)
    if resource.get("resourceType") != type_ or not isinstance(resource.get("meta", {}), dict):
        raise Refusal(400, "invalid", f"the body is not a resource of type `{type_}`")
    return resource


def _entry(answer: Answer) -> Json:
    response: Json = {"status": str(answer.status)}
    response |= {"etag": answer.headers["ETag"]} if "ETag" in answer.headers else {}
    if answer.status >= 400:
        return {"response": {**response, "outcome": msgspec.Raw(answer.body)}}
    return (
        {"resource": msgspec.Raw(answer.body), "response": response}
        if answer.body
        else {"response": response}
    )
