"""Owns the frames of MLLP: VT, a message, FS, CR; whatever lies between frames is no message."""

from __future__ import annotations

from collections.abc import Iterator

VT, FS, CR = b"\x0b", b"\x1c", b"\r"
_END = FS + CR


class TooLong(Exception):
    """A frame does not end within what one may hold."""


def framed(message: bytes) -> bytes:
    """*message* in its frame."""
    return VT + message + _END


class Frames:
    """Cuts what one connection sends into messages of at most *limit* bytes, however it comes in parts."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._searched = 0
        self.strays = 0
        """Bytes outside of frames, which were passed over. Ends of lines there are usual, and not counted."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The messages that are whole with *data*.

        Raises:
            TooLong: what comes is longer than a message may be; the connection is of no more use.
        """
        self._buffer += data
        while self._is_begun():
            end = self._buffer.find(_END, self._searched)
            if (end if end >= 0 else len(self._buffer) - 1) - 1 > self._limit:
                raise TooLong
            if end < 0:
                self._searched = max(len(self._buffer) - 1, 1)
                return
            message = bytes(self._buffer[1:end])
            del self._buffer[: end + 2]
            self._searched = 0
            yield message

    def _is_begun(self) -> bool:
        """Whether the buffer begins with a frame; what comes before one is dropped."""
        if self._buffer[:1] == VT:
            return True
        begin = self._buffer.find(VT)
        stray = self._buffer if begin < 0 else self._buffer[:begin]
        self.strays += len(stray) - stray.count(b"\r") - stray.count(b"\n")
        del self._buffer[: len(stray)]
        self._searched = 0
        return begin >= 0
