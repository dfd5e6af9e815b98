"""Owns bookmarks of a search: a server's link to the next page, without what the search itself holds.

A link may repeat the search's own parameters, names and birth dates among them. Their values are left out and
put back from the search when it goes on, so that a bookmark says nothing of a person.
"""

from __future__ import annotations

import base64
import binascii
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec

from sources.fhir.asking import Parameters


class _Bookmark(msgspec.Struct, frozen=True, array_like=True):
    """`path` is behind the origin; a parameter without a value has that of the search."""

    path: str
    parameters: list[tuple[str, str | None]]


class BadBookmark(Exception):
    """A bookmark is not one of ours, or does not belong to the search."""


def bookmark_of(link: str, search: Parameters) -> str:
    """The bookmark for *link*, an absolute URL, as the next page of *search*."""
    parts = urlsplit(link)
    own = {name for name, _ in search}
    parameters = [
        (name, None if name.partition(":")[0] in own else value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    ]
    packed = msgspec.json.encode(_Bookmark(parts.path, parameters))
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def link_of(bookmark: str, base_url: str, search: Parameters) -> str:
    """The link that *bookmark* was made of, at the origin of *base_url*, for the same *search*.

    Raises:
        BadBookmark: it is not one of ours, leads away from *base_url*, or is of another search.
    """
    base = urlsplit(base_url)
    unpacked = _unpacked(bookmark)
    if not _is_below(unpacked.path, base.path.rstrip("/")):
        raise BadBookmark
    own = dict(search)
    pairs: Parameters = []
    for name, value in unpacked.parameters:
        kept = own.get(name.partition(":")[0]) if value is None else value
        if kept is None:
            raise BadBookmark
        pairs.append((name, kept))
    return f"{base.scheme}://{base.netloc}{unpacked.path}?{urlencode(pairs)}"


def _unpacked(bookmark: str) -> _Bookmark:
    try:
        packed = base64.b64decode(bookmark + "=" * (-len(bookmark) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(packed, type=_Bookmark)
    except (binascii.Error, ValueError):
        raise BadBookmark from None


def _is_below(path: str, root: str) -> bool:
    """Whether *path* stays below *root*, with no step back and nothing that ends it early."""
    steps = path.split("/")
    return (
        (path == root or path.startswith(f"{root}/")) and ".." not in steps and not set(path) & set("?#@\\")
    )
