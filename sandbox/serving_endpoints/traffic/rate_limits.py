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
        buckets = []
        for limit in limits:
            # A limit with a principal applies to that principal only.
            if limit.get("calls") is None or limit.get("principal") not in (None, "", user_name):
                continue
            key = (endpoint_id,) if limit.get("key", "endpoint") == "endpoint" else (endpoint_id, user_name)
            buckets.append((self._calls.setdefault(key, deque()), limit["calls"]))
        now = self._clock()
        for calls, allowed in buckets:
            while calls and calls[0] <= now - WINDOW_S:
                calls.popleft()
            if len(calls) >= allowed:
                return calls[0] + WINDOW_S - now if calls else WINDOW_S
        for calls in {id(calls): calls for calls, _ in buckets}.values():
            calls.append(now)
        return None
