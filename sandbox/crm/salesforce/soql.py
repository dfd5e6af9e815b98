"""Owns SOQL as far as the stand-in understands it: fields of one object, conditions, order, limits. Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.crm.conditions import Condition, Reader
from sandbox.crm.salesforce.objects import Org, Row, SObject
from sandbox.crm.salesforce.refusals import malformed

LONGEST = 100_000
"""A query may have as many characters."""

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*')"
    r"|(?P<moment>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(?:Z|[+-][0-9:]{4,6}))"
    r"|(?P<number>-?[0-9]+(?:\.[0-9]+)?)"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_.]*)"
    r"|(?P<sign>!=|<>|<=|>=|[=<>(),]))",
    re.DOTALL,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_CONSTANTS = {"true": True, "false": False, "null": None}


@dataclass(frozen=True)
class Query:
    """What is selected: *fields* of the rows of *object* that pass; no fields at all are a count."""

    object: SObject
    fields: tuple[str, ...]
    rows: list[Row]


def run(soql: str, org: Org) -> Query:
    """What *soql* asks of *org*.

    Raises:
        Refused: it is no SOQL, or names what is not there.
    """
    if len(soql) > LONGEST:
        raise malformed("SOQL statements cannot be longer than 100000 characters.")
    return _Parser(soql, org).query()


class _Parser(Reader):
    def __init__(self, soql: str, org: Org) -> None:
        super().__init__(soql, _TOKEN, malformed)
        self._org = org

    def same(self, text: str, word: str) -> bool:
        return text.lower() == word

    def query(self) -> Query:
        self.expect("select")
        names = self._fields()
        self.expect("from")
        self._object = self._org.object(self.take("word"))
        fields = tuple(dict.fromkeys(self._object.field(name) for name in names))
        if len(fields) != len(names):
            raise malformed("duplicate field selected")
        rows = list(self._object.rows.values())
        if self.accept("where"):
            passes = self.condition()
            rows = [row for row in rows if passes(row)]
        rows = self._ordered(rows)
        limit = self._amount("limit")
        start = self._amount("offset") or 0
        self.end()
        return Query(self._object, fields, rows[start : None if limit is None else start + limit])

    def _fields(self) -> list[str]:
        first = self.take("word")
        if first.lower() == "count" and self.accept("("):
            self.expect(")")
            return []
        names = [first]
        while self.accept(","):
            names.append(self.take("word"))
        return names

    def comparison(self) -> Condition:
        field = self._object.field(self.take("word"))
        if self.accept("not"):
            self.expect("in")
            excluded = self._values()
            return lambda row: _folded(row.get(field)) not in excluded
        if self.accept("in"):
            listed = self._values()
            return lambda row: _folded(row.get(field)) in listed
        if self.accept("like"):
            pattern = _like(self._value())
            return lambda row: bool(pattern.fullmatch(str(row.get(field) or "")))
        return _compared(field, self.take("sign"), _folded(self._value()))

    def _values(self) -> set[Any]:
        self.expect("(")
        values = {_folded(self._value())}
        while self.accept(","):
            values.add(_folded(self._value()))
        self.expect(")")
        return values

    def _value(self) -> Any:
        token = self.next()
        if token.kind == "text":
            return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), token.text[1:-1])
        if token.kind == "number":
            return float(token.text)
        if token.kind == "moment":
            return token.text.replace("Z", "+0000")
        if token.text.lower() in _CONSTANTS:
            return _CONSTANTS[token.text.lower()]
        raise self.unexpected(token.text)

    def _ordered(self, rows: list[Row]) -> list[Row]:
        if not self.accept("order"):
            return rows
        self.expect("by")
        field = self._object.field(self.take("word"))
        backwards = self.accept("desc")
        if not backwards:
            self.accept("asc")
        having = [row for row in rows if row.get(field) is not None]
        lacking = [row for row in rows if row.get(field) is None]
        return lacking + sorted(having, key=lambda row: _folded(row[field]), reverse=backwards)

    def _amount(self, word: str) -> int | None:
        return int(float(self.take("number"))) if self.accept(word) else None


def _folded(value: Any) -> Any:
    """Text compares without regard to case."""
    return value.casefold() if isinstance(value, str) else value


def _like(pattern: Any) -> re.Pattern[str]:
    parts = re.split(r"([%_])", str(pattern))
    wild = {"%": ".*", "_": "."}
    return re.compile("".join(wild.get(part) or re.escape(part) for part in parts), re.IGNORECASE | re.DOTALL)


def _compared(field: str, sign: str, value: Any) -> Condition:
    if sign == "=":
        return lambda row: bool(_folded(row.get(field)) == value)
    if sign in ("!=", "<>"):
        return lambda row: bool(_folded(row.get(field)) != value)
    tests: dict[str, Callable[[Any], bool]] = {
        "<": lambda mine: mine < value,
        "<=": lambda mine: mine <= value,
        ">": lambda mine: mine > value,
        ">=": lambda mine: mine >= value,
    }
    if sign not in tests or value is None:
        raise malformed(f"unexpected token: {sign}")
    test = tests[sign]

    def passes(row: Row) -> bool:
        mine = _folded(row.get(field))
        return type(mine) is type(value) and test(mine)

    return passes
