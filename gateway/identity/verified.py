"""What was found out about tokens, kept by their hash and never longer than they are valid."""

from __future__ import annotations

from collections import OrderedDict

from gateway.identity.refusals import Refusal
from policies import Actor


class Verified:
    """A bounded memory: the least recently seen token goes first. Keys are SHA-256 digests, never tokens."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[bytes, tuple[float, Actor | Refusal]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, digest: bytes, now: float) -> Actor | Refusal | None:
        """What is known of the token, and still holds."""
        kept = self._kept.get(digest)
        if kept is None:
            return None
        if now >= kept[0]:
            del self._kept[digest]
            return None
        self._kept.move_to_end(digest)
        return kept[1]

    def keep(self, digest: bytes, found: Actor | Refusal, until: float) -> None:
        self._kept[digest] = (until, found)
        self._kept.move_to_end(digest)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def forget(self) -> None:
        """A key was withdrawn: what it vouched for is to be verified again."""
        self._kept.clear()
