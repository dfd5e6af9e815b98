"""How often a source is asked: within quotas and what it says is left, and with few retries."""

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.calling import Allowance, Quota, rate_limit_headers, usage_header
from sources.calling.budget import RetryBudget
from sources.calling.pacing import LONGEST_REST_S, Pace, Window
from sources.crm.hubspot.allowance import hubspot_allowance

GAPS = st.lists(st.floats(0, 30, allow_nan=False), max_size=80)


@given(GAPS, st.integers(1, 9), st.sampled_from([0.5, 1.0, 10.0, 86_400.0]))
def test_in_no_period_are_there_more_requests_than_the_quota(
    gaps: list[float], limit: int, period_s: float
) -> None:
    window = Window(Quota(limit, period_s))
    now, made = 1000.0, []
    for gap in gaps:
        now += gap * period_s / 20
        now += window.wait(now)
        # A wait may end a hair early on a clock of floats; whoever waits looks again.
        while (more := window.wait(now)) > 0:
            now += more
        window.take(now)
        made.append(now)

    for first in made:
        assert sum(first <= at < first + period_s for at in made) <= limit


@given(st.integers(1, 50), st.sampled_from([1.0, 10.0, 86_400.0]))
def test_a_quota_not_used_up_makes_nobody_wait_and_a_used_one_not_long(limit: int, period_s: float) -> None:
    window = Window(Quota(limit, period_s))
    for _ in range(limit):
        assert window.wait(5.0) == 0
        window.take(5.0)

    assert 0 < window.wait(5.0) <= period_s * 34 / 32


def test_a_window_remembers_no_more_of_a_million_requests_than_of_a_few() -> None:
    window = Window(Quota(10**9, 86_400.0))
    for n in range(200_000):
        window.wait(n * 0.9)
        window.take(n * 0.9)

    assert len(window._slots) <= 34


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def paced(clock: Callable[[], float], *quotas: Quota) -> Pace:
    return Pace(quotas, rate_limit_headers, clock)


def test_what_the_source_says_is_left_counts_until_it_says_there_is_more() -> None:
    clock = Clock()
    pace = paced(clock)
    pace.learn({"x-ratelimit-remaining": "2", "x-ratelimit-reset": "8"})
    waits = []
    for _ in range(3):
        waits.append(pace.wait())
        pace.take()
    clock.now += 8.0

    assert waits == [0, 0, 8.0]
    assert pace.wait() == 0


def test_an_older_answer_that_comes_late_does_not_end_a_rest() -> None:
    clock = Clock()
    pace = paced(clock)
    pace.rest(5.0)
    pace.learn({"x-ratelimit-remaining": "90", "x-ratelimit-reset": "8"})

    assert pace.wait() == 5.0


@pytest.mark.parametrize("asked", [61.0, 3600.0, 10.0**9])
def test_no_source_can_send_us_away_for_longer_than_a_minute_at_once(asked: float) -> None:
    pace = paced(Clock())
    pace.rest(asked)

    assert pace.wait() == LONGEST_REST_S


def test_the_longest_wait_of_several_quotas_counts() -> None:
    clock = Clock()
    pace = paced(clock, Quota(1, 1.0), Quota(1, 100.0))
    pace.take()

    assert pace.wait() > 90


@given(st.lists(st.booleans(), max_size=300), st.floats(0, 1), st.integers(0, 20))
def test_retries_are_a_share_of_the_calls_and_a_few_besides(
    events: list[bool], ratio: float, burst: int
) -> None:
    budget = RetryBudget(ratio, burst)
    calls = retries = 0
    for is_call in events:
        if is_call:
            calls += 1
            budget.called()
        elif budget.spend():
            retries += 1

    assert retries <= burst + ratio * calls + 1e-6


def test_a_quiet_source_has_its_burst_of_retries_and_no_more_saved_up() -> None:
    budget = RetryBudget(0.1, 3)
    for _ in range(1000):
        budget.called()

    assert [budget.spend() for _ in range(5)] == [True, True, True, False, False]


@pytest.mark.parametrize(
    ("headers", "allowance"),
    [
        ({}, None),
        ({"x-ratelimit-remaining": "7"}, Allowance(7, None)),
        ({"x-ratelimit-remaining": "7", "x-ratelimit-reset": "2.5"}, Allowance(7, 2.5)),
        ({"ratelimit-remaining": " 0 ", "ratelimit-reset": "30"}, Allowance(0, 30.0)),
        ({"x-ratelimit-remaining": "-1"}, None),
        ({"x-ratelimit-remaining": "many"}, None),
        ({"x-ratelimit-remaining": "٣"}, None),
        ({"x-ratelimit-remaining": "1", "x-ratelimit-reset": "1000000001"}, Allowance(1, 0.0)),
    ],
)
def test_common_headers_say_what_is_left(headers: dict[str, str], allowance: Allowance | None) -> None:
    assert rate_limit_headers(headers) == allowance


def test_a_reset_may_be_an_instant() -> None:
    at = str(int(time.time()) + 100)
    allowance = rate_limit_headers({"x-ratelimit-remaining": "0", "x-ratelimit-reset": at})

    assert allowance is not None
    assert allowance.left == 0
    assert allowance.resets_in_s is not None
    assert 90 < allowance.resets_in_s <= 100


@pytest.mark.parametrize(
    ("value", "allowance"),
    [
        ("api-usage=18/5000", Allowance(4732)),
        ("api-usage=4750/5000", Allowance(0)),
        ("api-usage=6000/5000", Allowance(0)),
        ("api-usage=10/100, per-app-api-usage=17/250(appName=x)", Allowance(85)),
        ("api-usage=many", None),
        ("", None),
    ],
)
def test_a_usage_header_leaves_a_share_to_others(value: str, allowance: Allowance | None) -> None:
    assert usage_header("sforce-limit-info")({"sforce-limit-info": value}) == allowance


@given(st.text(max_size=40))
def test_any_header_is_a_quota_or_says_nothing(value: str) -> None:
    for allowance in (
        rate_limit_headers({"x-ratelimit-remaining": value, "x-ratelimit-reset": value}),
        usage_header("u")({"u": value}),
        hubspot_allowance(
            {"x-hubspot-ratelimit-remaining": value, "x-hubspot-ratelimit-daily-remaining": value}
        ),
    ):
        assert allowance is None or allowance.left >= 0


@pytest.mark.parametrize(
    ("headers", "allowance"),
    [
        ({}, None),
        ({"remaining": "99", "interval-milliseconds": "10000"}, Allowance(99, 10.0)),
        ({"remaining": "99"}, Allowance(99, None)),
        ({"remaining": "99", "daily-remaining": "0"}, Allowance(0)),
        ({"remaining": "99", "daily-remaining": "5", "interval-milliseconds": "10000"}, Allowance(99, 10.0)),
    ],
)
def test_hubspot_says_what_is_left_of_ten_seconds_and_of_the_day(
    headers: dict[str, str], allowance: Allowance | None
) -> None:
    assert hubspot_allowance({f"x-hubspot-ratelimit-{name}": it for name, it in headers.items()}) == allowance
