"""Owns the reading of history Bundles: what was deleted, and what it was before (R4, http.html#history)."""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec
from msgspec import UNSET, Raw, UnsetType

from sources.calling import Nonconforming, Reader

_Skipped = Raw | UnsetType


class _Request(msgspec.Struct, frozen=True):
    method: str
    url: str


class _Response(msgspec.Struct, frozen=True, rename="camel"):
    last_modified: str | None = None
    etag: str | None = None


class _Link(msgspec.Struct, frozen=True):
    relation: str
    url: str


class _Entry(msgspec.Struct, frozen=True, rename="camel"):
    request: _Request | None = None
    response: _Response | None = None
    resource: _Skipped = UNSET


class _History(msgspec.Struct, frozen=True, tag_field="resourceType", tag="Bundle"):
    type: Literal["history"]
    entry: tuple[_Entry, ...] = ()
    link: tuple[_Link, ...] = ()


_HISTORY = Reader[_History](_History, "Bundle")


class Version(NamedTuple):
    """One version of a resource: its id and when it came to be; a deleted one has no `body`."""

    id: str
    at: str | None
    version: str | None
    body: bytes | None
    is_deleted: bool = False


class History(NamedTuple):
    """A page of a history, newest first, and the link to the next one."""

    versions: list[Version]
    next: str | None


def history(type_: str, body: bytes | memoryview) -> History:
    """The history in *body* of resources of that type.

    Raises:
        Nonconforming: it is none, or has an entry that does not say of what.
    """
    bundle = _HISTORY.read(body)
    following = (link.url for link in bundle.link if link.relation == "next")
    return History([_version(type_, entry) for entry in bundle.entry], next(following, None))


def _version(type_: str, entry: _Entry) -> Version:
    request = entry.request
    named = request.url.partition("/_history/")[0].split("/")[-2:] if request is not None else []
    if request is None or len(named) != 2 or named[0] != type_:
        raise Nonconforming("Bundle.entry.request: does not say of which resource")
    response = entry.response or _Response()
    is_deleted = request.method == "DELETE"
    body = None if is_deleted or isinstance(entry.resource, UnsetType) else bytes(entry.resource)
    etag = (response.etag or "").removeprefix("W/").strip('"') or None
    return Version(named[1], response.last_modified, etag, body, is_deleted)
