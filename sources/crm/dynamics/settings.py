"""Owns what a Dataverse organisation needs to be told of, and which of its tables may be read at all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Literal

from sources.crm.columns import NOT, Columns
from sources.crm.records import Layout

LABEL = "@label"
"""After a column's name: what the organisation shows for its value, such as the name of an owner."""

_TABLES = frozenset({"contacts", "accounts", "leads"})
_CLINICAL = "msemr_"
"""The prefix of the tables of Microsoft's healthcare data model: a CRM is not asked for them."""

_CUSTOM = re.compile(r"[a-z][a-z0-9]{1,7}_[a-z0-9_]{1,60}")
_COLUMN = re.compile(r"[a-z_][a-z0-9_]{0,99}(?:@label)?")
_VERSION = re.compile(r"v9\.[0-9]")
_MOST_BY_FILTER = 400
"""A URL may have 32 kB."""

_MOST_BY_BATCH = 1_000


@dataclass(frozen=True)
class ColumnNames(Columns):
    """The columns that hold an engagement's parts, by their logical names."""

    lifecycle_stage: str = "cg_lifecyclestage"
    score: str = "cg_engagementscore"
    attendance_rate: str = "cg_attendancerate"
    satisfaction: str = "cg_satisfaction"
    email_consent: str = "cg_emailconsent"
    sms_consent: str = "cg_smsconsent"
    phone_consent: str = "cg_phoneconsent"
    last_touch: str = "cg_lasttouch"
    owner_id: str = "_ownerid_value"
    owner_name: str = f"_ownerid_value{LABEL}"


@dataclass(frozen=True)
class DynamicsSettings:
    """One Dataverse organisation. `key_column` is the column of `table` that holds the care key.

    `id_column` is the table's primary key, which comes unasked. `stages` are the lifecycle stages by the
    numbers of their choice; empty: the column is text. *lookup* says how records are found: by a filter in
    the URL, or, `key_column` being an alternate key, one request a key in one `$batch`.

    Raises:
        ValueError: a table that may not be read, a name that is none, or too many keys a call.
    """

    name: str
    table: str = "contacts"
    id_column: str = "contactid"
    key_column: str = "cg_carekey"
    columns: ColumnNames = field(default_factory=ColumnNames)
    stages: Mapping[str, str] = field(default_factory=dict)
    api_version: str = "v9.2"
    lookup: Literal["filter", "batch"] = "filter"
    keys_per_call: int = 200
    rows_per_page: int = 1_000

    def __post_init__(self) -> None:
        fault = next(self._faults(), None)
        if fault is not None:
            raise ValueError(fault)

    @property
    def path(self) -> str:
        """Where the Web API of that version is, below the organisation's URL."""
        return f"api/data/{self.api_version}"

    @property
    def layout(self) -> Layout:
        """How records are read."""
        return Layout(self.table, self.key_column, self.columns, self.stages)

    def _faults(self) -> Iterator[str]:
        if self.table.startswith(_CLINICAL):
            yield f"`{self.table[:80]}` is a clinical table, which is not read; clinical data is the EHR's"
        if self.table not in _TABLES and _CUSTOM.fullmatch(self.table) is None:
            listed = ", ".join(sorted(_TABLES))
            yield f"`{self.table[:80]}` is not on the list of tables; choose one of {listed}, or a custom one"
        names = [getattr(self.columns, one.name).removeprefix(NOT) for one in fields(self.columns)]
        for name in (self.id_column, self.key_column, *names):
            if _COLUMN.fullmatch(name) is None:
                yield f"`{name[:80]}` is no column of `{self.table}`; give a logical name, such as `cg_score`"
        if _VERSION.fullmatch(self.api_version) is None:
            yield "the API version is none; give one such as `v9.2`"
        most = _MOST_BY_FILTER if self.lookup == "filter" else _MOST_BY_BATCH
        if not 1 <= self.keys_per_call <= most:
            yield f"too many or no keys a call; there is room for 1 to {most}"
