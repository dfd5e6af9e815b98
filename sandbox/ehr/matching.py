"""Whether a resource passes a filter, and the ids a filter leads to where an index knows them."""

import unicodedata
from collections.abc import Callable, Iterable
from typing import Any

from sandbox.ehr.dates import (
    BEGINNING,
    COMPARISONS,
    END,
    Interval,
    interval,
    interval_of_element,
    split_prefix,
)
from sandbox.ehr.outcomes import Refusal
from sandbox.ehr.parameters import Kind, Parameter, elements
from sandbox.ehr.query import Filter, split_token, unescaped
from sandbox.ehr.references import relative
from sandbox.ehr.store import Store
from sandbox.ehr.tokens import token_of
from sandbox.records import Resource

Test = Callable[[Any], bool]
"""Whether one element of a resource is what was asked for."""

_NAME_PARTS = ("text", "family", "given", "prefix", "suffix")
_ADDRESS_PARTS = ("line", "city", "district", "state", "postalCode", "country")


def led_to(store: Store, type_: str, asked: Filter) -> Iterable[str] | None:
    """The ids that pass *asked*, from an index; None where each resource must be looked at."""
    if asked.name == "_id":
        return [id_ for id_ in dict.fromkeys(map(unescaped, asked.values)) if store.get(type_, id_)]
    if asked.name == "_lastUpdated":
        return _updated(store, type_, asked)
    parameter = asked.parameter
    if parameter is None or asked.modifier in ("missing", "not", "identifier"):
        return None
    if parameter.kind is Kind.REFERENCE:
        keys: Iterable[str] = _targets(store, parameter, asked)
    elif asked.name == "identifier":
        keys = [_identifier(value) for value in asked.values]
    else:
        return None
    index = store.index(type_, asked.name)
    return dict.fromkeys(id_ for key in keys for id_ in index.get(key, ()))


def passes(store: Store, asked: Filter) -> Callable[[Resource], bool]:
    """The test of a whole resource for *asked*.

    Raises:
        Refusal: 400, a value of the filter can't be read.
    """
    parameter = asked.parameter
    if parameter is None:
        raise ValueError(f"`{asked.name}` is always looked up")
    if asked.modifier == "missing":
        wanted = _boolean(asked)
        return lambda resource: (not elements(resource, parameter)) == wanted
    tests = [_test(store, parameter.kind, asked, value) for value in asked.values]
    negated = asked.modifier == "not"

    def passed(resource: Resource) -> bool:
        found = any(test(element) for element in elements(resource, parameter) for test in tests)
        return found != negated

    return passed


def _test(store: Store, kind: Kind, asked: Filter, value: str) -> Test:
    if kind is Kind.TOKEN:
        return token_of(*split_token(value)).matches
    if kind is Kind.DATE:
        prefix, wanted = _date(store, asked, value)
        return _dated(store, prefix, wanted)
    if kind is Kind.STRING:
        return _worded(unescaped(value), asked.modifier)
    logical = token_of(*split_token(value))
    return lambda element: isinstance(element, dict) and logical.matches(element.get("identifier"))


def _dated(store: Store, prefix: str, wanted: Interval) -> Test:
    def test(element: Any) -> bool:
        found = interval_of_element(element, store.zone)
        return found is not None and COMPARISONS[prefix](wanted, found)

    return test


def _worded(text: str, modifier: str) -> Test:
    if modifier == "exact":
        return lambda element: text in _words(element)
    plain = _plain(text)
    if modifier == "contains":
        return lambda element: any(plain in _plain(word) for word in _words(element))
    return lambda element: any(_plain(word).startswith(plain) for word in _words(element))


def _words(element: Any) -> list[str]:
    if isinstance(element, str):
        return [element]
    parts = (
        [element.get(name) for name in (*_NAME_PARTS, *_ADDRESS_PARTS)] if isinstance(element, dict) else []
    )
    return [word for part in parts if part for word in (part if isinstance(part, list) else [part])]


def _plain(text: str) -> str:
    """*text* without case and accents, as string parameters compare (R4, search.html#string)."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in apart if not unicodedata.combining(sign))


def _date(store: Store, asked: Filter, value: str) -> tuple[str, Interval]:
    prefix, text = split_prefix(value)
    try:
        return prefix, interval(text, store.zone)
    except ValueError:
        raise Refusal(
            400,
            "value",
            f"parameter `{asked.name}` is not a FHIR date; give YYYY-MM-DD or an instant with its offset",
        ) from None


def _updated(store: Store, type_: str, asked: Filter) -> list[str]:
    found: dict[str, None] = {}
    for value in asked.values:
        prefix, wanted = _date(store, asked, value)
        found |= dict.fromkeys(store.updates(type_).between(*_range(prefix, wanted)))
    return list(found)


def _range(prefix: str, wanted: Interval) -> tuple[Any, Any]:
    """The [start, end) of the instants *prefix* asks for; as these have no width, a range says it all."""
    if prefix == "ne":
        raise Refusal(400, "not-supported", "parameter `_lastUpdated` does not take the prefix `ne`")
    if prefix in ("gt", "sa"):
        return wanted.end, END
    if prefix in ("lt", "eb"):
        return BEGINNING, wanted.start
    start = BEGINNING if prefix == "le" else wanted.start
    return start, END if prefix == "ge" else wanted.end


def _targets(store: Store, parameter: Parameter, asked: Filter) -> list[str]:
    targets = (asked.modifier,) if asked.modifier else parameter.targets
    keys = []
    for value in map(unescaped, asked.values):
        local = relative(value, store.base)
        keys += [local] if "/" in local or ":" in local else [f"{target}/{local}" for target in targets]
    allowed = tuple(f"{target}/" for target in targets)
    return [key for key in keys if not allowed or key.startswith((*allowed, "urn:"))]


def _identifier(value: str) -> str:
    system, code = split_token(value)
    return code if system is None else f"{system}|{code}"


def _boolean(asked: Filter) -> bool:
    if asked.values in (("true",), ("false",)):
        return asked.values == ("true",)
    raise Refusal(400, "value", f"parameter `{asked.name}:missing` is `true` or `false`")
