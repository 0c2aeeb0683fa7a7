"""How the interface writes times, durations and sizes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

NOTHING = "\N{EN DASH}"
MINUTE_S = 60
HOUR_S = 60 * MINUTE_S
DAY_S = 24 * HOUR_S
UNITS = ((DAY_S, "d"), (HOUR_S, "h"), (MINUTE_S, "min"), (1, "s"))
# Older moments are shown as a date: it says more than an age.
OLD_S = 30 * DAY_S


def _largest_unit(span_s: float) -> str:
    for size_s, name in UNITS:
        if span_s >= size_s:
            return f"{int(span_s // size_s)} {name}"
    return "0 s"


def relative(moment: datetime, now: datetime) -> str:
    """ "3 min ago" or "in 2 h"; a date in the current time zone when it is more than 30 days away."""
    span_s = (now - moment).total_seconds()
    if abs(span_s) >= OLD_S:
        local = timezone.localtime(moment)
        return f"{local.day} {local:%b %Y}"
    if abs(span_s) < 5:
        return "just now"
    text = _largest_unit(round(abs(span_s)))
    return f"{text} ago" if span_s > 0 else f"in {text}"


def exact(moment: datetime) -> str:
    """The moment in the current time zone, to the second, with the zone's name."""
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S %Z}"


def machine(moment: datetime) -> str:
    """The moment in UTC, in RFC 3339 format, to the second."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def duration(span: float | timedelta | None) -> str:
    """A duration in at most two units: 850 ms, 12 s, 3 min 4 s, 2 h 5 min, 3 d 4 h. A float is in seconds."""
    if span is None:
        return NOTHING
    span_s = span.total_seconds() if isinstance(span, timedelta) else float(span)
    if 0 < span_s < 0.9995:
        return f"{max(1, round(span_s * 1000))} ms"
    rest_s, parts = int(max(span_s, 0) + 0.0005), []
    for size_s, name in UNITS:
        count, rest_s = divmod(rest_s, size_s)
        parts.append((count, name))
    first = next((index for index, (count, _) in enumerate(parts) if count), len(parts) - 1)
    shown = [f"{count} {name}" for count, name in parts[first : first + 2] if count]
    return " ".join(shown) or "0 s"


def filesize(size_bytes: float | None) -> str:
    return NOTHING if size_bytes is None else filesizeformat(size_bytes)


def pretty_json(value: Any) -> str:
    """JSON indented by two spaces; values that JSON cannot represent become text."""
    return orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode()


def initials(name: str) -> str:
    """One or two capital letters: "Ada Lovelace" and "ada.lovelace" give AL."""
    words = [word for word in name.replace(".", " ").replace("_", " ").replace("-", " ").split() if word]
    letters = [word[0] for word in (words[:1] + words[1:][-1:])]
    return "".join(letters).upper() or "?"


def storable(text: str) -> str:
    """``text`` without NUL characters and lone surrogates, which external output may contain and databases reject."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
