"""Rate limits in calls per minute: of the AI gateway and of the older rate-limits call."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

WINDOW_S = 60.0


class RateLimiter:
    """Counts calls in a sliding minute for each endpoint or, depending on the limit, for each caller."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._calls: dict[tuple[str, ...], deque[float]] = {}

    def retry_after_s(self, endpoint_id: str, user_name: str, limits: list[dict[str, Any]]) -> float | None:
        """None if the call is allowed, which counts it; otherwise the seconds to wait."""
        buckets = [
            (self._bucket(endpoint_id, user_name, limit), limit["calls"])
            for limit in limits
            if limit.get("calls") is not None and _concerns(limit, user_name)
        ]
        now = self._clock()
        for calls, allowed in buckets:
            while calls and calls[0] <= now - WINDOW_S:
                calls.popleft()
            if len(calls) >= allowed:
                return calls[0] + WINDOW_S - now if calls else WINDOW_S
        for calls in {id(calls): calls for calls, _ in buckets}.values():
            calls.append(now)
        return None

    def _bucket(self, endpoint_id: str, user_name: str, limit: dict[str, Any]) -> deque[float]:
        key = (endpoint_id,) if limit.get("key", "endpoint") == "endpoint" else (endpoint_id, user_name)
        return self._calls.setdefault(key, deque())


def _concerns(limit: dict[str, Any], user_name: str) -> bool:
    """Whether the limit applies to the user. A limit with a principal applies to that principal only."""
    return limit.get("principal") in (None, "", user_name)
