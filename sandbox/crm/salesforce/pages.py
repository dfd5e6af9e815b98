"""Owns what is left of a query: pages after the first, each under a locator of its own."""

import secrets
from collections import OrderedDict
from collections.abc import Sequence

from sandbox.bodies import Unreadable
from sandbox.crm.salesforce.objects import Row, shown
from sandbox.crm.salesforce.refusals import Refused
from sandbox.crm.salesforce.soql import Query

SMALLEST, LARGEST = 200, 2_000
KEPT = 100


def batch_size(options: str | None) -> int:
    """The size that `Sforce-Query-Options: batchSize=…` asks for, brought within what is allowed.

    Raises:
        Unreadable: the header says something else.
    """
    if options is None:
        return LARGEST
    name, _, size = options.partition("=")
    if name.strip().lower() != "batchsize" or not size.strip().isdigit():
        raise Unreadable("Sforce-Query-Options takes batchSize=200 to 2000")
    return min(max(int(size), SMALLEST), LARGEST)


class Pages:
    """The queries under way; *fixed_size* overrules what is asked for, so that a few rows make pages."""

    def __init__(self, fixed_size: int | None = None) -> None:
        self._fixed_size = fixed_size
        self._queries: OrderedDict[str, tuple[Query, int]] = OrderedDict()

    def first(self, query: Query, size: int, version: str) -> Row:
        """The first page of *query*, *size* rows at a time."""
        locator = f"01g{secrets.token_hex(6)}AAA"
        self._queries[locator] = (query, self._fixed_size or size)
        while len(self._queries) > KEPT:
            self._queries.popitem(last=False)
        return self._page(locator, 0, version)

    def after(self, place: str, version: str) -> Row:
        """The page at *place*, such as `01g…-2000`.

        Raises:
            Refused: there is no such query any more.
        """
        locator, _, start = place.rpartition("-")
        if locator not in self._queries or not start.isdigit():
            raise Refused(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._page(locator, int(start), version)

    def _page(self, locator: str, start: int, version: str) -> Row:
        query, size = self._queries[locator]
        end = start + size
        rows: Sequence[Row] = query.rows[start:end]
        page: Row = {
            "totalSize": len(query.rows),
            "done": end >= len(query.rows),
            "records": [shown(query.object, row, query.fields, version) for row in rows]
            if query.fields
            else [],
        }
        if not page["done"]:
            page["nextRecordsUrl"] = f"/services/data/v{version}/query/{locator}-{end}"
        return page
