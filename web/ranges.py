"""The time range of a chart, read from the URL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.http import QueryDict
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from web.errors import Invalid

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


def parse_range(name: str, start: str, end: str, now: datetime, default: str = DEFAULT_RANGE) -> TimeRange:
    """Parse ``?range=7d``, or ``?from=…&to=…`` in ISO 8601 with a zone; ``default`` applies if all are empty.

    Raises Invalid if the range cannot be parsed.
    """
    if start or end:
        return _between(start, end, now)
    chosen = name or default
    if chosen not in RANGES:
        raise _invalid(f"Unknown range {chosen[:40]!r}. Choose one of: {', '.join(RANGES)}.")
    return TimeRange(chosen, now - RANGES[chosen], now)


def midnight(day: date) -> datetime:
    """The start of the UTC day."""
    return datetime.combine(day, time(), UTC)


def _between(start: str, end: str, now: datetime) -> TimeRange:
    first = _moment(start, "from") if start else None
    last = _moment(end, "to") if end else now
    if first is None:
        raise _invalid("A range with an end needs a start, for example from=2026-01-31T00:00:00Z.")
    if first >= last:
        raise _invalid("The end of a range must be after its start.")
    return TimeRange("custom", first, last)


def _moment(text: str, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise _invalid(f"{name}={text[:40]!r} is not a time with a zone, for example 2026-01-31T00:00:00Z.")
    return moment


def _invalid(text: str) -> Invalid:
    return Invalid({"range": [text]})


LABELS = {"1h": "1 hour", "24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days"}


@dataclass(frozen=True)
class RangeLink:
    label: str
    url: str
    active: bool


def range_links(query: QueryDict, chosen: TimeRange, offered: tuple[str, ...] = tuple(RANGES)) -> list[RangeLink]:
    """One link for each name in ``offered``; other query parameters are kept."""
    links = []
    for name in offered:
        changed = query.copy()
        for key in ("range", "from", "to", "format"):
            changed.pop(key, None)
        changed["range"] = name
        links.append(RangeLink(LABELS[name], f"?{changed.urlencode()}", name == chosen.name))
    return links


FROM = OpenApiParameter("from", str, description="Start of the range in ISO 8601 with a zone; replaces `range`.")

TO = OpenApiParameter("to", str, description="End of the range in ISO 8601 with a zone; defaults to now.")


def asked_range(request: Request, default: str) -> TimeRange:
    """The time range of an API request. Raises Invalid if it cannot be parsed."""
    given = request.query_params
    return parse_range(given.get("range", ""), given.get("from", ""), given.get("to", ""), timezone.now(), default)
