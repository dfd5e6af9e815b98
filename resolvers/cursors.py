"""Cursors: opaque to clients. One that bookmarks a source's search is sealed and bound to that search.

A source's bookmark may hold what was searched for, so it leaves the house only encrypted; and a cursor made
for one search by one grant opens no other.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hashlib import sha256

import msgspec
from cryptography.fernet import Fernet, InvalidToken

from resolvers.faults import BadInput


class Place(msgspec.Struct, frozen=True, array_like=True):
    """A place in a search: *skip* rows into the page that *bookmark* opens (None: the first page)."""

    bookmark: str | None
    skip: int


class _Sealed(msgspec.Struct, frozen=True, array_like=True):
    search: str
    place: Place


class Seal:
    """Seals places with a key that all instances of the gateway share."""

    def __init__(self, secret: bytes) -> None:
        self._fernet = Fernet(urlsafe_b64encode(sha256(b"cursor:" + secret).digest()))

    def close(self, search: str, place: Place) -> str:
        """The cursor for *place* in *search*, a text that stands for the search and who may make it."""
        return self._fernet.encrypt(msgspec.msgpack.encode(_Sealed(search, place))).decode()

    def open(self, search: str, cursor: str) -> Place:
        """The place a cursor of this search stands for.

        Raises:
            BadInput: it is no cursor of this search.
        """
        try:
            sealed = msgspec.msgpack.decode(self._fernet.decrypt(cursor), type=_Sealed)
        except (InvalidToken, ValueError, TypeError):
            raise BadInput("`after` is no cursor of ours; use one that this search gave") from None
        if sealed.search != search:
            raise BadInput("`after` is a cursor of another search; start this one without it")
        return sealed.place
