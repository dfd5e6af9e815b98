"""Owns `$filter` as far as the stand-in understands it: comparisons, `and`, `or`, `not`, and In(). Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from sandbox.crm.dynamics.contacts import Row, column
from sandbox.crm.dynamics.refusals import malformed

Condition: TypeAlias = Callable[[Row], bool]

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')"
    r"|(?P<guid>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"
    r"|(?P<number>-?[0-9]+(?:\.[0-9]+)?)"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_.]*)"
    r"|(?P<sign>[(),=\[\]]))"
)
_CONSTANTS = {"true": True, "false": False, "null": None}
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "gt": lambda mine, asked: mine > asked,
    "ge": lambda mine, asked: mine >= asked,
    "lt": lambda mine, asked: mine < asked,
    "le": lambda mine, asked: mine <= asked,
}


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str


def condition(text: str) -> Condition:
    """What a row must be to pass the filter *text*.

    Raises:
        Refused: it is no filter, or names a column that is not there.
    """
    return _Parser(text).whole()


def _tokens(text: str) -> list[_Token]:
    found, at = [], 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise malformed(f"Syntax error at position {at} in the filter.")
        found.append(_Token(match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return found


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0

    def whole(self) -> Condition:
        found = self._any_of()
        if self._at < len(self._tokens):
            raise malformed(f"Syntax error near '{self._tokens[self._at].text}'.")
        return found

    def _any_of(self) -> Condition:
        options = [self._all_of()]
        while self._accept("or"):
            options.append(self._all_of())
        return lambda row: any(one(row) for one in options)

    def _all_of(self) -> Condition:
        needs = [self._one()]
        while self._accept("and"):
            needs.append(self._one())
        return lambda row: all(one(row) for one in needs)

    def _one(self) -> Condition:
        if self._accept("not"):
            refused = self._one()
            return lambda row: not refused(row)
        if self._accept("("):
            inner = self._any_of()
            self._expect(")")
            return inner
        if self._accept("Microsoft.Dynamics.CRM.In"):
            return self._in()
        return self._comparison()

    def _in(self) -> Condition:
        """`In(PropertyName='…',PropertyValues=['…','…'])`"""
        self._expect("(")
        self._expect("PropertyName")
        self._expect("=")
        name = column(str(self._value()))
        self._expect(",")
        self._expect("PropertyValues")
        self._expect("=")
        self._expect("[")
        values = {str(self._value()).casefold()}
        while self._accept(","):
            values.add(str(self._value()).casefold())
        self._expect("]")
        self._expect(")")
        return lambda row: row[name] is not None and str(row[name]).casefold() in values

    def _comparison(self) -> Condition:
        name = column(self._take("word"))
        operator = self._take("word")
        value = _folded(self._value())
        if operator in ("eq", "ne"):
            return lambda row: (_folded(row[name]) == value) is (operator == "eq")
        if operator not in _COMPARE or value is None:
            raise malformed(f"Syntax error near '{operator}'.")
        test = _COMPARE[operator]
        return lambda row: type(_folded(row[name])) is type(value) and test(_folded(row[name]), value)

    def _value(self) -> Any:
        token = self._next()
        if token.kind == "text":
            return token.text[1:-1].replace("''", "'")
        if token.kind == "guid":
            return token.text.lower()
        if token.kind == "number":
            return float(token.text)
        if token.text in _CONSTANTS:
            return _CONSTANTS[token.text]
        raise malformed(f"Syntax error near '{token.text}'.")

    def _next(self) -> _Token:
        if self._at == len(self._tokens):
            raise malformed("Expression expected at the end of the filter.")
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, kind: str) -> str:
        token = self._next()
        if token.kind != kind:
            raise malformed(f"Syntax error near '{token.text}'.")
        return token.text

    def _accept(self, text: str) -> bool:
        here = self._tokens[self._at : self._at + 1]
        found = bool(here) and here[0].kind in ("word", "sign") and here[0].text == text
        self._at += found
        return found

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            raise malformed(f"'{text}' expected in the filter.")


def _folded(value: Any) -> Any:
    """Text compares without regard to case, whole numbers as any others."""
    if isinstance(value, str):
        return value.casefold()
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
