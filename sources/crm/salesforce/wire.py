"""Owns Salesforce's answers as they come, and a record without what Salesforce adds to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from sources.calling import Nonconforming, Reader
from sources.crm.records import Record


class QueryPage(Struct, frozen=True, gc=False, forbid_unknown_fields=True, rename="camel"):
    """One page of a query's records; `next_records_url` is the path of the page after it."""

    total_size: int
    done: bool
    records: tuple[dict[str, object], ...]
    next_records_url: str | None = None


QUERY_PAGE = Reader[QueryPage](QueryPage, "query")


def plain(record: Record, names: Sequence[str]) -> dict[str, object]:
    """The fields of *record*; those of a record it points at have names with a dot, as in the query.

    Raises:
        Nonconforming: a record in a record in a record.
    """
    fields: dict[str, object] = {}
    for name, value in record.items():
        if name == "attributes":
            continue
        if isinstance(value, Mapping):
            fields |= {f"{name}.{inner}": each for inner, each in value.items() if inner != "attributes"}
        elif value is None and any(asked.startswith(f"{name}.") for asked in names):
            fields |= {asked: None for asked in names if asked.startswith(f"{name}.")}
        else:
            fields[name] = value
    if any(isinstance(value, Mapping | list) for value in fields.values()):
        raise Nonconforming("query.records: a field that holds more than one value")
    return fields
