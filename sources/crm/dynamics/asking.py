"""Owns what is asked of Dataverse: queries by the key's values, and one record by its alternate key. Pure.

https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query/overview
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import quote

from sources.crm.dynamics.settings import LABEL
from sources.crm.dynamics.wire import ANNOTATION

VERSIONS = {"OData-MaxVersion": "4.0", "OData-Version": "4.0", "If-None-Match": "null"}


def literal(value: str) -> str:
    """*value* as a text literal of OData."""
    return "'" + value.replace("'", "''") + "'"


def selected(key_column: str, names: Sequence[str]) -> str:
    """The `$select` for the key and *names*; what is shown for a value comes with the value."""
    return ",".join(dict.fromkeys((key_column, *(name.removesuffix(LABEL) for name in names))))


def by_key(key_column: str, names: Sequence[str], keys: Iterable[str]) -> list[tuple[str, str]]:
    """The query for the columns *names* of the records whose key is one of *keys*."""
    values = ",".join(literal(key) for key in keys)
    listed = f"Microsoft.Dynamics.CRM.In(PropertyName='{key_column}',PropertyValues=[{values}])"
    return [("$select", selected(key_column, names)), ("$filter", listed)]


def one_by_key(path: str, key_column: str, names: Sequence[str], key: str) -> str:
    """The target for the one record that bears *key*, under the table's *path*."""
    value = quote(literal(key), safe="'")
    return f"/{path}({key_column}={value})?$select={selected(key_column, names)}"


def preferences(names: Sequence[str], *others: str) -> dict[str, str]:
    """The `Prefer` header: what is shown for values, only if it is wanted, and *others*."""
    shown = any(name.endswith(LABEL) for name in names)
    asked = [*others, *([f'odata.include-annotations="{ANNOTATION}"'] if shown else [])]
    return {"Prefer": ",".join(asked)} if asked else {}
