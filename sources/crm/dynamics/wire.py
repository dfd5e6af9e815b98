"""Owns Dataverse's answers as they come, and a record without what Dataverse adds to it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET, Raw, Struct, UnsetType

from sources.calling import Nonconforming, Reader
from sources.crm.dynamics.settings import LABEL
from sources.crm.records import Record

ANNOTATION = "OData.Community.Display.V1.FormattedValue"
_SHOWN = f"@{ANNOTATION}"

_MISSING = object()

_RENAMED = {
    "context": "@odata.context",
    "count": "@odata.count",
    "next_link": "@odata.nextLink",
    "total": "@Microsoft.Dynamics.CRM.totalrecordcount",
    "exceeded": "@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded",
}


class Page(Struct, frozen=True, gc=False, forbid_unknown_fields=True, rename=_RENAMED):
    """One page of records; `next_link` is the address of the page after it."""

    value: tuple[dict[str, object], ...]
    next_link: str | None = None
    context: Raw | UnsetType = UNSET
    count: Raw | UnsetType = UNSET
    total: Raw | UnsetType = UNSET
    exceeded: Raw | UnsetType = UNSET


class Told(Struct, frozen=True, gc=False):
    """The code of a refusal; its message is Dataverse's, and is not read."""

    code: str = ""


class Refusal(Struct, frozen=True, gc=False):
    """A refusal."""

    error: Told


PAGE = Reader[Page](Page, "page")
RECORD = Reader[dict[str, object]](dict[str, object], "record")
REFUSAL = Reader[Refusal](Refusal, "error")


def plain(record: Record, names: Sequence[str], id_column: str) -> dict[str, object]:
    """The columns of *record*; what is shown for a value, where asked for, has its column's name and a mark.

    Annotations and the primary key, which come unasked, are left out.

    Raises:
        Nonconforming: a column holds more than one value.
    """
    carriers = {name.removesuffix(LABEL) for name in names if name.endswith(LABEL)}
    unasked = (carriers - set(names)) | {id_column}
    columns: dict[str, object] = {}
    for name, value in record.items():
        label = f"{name}{LABEL}"
        if label in names:
            columns[label] = None if value is None else record.get(f"{name}{_SHOWN}", _MISSING)
        if "@" not in name and name not in unasked:
            columns[name] = value
    if any(isinstance(value, dict | list) for value in columns.values()):
        raise Nonconforming("record: a column that holds more than one value")
    return {name: value for name, value in columns.items() if value is not _MISSING}
