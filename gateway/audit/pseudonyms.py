"""Pseudonyms: the same person gets the same one, and only a holder of the secret can tell whose it is."""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from hmac import digest

KEPT = 32_768
"""How many pseudonyms of each kind are remembered."""

PREFIX = "pseudonym:"
"""Stands before a pseudonym where something else could stand too."""


BLOCK = 64
"""The block of SHA-256, in bytes."""


class Pseudonyms:
    """HMAC-SHA-256, cut to 96 bits, of an id of each kind; an id and an MRN that are equal differ here."""

    def __init__(self, secret: bytes) -> None:
        key = digest(secret, b"audit pseudonyms", sha256)
        self.patient = _remembered(key, "patient")
        self.chart = _remembered(key, "chart")
        self.user = _remembered(key, "user")
        self.record = _remembered(key, "record")


def _remembered(key: bytes, kind: str) -> Callable[[str], str]:
    # HMAC by its definition (RFC 2104), begun once: `hmac` would take the key in anew for each patient.
    inner = sha256(bytes(byte ^ 0x36 for byte in key.ljust(BLOCK, b"\0")) + f"{kind}:".encode())
    outer = sha256(bytes(byte ^ 0x5C for byte in key.ljust(BLOCK, b"\0")))

    def pseudonym(of: str) -> str:
        first, second = inner.copy(), outer.copy()
        first.update(of.encode())
        second.update(first.digest())
        return b2a_base64(second.digest()[:12], newline=False).decode()

    return lru_cache(maxsize=KEPT)(pseudonym)
