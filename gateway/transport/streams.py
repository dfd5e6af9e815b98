"""The event streams that are open in this process, and how they learn that it stops."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Streams:
    """Servers wait for open responses before they stop; a stream may have no end, so it is given one."""

    def __init__(self) -> None:
        self._open: set[asyncio.Timeout] = set()
        self._is_stopping = False

    def is_stopping(self) -> bool:
        """Whether streams end now because the process does."""
        return self._is_stopping

    def stop(self) -> None:
        """End what is open; nothing may be opened any more."""
        self._is_stopping = True
        now = asyncio.get_running_loop().time()
        for limit in self._open:
            if not limit.expired():
                limit.reschedule(now)

    @contextmanager
    def holding(self, limit: asyncio.Timeout) -> Iterator[None]:
        """The stream that *limit* bounds is open for the block; inside `async with limit`."""
        self._open.add(limit)
        try:
            yield
        finally:
            self._open.discard(limit)
