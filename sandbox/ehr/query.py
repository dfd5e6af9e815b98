"""A FHIR search as asked for: its parameters read and checked before anything is looked up."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sandbox.ehr.outcomes import Refusal
from sandbox.ehr.parameters import Kind, Parameter, parameters_of

PAGE_SIZE = 100
"""Resources a page where `_count` is not given."""

LARGEST_PAGE = 5_000
"""Resources a page at most, whatever `_count` says."""

_UNESCAPED_COMMA = re.compile(r"(?<!\\),")
_UNESCAPED_PIPE = re.compile(r"(?<!\\)\|")
_ESCAPED = re.compile(r"\\([\\,|$])")
_MODIFIERS = {
    Kind.TOKEN: ("not",),
    Kind.STRING: ("exact", "contains"),
    Kind.DATE: (),
    Kind.REFERENCE: ("identifier",),
}
_IGNORED = ("_format", "_pretty")
_SORTABLE = ("_lastUpdated", "date")

Pairs = Sequence[tuple[str, str]]
"""The names and values of a query string or form, in order, decoded."""


@dataclass(frozen=True)
class Filter:
    """One parameter: a resource passes with any of `values`; `_id` and `_lastUpdated` have no `parameter`."""

    name: str
    values: tuple[str, ...]
    modifier: str = ""
    parameter: Parameter | None = None


@dataclass(frozen=True)
class Include:
    """`_include=Type:parameter[:target]`: what the matches refer to comes too."""

    name: str
    parameter: Parameter
    target: str = ""


@dataclass(frozen=True)
class Query:
    """A checked search; `applied` is what was understood, for `link[self]`."""

    type_: str
    filters: tuple[Filter, ...] = ()
    sort: str = ""
    count: int = PAGE_SIZE
    total: bool = True
    elements: frozenset[str] | None = None
    includes: tuple[Include, ...] = ()
    applied: tuple[tuple[str, str], ...] = field(default=(), repr=False)


def query_of(type_: str, pairs: Pairs, strict: bool = False) -> Query:
    """Reads a search on *type_*.

    Raises:
        Refusal: 400 for a value that can't be read, for a modifier that is not supported, and, under *strict*
            (`Prefer: handling=strict`), for a parameter that is not known; otherwise that one is ignored.
    """
    query = Query(type_)
    for name, value in pairs:
        read = _control(query, name, value) if name.startswith("_") else _filtered(query, name, value)
        if read is not None:
            query = replace(read, applied=(*query.applied, (name, value)))
        elif strict and name not in _IGNORED:
            raise Refusal(
                400, "not-supported", f"a search parameter of `{type_}` is not supported by this server"
            )
    return query


def split_or(value: str) -> tuple[str, ...]:
    """The alternatives in a search value; what is escaped stays so."""
    return tuple(part for part in _UNESCAPED_COMMA.split(value) if part)


def split_token(value: str) -> tuple[str | None, str]:
    """A token value's system (None where no `|` was given) and code, unescaped."""
    parts = _UNESCAPED_PIPE.split(value, maxsplit=1)
    if len(parts) == 1:
        return None, unescaped(value)
    return unescaped(parts[0]), unescaped(parts[1])


def unescaped(value: str) -> str:
    r"""*value* with `\,`, `\|`, `\$` and `\\` read as the signs they stand for."""
    return _ESCAPED.sub(r"\1", value)


def _filtered(query: Query, name: str, value: str) -> Query | None:
    bare, _, modifier = name.partition(":")
    parameter = parameters_of(query.type_).get(bare)
    if parameter is None:
        return None
    if modifier and not _takes(parameter, modifier):
        raise Refusal(400, "not-supported", f"parameter `{bare}` does not take this modifier")
    return _with_filter(query, Filter(bare, split_or(value), modifier, parameter))


def _takes(parameter: Parameter, modifier: str) -> bool:
    return modifier in (*_MODIFIERS[parameter.kind], *parameter.targets, "missing")


def _with_filter(query: Query, asked: Filter) -> Query:
    if not asked.values:
        raise Refusal(400, "value", f"parameter `{asked.name}` has no value; leave it out or give it one")
    return replace(query, filters=(*query.filters, asked))


def _control(query: Query, name: str, value: str) -> Query | None:
    match name:
        case "_id" | "_lastUpdated":
            return _with_filter(query, Filter(name, split_or(value)))
        case "_count":
            return replace(query, count=_count(value))
        case "_total" if value in ("none", "estimate", "accurate"):
            return replace(query, total=value != "none")
        case "_summary" if value in ("count", "false"):
            return replace(query, count=0) if value == "count" else query
        case "_sort" if value.removeprefix("-") in _SORTABLE:
            return replace(query, sort=value)
        case "_elements":
            return replace(query, elements=frozenset(split_or(value)))
        case "_include":
            return _including(query, value)
        case _:
            return None


def _count(value: str) -> int:
    if not value.isascii() or not value.isdecimal():
        raise Refusal(400, "value", "parameter `_count` is not a whole number; give one of 0 or more")
    return min(int(value[:9]), LARGEST_PAGE)


def _including(query: Query, value: str) -> Query | None:
    type_, _, rest = value.partition(":")
    name, _, target = rest.partition(":")
    parameter = parameters_of(type_).get(name) if type_ == query.type_ else None
    if parameter is None or parameter.kind is not Kind.REFERENCE:
        return None
    return replace(query, includes=(*query.includes, Include(name, parameter, target)))
