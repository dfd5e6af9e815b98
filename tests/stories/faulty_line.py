"""A line to a source of the house, over TLS: what goes through is as it was, until a fault is put on it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from typing import Any

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal

from sandbox.knobs.rows import with_foreign_row
from tests.sources.authority import Authority
from tests.sources.matrix.over_http import EVERYWHERE, PLAIN
from tests.sources.matrix.trying import SAID
from tests.sources.stub import Answer, Asked, Behaviour, Stub, answer, json_answer, stub

Json = dict[str, Any]
ODD_FIELD = "vendor_oddity"
_PASSED_ON = ("authorization", "accept", "content-type", "prefer")


class Line:
    """Stands before the source at *origin*. Faults are of requests that *meets* takes."""

    def __init__(
        self, portal: BlockingPortal, origin: str, authority: Authority, meets: Callable[[Asked], bool]
    ) -> None:
        self.url = ""
        self._portal = portal
        self._origin = origin
        self._authority = authority
        self._meets = meets
        self._client = httpx.Client(timeout=20)
        self._open = ExitStack()
        self._stub: Stub | None = None
        self.serve()

    def serve(self, authority: Authority | None = None) -> None:
        """Listens, at the same address each time, and shows a certificate of *authority*: ours by default."""
        by = authority or self._authority
        port = int(self.url.rpartition(":")[2]) if self.url else 0
        tls = by.serving(by.issued("line"))
        self._stub = self._open.enter_context(
            self._portal.wrap_async_context_manager(stub(self._through, tls, port))
        )
        self.url = self._stub.url

    def close(self) -> None:
        """Listens no more, and hangs up on whoever is connected."""
        self._open.close()

    def end(self) -> None:
        """Lets go of both sides."""
        self.close()
        self._client.close()

    @contextmanager
    def under(self, fault: str, impostor: Authority) -> Iterator[None]:
        """The line with that fault; without it after that."""
        assert self._stub is not None
        if fault not in ("refused", "TLS failure"):
            self._stub.behaviour = self._faulty(fault)
            try:
                yield
            finally:
                self._stub.behaviour = self._through
            return
        self.close()
        if fault == "TLS failure":
            self.serve(impostor)
        try:
            yield
        finally:
            self.close()
            self.serve()

    def _through(self, asked: Asked) -> Answer:
        reply = self._client.request(
            asked.method,
            f"{self._origin}{asked.target}",
            headers={name: asked.headers[name] for name in _PASSED_ON if name in asked.headers},
            content=asked.body,
        )
        body = reply.content.replace(self._origin.encode(), self.url.encode())
        return answer(body, reply.status_code, reply.headers["content-type"])

    def _faulty(self, fault: str) -> Behaviour:
        if fault in PLAIN:
            return self._met(lambda asked: PLAIN[fault])
        if fault == "wrong type":
            return self._met(lambda asked: answer(EVERYWHERE[1]))
        if fault == "cut JSON":
            return self._met(lambda asked: answer(self._body(asked)[:-20]))
        if fault == "expired token":
            return self._expired()
        if fault == "endless paging":
            return self._endless()
        spoil = ROWS[fault]
        return self._met(lambda asked: json_answer(spoil(json.loads(self._body(asked)))))

    def _met(self, behaviour: Behaviour) -> Behaviour:
        return lambda asked: behaviour(asked) if self._meets(asked) else self._through(asked)

    def _body(self, asked: Asked) -> bytes:
        whole = self._through(asked)
        assert isinstance(whole, bytes)
        return whole.partition(b"\r\n\r\n")[2]

    def _expired(self) -> Behaviour:
        expired: list[str] = []

        def behaviour(asked: Asked) -> Answer:
            token = asked.headers["authorization"]
            expired[:] = expired or [token]
            return json_answer({"message": SAID}, 401) if token in expired else self._through(asked)

        return self._met(behaviour)

    def _endless(self) -> Behaviour:
        pages = itertools.count(1)
        first: list[Json] = []

        def behaviour(asked: Asked) -> Answer:
            first[:] = first or [json.loads(self._body(asked))]
            return json_answer(_page(first[0], next(pages), self.url))

        return self._met(behaviour)


@contextmanager
def line(origin: str, authority: Authority, meets: Callable[[Asked], bool]) -> Iterator[Line]:
    """A line that works, in a thread of its own."""
    with start_blocking_portal() as portal:
        made = Line(portal, origin, authority, meets)
        try:
            yield made
        finally:
            made.end()


def _rows(sent: Json) -> list[Json]:
    """The rows of an answer: of a Bundle, of a page of bookings or of contacts."""
    rows: list[Json] = next(sent[name] for name in ("entry", "appointments", "results") if name in sent)
    return rows


def _with_odd_field(sent: Json) -> Json:
    row = _rows(sent)[0]
    row.get("resource", row)[ODD_FIELD] = SAID
    return sent


def _with_row_twice(sent: Json) -> Json:
    rows = _rows(sent)
    rows.insert(0, deepcopy(rows[0]))
    return sent


def _without_rows(sent: Json) -> Json:
    _rows(sent).clear()
    return {**sent, "total": 0} if "total" in sent else sent


def _page(first: Json, number: int, base: str) -> Json:
    """A page of a search without end: other rows each time, of the same patients."""
    page = deepcopy(first)
    for row in _rows(page):
        named = row.get("resource", row)
        named["id"] = (
            f"{named['id']}-{number}" if isinstance(named["id"], str) else named["id"] + 10_000 * number
        )
        row.pop("fullUrl", None)
    if page.get("resourceType") == "Bundle":
        page["link"] = [{"relation": "next", "url": f"{base}/fhir/Encounter?page={number}"}]
        page.pop("total", None)
    else:
        page["next_cursor"] = f"page-{number}"
    return page


ROWS: dict[str, Callable[[Json], Json]] = {
    "unknown field": _with_odd_field,
    "wrong patient's row": with_foreign_row,
    "duplicate row": _with_row_twice,
    "empty page": _without_rows,
}
"""What is wrong with the rows of an answer."""
