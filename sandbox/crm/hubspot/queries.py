"""Owns what may be asked of the CRM, as types: an unknown key or a value of another type is refused."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

Operator = Literal[
    "EQ",
    "NEQ",
    "LT",
    "LTE",
    "GT",
    "GTE",
    "BETWEEN",
    "IN",
    "NOT_IN",
    "HAS_PROPERTY",
    "NOT_HAS_PROPERTY",
]


class Input(Struct, frozen=True, forbid_unknown_fields=True):
    """One contact asked for, by its value of the id property."""

    id: str


class BatchRead(
    Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename={"id_property": "idProperty", "history": "propertiesWithHistory"},
):
    """Up to a hundred contacts by one unique property."""

    inputs: Annotated[list[Input], Meta(min_length=1, max_length=100)]
    properties: list[str] = field(default_factory=list)
    id_property: str = "hs_object_id"
    history: Annotated[list[str], Meta(max_length=0)] = field(default_factory=list)


class Filter(
    Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename={"name": "propertyName", "high_value": "highValue"},
):
    """One test of one property; `values` is for IN and NOT_IN, `high_value` for BETWEEN."""

    name: str
    operator: Operator
    value: str | None = None
    values: list[str] | None = None
    high_value: str | None = None


class FilterGroup(Struct, frozen=True, forbid_unknown_fields=True):
    """Filters that must all pass."""

    filters: Annotated[list[Filter], Meta(min_length=1, max_length=6)]


class Sort(Struct, frozen=True, forbid_unknown_fields=True, rename={"name": "propertyName"}):
    """A property to sort by."""

    name: str
    direction: Literal["ASCENDING", "DESCENDING"] = "ASCENDING"


class Search(Struct, frozen=True, forbid_unknown_fields=True, rename={"groups": "filterGroups"}):
    """Contacts that pass every filter of at least one group; with no group, all."""

    groups: Annotated[list[FilterGroup], Meta(max_length=5)] = field(default_factory=list)
    sorts: Annotated[list[Sort], Meta(max_length=1)] = field(default_factory=list)
    properties: list[str] = field(default_factory=list)
    limit: Annotated[int, Meta(ge=1, le=200)] = 10
    after: Annotated[str, Meta(pattern="^[0-9]{1,6}$")] | None = None


class ContactChange(Struct, frozen=True, forbid_unknown_fields=True):
    """New values of some properties of one contact."""

    properties: dict[str, str | None]
