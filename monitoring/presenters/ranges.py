"""The switch of the time range above charts."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import QueryDict

from monitoring.specs import RANGES, TimeRange

LABELS = {"1h": "1 hour", "24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days"}


@dataclass(frozen=True)
class RangeLink:
    label: str
    url: str
    active: bool


def range_links(query: QueryDict, chosen: TimeRange, offered: tuple[str, ...] = tuple(RANGES)) -> list[RangeLink]:
    """One link for each range that is offered; what else stands in the URL stays."""
    links = []
    for name in offered:
        changed = query.copy()
        for key in ("range", "from", "to", "format"):
            changed.pop(key, None)
        changed["range"] = name
        links.append(RangeLink(LABELS[name], f"?{changed.urlencode()}", name == chosen.name))
    return links
