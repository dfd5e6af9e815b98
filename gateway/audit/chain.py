"""The chain of records: each one's hash covers the one before it. Pure."""

from __future__ import annotations

from hashlib import sha256
from hmac import compare_digest, digest
from typing import NamedTuple

FORMAT = 1
"""The version of the trail's format; another one has other hashes."""


class Head(NamedTuple):
    """Where a chain stands after record `seq`; `hash` covers that record and all before it."""

    seq: int
    hash: bytes

    def then(self, body: bytes) -> Head:
        """Where it stands after one more record: SHA-256 over the last hash, the number and the record."""
        seq = self.seq + 1
        return Head(seq, sha256(self.hash + seq.to_bytes(8, "big") + body).digest())


def beginning(chain: str) -> Head:
    """Before the first record of the chain of that name."""
    return Head(0, sha256(f"caregraph audit trail {FORMAT} {chain}".encode()).digest())


class Span(NamedTuple):
    """A part of a chain that is kept together: what comes after `begin`, up to `end`.

    `is_closed`: nothing may be added; the chain goes on elsewhere.
    """

    chain: str
    begin: Head
    end: Head
    is_closed: bool


class Seals:
    """What only a holder of the secret can put under a span, or a checkpoint. Without it, who can write a
    trail could write another from scratch."""

    def __init__(self, secret: bytes) -> None:
        self._key = digest(secret, b"audit seal", sha256)

    def of(self, span: Span) -> bytes:
        chain, begin, end, is_closed = span
        text = f"{chain} {begin.seq} {begin.hash.hex()} {end.seq} {end.hash.hex()} {int(is_closed)}"
        return digest(self._key, text.encode(), sha256)

    def holds(self, span: Span, seal: bytes) -> bool:
        """Whether *seal* was made for *span* with our secret."""
        return compare_digest(self.of(span), seal)
