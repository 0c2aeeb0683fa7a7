"""Comparing the answers of two versions to the same request."""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import Any

from deployments.rollouts.judging import View
from integrations.metrics import Window

# Upper bounds in ms, as coarse as those of the endpoint's metrics.
BOUNDS_MS = (1, 2, 5, 10, 20, 35, 50, 75, 100, 150, 200, 300, 500, 750, 1000, 2000, 5000, 10_000, 30_000, 60_000)
RELATIVE_TOLERANCE = 1e-6


def window_of(status_code: int, latency_ms: float) -> Window:
    """One answer as a window of one request."""
    first = bisect_left(BOUNDS_MS, latency_ms)
    latency = {float(bound): float(index >= first) for index, bound in enumerate(BOUNDS_MS)} | {math.inf: 1.0}
    return Window(1, float(400 <= status_code < 500), float(status_code >= 500), latency)


def view_of(old: tuple[int, float], new: tuple[int, float]) -> View:
    """One request, sent to both: each side is (status code, latency in ms)."""
    return View(window_of(*old), window_of(*new))


def differ(one: Any, other: Any) -> bool:
    """Whether two decoded answers differ by more than rounding."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() != other.keys() or any(differ(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) != len(other) or any(map(differ, one, other))
    if _is_number(one) and _is_number(other):
        return not math.isclose(one, other, rel_tol=RELATIVE_TOLERANCE, abs_tol=RELATIVE_TOLERANCE)
    return bool(one != other)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
