"""So many streams may be open, of one client and in all."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from gateway.errors import Code, RequestError
from gateway.streaming import OpenStreams
from gateway.telemetry import Metrics


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def refused(metrics: Metrics, bound: str) -> float | None:
    return metrics.registry.get_sample_value("caregraph_streams_refused_total", {"bound": bound})


def test_each_client_has_room_of_its_own(metrics: Metrics) -> None:
    streams = OpenStreams(10, 1, metrics)

    with (
        streams.held("one"),
        streams.held("another"),
        pytest.raises(RequestError) as full,
        streams.held("one"),
    ):
        pass

    assert full.value.code is Code.REQUEST_RATE_LIMITED
    assert (refused(metrics, "client"), refused(metrics, "process")) == (1, None)


def test_all_clients_share_what_there_is_in_all(metrics: Metrics) -> None:
    streams = OpenStreams(2, 10, metrics)

    with (
        streams.held("one"),
        streams.held("another"),
        pytest.raises(RequestError),
        streams.held("a third"),
    ):
        pass

    assert (refused(metrics, "client"), refused(metrics, "process")) == (None, 1)


def test_room_is_made_however_a_stream_ends(metrics: Metrics) -> None:
    streams = OpenStreams(1, 1, metrics)
    with pytest.raises(KeyError), streams.held("one"):
        raise KeyError

    with ExitStack() as held:
        held.enter_context(streams.held("one"))
        with pytest.raises(RequestError), streams.held("one"):
            pass

    with streams.held("another"):
        pass
