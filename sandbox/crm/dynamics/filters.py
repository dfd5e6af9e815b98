"""Owns `$filter` as far as the stand-in understands it: comparisons, `and`, `or`, `not`, and In(). Pure."""

import re
from collections.abc import Callable
from typing import Any

from sandbox.crm.conditions import Condition, Reader
from sandbox.crm.dynamics.contacts import column
from sandbox.crm.dynamics.refusals import malformed

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


def condition(text: str) -> Condition:
    """What a row must be to pass the filter *text*.

    Raises:
        Refused: it is no filter, or names a column that is not there.
    """
    return _Parser(text).whole()


class _Parser(Reader):
    def __init__(self, text: str) -> None:
        super().__init__(text, _TOKEN, malformed)

    def whole(self) -> Condition:
        found = self.condition()
        self.end()
        return found

    def _in(self) -> Condition:
        """`In(PropertyName='…',PropertyValues=['…','…'])`"""
        self.expect("(")
        self.expect("PropertyName")
        self.expect("=")
        name = column(str(self._value()))
        self.expect(",")
        self.expect("PropertyValues")
        self.expect("=")
        self.expect("[")
        values = {str(self._value()).casefold()}
        while self.accept(","):
            values.add(str(self._value()).casefold())
        self.expect("]")
        self.expect(")")
        return lambda row: row[name] is not None and str(row[name]).casefold() in values

    def comparison(self) -> Condition:
        if self.accept("Microsoft.Dynamics.CRM.In"):
            return self._in()
        name = column(self.take("word"))
        operator = self.take("word")
        value = _folded(self._value())
        if operator in ("eq", "ne"):
            return lambda row: (_folded(row[name]) == value) is (operator == "eq")
        if operator not in _COMPARE or value is None:
            raise self.unexpected(operator)
        test = _COMPARE[operator]
        return lambda row: type(_folded(row[name])) is type(value) and test(_folded(row[name]), value)

    def _value(self) -> Any:
        token = self.next()
        if token.kind == "text":
            return token.text[1:-1].replace("''", "'")
        if token.kind == "guid":
            return token.text.lower()
        if token.kind == "number":
            return float(token.text)
        if token.text in _CONSTANTS:
            return _CONSTANTS[token.text]
        raise self.unexpected(token.text)


def _folded(value: Any) -> Any:
    """Text compares without regard to case, whole numbers as any others."""
    if isinstance(value, str):
        return value.casefold()
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
