"""Owns SOQL as far as the stand-in understands it: fields of one object, conditions, order, limits. Pure."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sandbox.crm.salesforce.objects import Org, Row, SObject
from sandbox.crm.salesforce.refusals import malformed

Condition: TypeAlias = Callable[[Row], bool]

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


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str


def _tokens(soql: str) -> list[_Token]:
    found, at = [], 0
    while soql[at:].strip():
        match = _TOKEN.match(soql, at)
        if match is None or match.lastgroup is None:
            raise malformed(f"unexpected token at position {at}")
        found.append(_Token(match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return found


class _Parser:
    def __init__(self, soql: str, org: Org) -> None:
        self._tokens = _tokens(soql)
        self._at = 0
        self._org = org

    def query(self) -> Query:
        self._expect("select")
        names = self._fields()
        self._expect("from")
        self._object = self._org.object(self._take("word").text)
        fields = tuple(dict.fromkeys(self._object.field(name) for name in names))
        if len(fields) != len(names):
            raise malformed("duplicate field selected")
        rows = list(self._object.rows.values())
        if self._accept("where"):
            passes = self._any_of()
            rows = [row for row in rows if passes(row)]
        rows = self._ordered(rows)
        limit = self._amount("limit")
        start = self._amount("offset") or 0
        if self._at < len(self._tokens):
            raise malformed(f"unexpected token: {self._tokens[self._at].text}")
        return Query(self._object, fields, rows[start : None if limit is None else start + limit])

    def _fields(self) -> list[str]:
        first = self._take("word").text
        if first.lower() == "count" and self._accept("("):
            self._expect(")")
            return []
        names = [first]
        while self._accept(","):
            names.append(self._take("word").text)
        return names

    def _any_of(self) -> Condition:
        options = [self._all_of()]
        while self._accept("or"):
            options.append(self._all_of())
        return options[0] if len(options) == 1 else lambda row: any(one(row) for one in options)

    def _all_of(self) -> Condition:
        needs = [self._one()]
        while self._accept("and"):
            needs.append(self._one())
        return needs[0] if len(needs) == 1 else lambda row: all(one(row) for one in needs)

    def _one(self) -> Condition:
        if self._accept("not"):
            refused = self._one()
            return lambda row: not refused(row)
        if self._accept("("):
            inner = self._any_of()
            self._expect(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Condition:
        field = self._object.field(self._take("word").text)
        if self._accept("not"):
            self._expect("in")
            excluded = self._values()
            return lambda row: _folded(row.get(field)) not in excluded
        if self._accept("in"):
            listed = self._values()
            return lambda row: _folded(row.get(field)) in listed
        if self._accept("like"):
            pattern = _like(self._value())
            return lambda row: bool(pattern.fullmatch(str(row.get(field) or "")))
        return _compared(field, self._take("sign").text, _folded(self._value()))

    def _values(self) -> set[Any]:
        self._expect("(")
        values = {_folded(self._value())}
        while self._accept(","):
            values.add(_folded(self._value()))
        self._expect(")")
        return values

    def _value(self) -> Any:
        token = self._next()
        if token.kind == "text":
            return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), token.text[1:-1])
        if token.kind == "number":
            return float(token.text)
        if token.kind == "moment":
            return token.text.replace("Z", "+0000")
        if token.text.lower() in _CONSTANTS:
            return _CONSTANTS[token.text.lower()]
        raise malformed(f"unexpected token: {token.text}")

    def _ordered(self, rows: list[Row]) -> list[Row]:
        if not self._accept("order"):
            return rows
        self._expect("by")
        field = self._object.field(self._take("word").text)
        backwards = self._accept("desc")
        if not backwards:
            self._accept("asc")
        having = [row for row in rows if row.get(field) is not None]
        lacking = [row for row in rows if row.get(field) is None]
        return lacking + sorted(having, key=lambda row: _folded(row[field]), reverse=backwards)

    def _amount(self, word: str) -> int | None:
        return int(float(self._take("number").text)) if self._accept(word) else None

    def _next(self) -> _Token:
        if self._at == len(self._tokens):
            raise malformed("unexpected end of the query")
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, kind: str) -> _Token:
        token = self._next()
        if token.kind != kind:
            raise malformed(f"unexpected token: {token.text}")
        return token

    def _accept(self, word: str) -> bool:
        here: Sequence[_Token] = self._tokens[self._at : self._at + 1]
        found = bool(here) and here[0].kind in ("word", "sign") and here[0].text.lower() == word
        self._at += found
        return found

    def _expect(self, word: str) -> None:
        if not self._accept(word):
            raise malformed(f"expecting '{word}'")


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
