"""Owns batch Bundles: many questions in one request, and the answer of each (https://hl7.org/fhir/R4/http.html#transaction).

Pure. The questions stand in the body, so that no key of theirs is in a URL that anybody logs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType

from sources.calling import Nonconforming, Reader, Reply

_Skipped = Raw | UnsetType
_STATUS = re.compile(r"[1-5][0-9]{2}(?=\Z|[ \t])")


class _Part(msgspec.Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True, rename="camel"):
    id: _Skipped = UNSET
    extension: _Skipped = UNSET


class _Response(_Part, frozen=True, kw_only=True, gc=False):
    status: str
    location: _Skipped = UNSET
    etag: _Skipped = UNSET
    last_modified: _Skipped = UNSET
    outcome: _Skipped = UNSET


class _Entry(_Part, frozen=True, kw_only=True, gc=False):
    response: _Response
    resource: _Skipped = UNSET
    full_url: _Skipped = UNSET
    link: _Skipped = UNSET
    search: _Skipped = UNSET


class _Responses(_Part, frozen=True, kw_only=True, gc=False, tag_field="resourceType", tag="Bundle"):
    type: Literal["batch-response"]
    entry: tuple[_Entry, ...] = ()
    link: _Skipped = UNSET
    meta: _Skipped = UNSET
    language: _Skipped = UNSET
    identifier: _Skipped = UNSET
    timestamp: _Skipped = UNSET
    total: _Skipped = UNSET
    signature: _Skipped = UNSET


_RESPONSES = Reader[_Responses](_Responses, "Bundle")


def batch_of(urls: Sequence[str]) -> dict[str, Any]:
    """The batch Bundle that gets each of *urls*, which are relative to the server's base."""
    entries = [{"request": {"method": "GET", "url": url}} for url in urls]
    return {"resourceType": "Bundle", "type": "batch", "entry": entries}


def replies_in(body: bytes | memoryview, count: int) -> list[Reply]:
    """The answers to the *count* questions of a batch, in their order, as if each had come by itself.

    Raises:
        Nonconforming: it is no such Bundle, or has not as many entries as there were questions.
    """
    entries = _RESPONSES.read(body).entry
    if len(entries) != count:
        raise Nonconforming("Bundle.entry: not as many as there were questions")
    return [_reply(entry) for entry in entries]


def _reply(entry: _Entry) -> Reply:
    status = _STATUS.match(entry.response.status)
    if status is None:
        raise Nonconforming("Bundle.entry.response.status: malformed")
    told = entry.resource if entry.resource is not UNSET else entry.response.outcome
    return Reply(int(status[0]), {}, b"" if isinstance(told, UnsetType) else bytes(told))
