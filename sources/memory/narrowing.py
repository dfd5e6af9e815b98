"""Owns FHIR search parameters over records in memory: tokens, references and dates. Pure."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sources.model import CodeableConcept, Coding, Period, Reference, Resource
from sources.ports import Narrowing

_TOKENS = {
    "category": "category",
    "class": "class_",
    "clinical-status": "clinical_status",
    "code": "code",
    "intent": "intent",
    "status": "status",
    "type": "type",
}
_REFERENCES = {"encounter": "encounter", "appointment": "appointment"}
_DATES = {
    "_lastUpdated": ("last_updated",),
    "date": (
        "date",
        "effective_date_time",
        "effective_period",
        "occurrence_date_time",
        "performed_date_time",
        "performed_period",
        "period",
    ),
    "onset-date": ("onset_date_time",),
    "recorded-date": ("recorded_date",),
}
"""The parameters that are known, and the attributes each looks at."""

_DATE = re.compile(r"(eq|ge|gt|le|lt)?([0-9].*)")
_EVER = datetime.max.replace(tzinfo=UTC)
_NEVER = datetime.min.replace(tzinfo=UTC)


class UnknownParameter(Exception):
    """A search parameter that is not known here; the message is its name."""


def passes(row: Resource, narrowing: Narrowing) -> bool:
    """Whether *row* matches one of the values of every parameter.

    Raises:
        UnknownParameter: a parameter is not known here.
    """
    return all(any(_matches(row, name, value) for value in values) for name, values in narrowing.parameters)


def _matches(row: Resource, name: str, value: str) -> bool:
    if name in _TOKENS:
        return any(_is_token(coding, value) for coding in _codings(getattr(row, _TOKENS[name], None)))
    if name in _REFERENCES:
        id_ = value.rpartition("/")[2]
        return any(reference.id == id_ for reference in _references(row, _REFERENCES[name]))
    if name in _DATES:
        spans = [_span(getattr(row, attribute, None)) for attribute in _DATES[name]]
        return any(_is_when(span, value) for span in spans if span is not None)
    raise UnknownParameter(name)


def _codings(value: Any) -> Iterable[Coding]:
    if isinstance(value, str):
        yield Coding(code=value)
    elif isinstance(value, Coding):
        yield value
    elif isinstance(value, CodeableConcept):
        yield from value.coding
    elif isinstance(value, tuple):
        for item in value:
            yield from _codings(item)


def _is_token(coding: Coding, value: str) -> bool:
    """`code`, `system|code`, `|code` (no system) or `system|` (R4 search, 3.1.1.5.10)."""
    system, bar, code = value.rpartition("|")
    if bar and (coding.system or "") != system:
        return False
    return not code or coding.code == code


def _references(row: Resource, attribute: str) -> tuple[Reference, ...]:
    value = getattr(row, attribute, None)
    if value is None:
        value = getattr(getattr(row, "context", None), attribute, None)
    return value if isinstance(value, tuple) else () if value is None else (value,)


class _Span(NamedTuple):
    """From `start`, up to but without `end`."""

    start: datetime
    end: datetime


def _span(value: Any) -> _Span | None:
    if isinstance(value, Period):
        start = _span(value.start)
        end = _span(value.end)
        return _Span(start.start if start else _NEVER, end.end if end else _EVER)
    return _span_of(value) if isinstance(value, str) else None


def _span_of(text: str) -> _Span:
    """What a FHIR date or dateTime covers, by its precision; without an offset it is UTC."""
    if "T" in text:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return _Span(moment, moment + timedelta(milliseconds=1))
    year, month, day = (int(part) for part in [*text.split("-"), "0", "0"][:3])
    start = datetime(year, month or 1, day or 1, tzinfo=UTC)
    if day:
        return _Span(start, start + timedelta(days=1))
    if month:
        return _Span(start, start + timedelta(days=monthrange(year, month)[1]))
    return _Span(start, start.replace(year=year + 1))


def _is_when(span: _Span, value: str) -> bool:
    """The prefixes of R4 search, 3.1.1.4.7."""
    match = _DATE.fullmatch(value)
    if match is None:
        return False
    asked = _span_of(match[2])
    is_within = asked.start <= span.start and span.end <= asked.end
    tests = {
        "eq": is_within,
        "ge": is_within or span.end > asked.end,
        "gt": span.end > asked.end,
        "le": is_within or span.start < asked.start,
        "lt": span.start < asked.start,
    }
    return tests[match[1] or "eq"]
