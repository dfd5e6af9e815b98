"""Owns what a GET of the Web API answers, alone or in a batch: contacts by query, one contact by key."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from sandbox.crm.dynamics.contacts import ID, KEY, Contacts, Row, column, id_of
from sandbox.crm.dynamics.filters import condition
from sandbox.crm.dynamics.refusals import NO_RECORD, NO_RECORD_BY_KEY, NO_SEGMENT, Refused, malformed

ROOT = "/api/data/v9.2"
LARGEST_PAGE = 5_000
LONGEST_URL = 32_768

_ONE = re.compile(r"contacts\((?P<key>.+)\)")
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_PAGE_SIZE = re.compile(r"odata\.maxpagesize=(?P<size>[0-9]{1,6})")
_ANNOTATIONS = re.compile(r'odata\.include-annotations="(?P<names>[^"]*)"')
_OPTIONS = {"$select", "$filter", "$orderby", "$top", "$count", "$skiptoken"}


class Reading:
    """Answers to GET requests over *contacts*, in pages of *page_size* rows at most."""

    def __init__(self, contacts: Contacts, page_size: int = LARGEST_PAGE) -> None:
        self._contacts = contacts
        self._page_size = page_size

    def answer(self, site: str, target: str, prefer: str) -> Row:
        """What is at *target*, such as `/api/data/v9.2/contacts?$select=firstname`, on the *site* asked.

        Raises:
            Refused: nothing is, or the query is none.
        """
        if len(target) > LONGEST_URL:
            raise Refused(414, NO_SEGMENT, "The request URL is too long.")
        parts = urlsplit(target)
        path = unquote(parts.path)
        if not path.startswith(f"{ROOT}/"):
            raise _no_segment(path)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        name = path.removeprefix(f"{ROOT}/")
        if name == "":
            return _service(site)
        if name in ("WhoAmI", "WhoAmI()"):
            ids = {"BusinessUnitId": id_of(2, 1), "UserId": id_of(1, 1), "OrganizationId": id_of(3, 1)}
            return {"@odata.context": _context(site, "Microsoft.Dynamics.CRM.WhoAmIResponse"), **ids}
        if name == "contacts":
            return self._page(site, options, prefer)
        if (one := _ONE.fullmatch(name)) is not None:
            return self._one(site, one["key"], options, prefer)
        raise _no_segment(name)

    def _page(self, site: str, options: Mapping[str, str], prefer: str) -> Row:
        unknown = options.keys() - _OPTIONS
        if unknown:
            raise malformed("The query parameter is not supported.")
        columns = _selected(options)
        rows = self._matching(options)
        size = self._size(prefer)
        start = int(options.get("$skiptoken") or 0)
        end = start + size
        page: Row = {"@odata.context": _context(site, f"contacts({','.join(columns)})")}
        if options.get("$count") == "true":
            page["@odata.count"] = len(rows)
        page["value"] = [self._contacts.shown(row, columns, _annotations(prefer)) for row in rows[start:end]]
        if end < len(rows):
            others = {name: value for name, value in options.items() if name != "$skiptoken"}
            query = "&".join(
                f"{name}={quote(value)}" for name, value in {**others, "$skiptoken": str(end)}.items()
            )
            page["@odata.nextLink"] = f"{site}{ROOT}/contacts?{query}"
        return page

    def _matching(self, options: Mapping[str, str]) -> list[Row]:
        passes = condition(options["$filter"]) if "$filter" in options else None
        rows = [row for row in self._contacts.rows.values() if passes is None or passes(row)]
        if "$orderby" in options:
            name, _, direction = options["$orderby"].partition(" ")
            key = column(name)
            rows.sort(key=lambda row: (row[key] is not None, row[key]), reverse=direction == "desc")
        return rows[: int(options["$top"])] if options.get("$top", "").isdigit() else rows

    def _size(self, prefer: str) -> int:
        asked = _PAGE_SIZE.search(prefer)
        return min(int(asked["size"]) if asked else LARGEST_PAGE, self._page_size)

    def _one(self, site: str, key: str, options: Mapping[str, str], prefer: str) -> Row:
        columns = _selected(options)
        row = self._found(key)
        context = {"@odata.context": _context(site, f"contacts({','.join(columns)})/$entity")}
        return {**context, **self._contacts.shown(row, columns, _annotations(prefer))}

    def _found(self, key: str) -> Row:
        if _GUID.fullmatch(key) is not None:
            row = self._contacts.rows.get(key.lower())
            if row is None:
                raise Refused(404, NO_RECORD, "Entity 'contact' With Id Does Not Exist")
            return row
        name, _, value = key.partition("=")
        if name != KEY or not (len(value) >= 2 and value[0] == value[-1] == "'"):
            raise Refused(400, NO_SEGMENT, "The key in the request URI is not valid for resource 'contact'.")
        found = self._contacts.bearing(value[1:-1].replace("''", "'"))
        if not found:
            raise Refused(
                404, NO_RECORD_BY_KEY, "A record with the specified key values does not exist in contact"
            )
        return found[0]


def _selected(options: Mapping[str, str]) -> list[str]:
    names = [column(name.strip()) for name in options.get("$select", "").split(",") if name.strip()]
    return names or [ID]


def _annotations(prefer: str) -> str:
    match = _ANNOTATIONS.search(prefer)
    return match["names"] if match else ""


def _context(site: str, what: str) -> str:
    return f"{site}{ROOT}/$metadata#{what}"


def _service(site: str) -> dict[str, Any]:
    sets = [{"name": "contacts", "kind": "EntitySet", "url": "contacts"}]
    return {"@odata.context": f"{site}{ROOT}/$metadata", "value": sets}


def _no_segment(name: str) -> Refused:
    return Refused(404, NO_SEGMENT, f"Resource not found for the segment '{name.rpartition('/')[2]}'.")
