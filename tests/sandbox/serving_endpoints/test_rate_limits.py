from __future__ import annotations

from sandbox.serving_endpoints.traffic.rate_limits import RateLimiter

PER_ENDPOINT = [{"calls": 2, "key": "endpoint", "renewal_period": "minute"}]
PER_USER = [{"calls": 1, "key": "user", "renewal_period": "minute"}]


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_calls_over_the_limit_wait_until_the_oldest_is_a_minute_old() -> None:
    clock = Clock()
    limiter = RateLimiter(clock)
    assert limiter.retry_after_s("e", "ann", PER_ENDPOINT) is None
    clock.now_s += 10
    assert limiter.retry_after_s("e", "ben", PER_ENDPOINT) is None

    assert limiter.retry_after_s("e", "ann", PER_ENDPOINT) == 50
    clock.now_s += 50
    assert limiter.retry_after_s("e", "ann", PER_ENDPOINT) is None


def test_a_limit_per_user_counts_each_user_alone() -> None:
    limiter = RateLimiter(Clock())
    assert limiter.retry_after_s("e", "ann", PER_USER) is None

    assert limiter.retry_after_s("e", "ann", PER_USER) == 60
    assert limiter.retry_after_s("e", "ben", PER_USER) is None
    assert limiter.retry_after_s("another endpoint", "ann", PER_USER) is None


def test_a_limit_of_zero_lets_nothing_pass_and_a_limit_for_another_principal_everything() -> None:
    limiter = RateLimiter(Clock())

    assert limiter.retry_after_s("e", "ann", [{"calls": 0, "key": "endpoint"}]) == 60
    assert limiter.retry_after_s("e", "ann", [{"calls": 0, "key": "user", "principal": "ben"}]) is None
