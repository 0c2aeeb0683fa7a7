"""Durations in Go's format: 45m, 1h30m, 90s, 500ms."""

from __future__ import annotations

import re

_UNIT_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")


def parse_duration_s(text: str) -> float:
    """The duration in seconds. Raises ValueError if ``text`` is not a duration."""
    if not re.fullmatch(f"(?:{_PART.pattern})+", text):
        raise ValueError(f"{text!r} is not a duration such as 45m or 1h30m")
    return sum(float(number) * _UNIT_S[unit] for number, unit in _PART.findall(text))
