"""The time range of a chart, as it stands in the URL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

RANGES = {
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
}
DEFAULT_RANGE = "24h"


@dataclass(frozen=True)
class TimeRange:
    """``[start, end)`` in UTC. ``name`` is a key of RANGES, or "custom"."""

    name: str
    start: datetime
    end: datetime

    @property
    def width(self) -> timedelta:
        return self.end - self.start


class RangeInvalid(ValueError):
    """The text is for people."""


def parse_range(name: str, start: str, end: str, now: datetime, default: str = DEFAULT_RANGE) -> TimeRange:
    """``?range=7d``, or ``?from=…&to=…`` in ISO 8601 with a zone; ``default`` if nothing is asked.

    Raises RangeInvalid.
    """
    if start or end:
        return _between(start, end, now)
    chosen = name or default
    if chosen not in RANGES:
        raise RangeInvalid(f"The range {chosen[:40]!r} is none of {', '.join(RANGES)}.")
    return TimeRange(chosen, now - RANGES[chosen], now)


def _between(start: str, end: str, now: datetime) -> TimeRange:
    first = _moment(start, "from") if start else None
    last = _moment(end, "to") if end else now
    if first is None:
        raise RangeInvalid("A range with an end needs a start: from=2026-01-31T00:00:00Z.")
    if first >= last:
        raise RangeInvalid("A range ends after it starts.")
    return TimeRange("custom", first, last)


def _moment(text: str, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise RangeInvalid(f"{name}={text[:40]!r} is no time with a zone, such as 2026-01-31T00:00:00Z.")
    return moment
