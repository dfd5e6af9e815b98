"""The streams that are open in this process: how many there may be, of one client and in all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.errors import Code, Fault, RequestError
from gateway.telemetry import Metrics

OF_CLIENT = "This client has {most} streams open, as many as it may have. Close one before you open another."
OF_ALL = "As many streams are open here as there may be. Try again later."


class OpenStreams:
    """Counts subscriptions, by whichever way they came: *most* in all, *most_of_client* of one client."""

    def __init__(self, most: int, most_of_client: int, metrics: Metrics) -> None:
        self._most = most
        self._most_of_client = most_of_client
        self._metrics = metrics
        self._by_client: Counter[str] = Counter()

    @contextmanager
    def held(self, client_id: str) -> Iterator[None]:
        """One stream of a client is open for as long as the block runs.

        Raises:
            RequestError: there are too many.
        """
        if self._by_client[client_id] >= self._most_of_client:
            raise self._refused("client", OF_CLIENT.format(most=self._most_of_client))
        if self._by_client.total() >= self._most:
            raise self._refused("process", OF_ALL)
        self._by_client[client_id] += 1
        try:
            yield
        finally:
            self._by_client[client_id] -= 1
            if not self._by_client[client_id]:
                del self._by_client[client_id]

    def _refused(self, bound: str, words: str) -> RequestError:
        self._metrics.streams_refused.labels(bound).inc()
        return RequestError(Code.REQUEST_RATE_LIMITED, [Fault(words)])
