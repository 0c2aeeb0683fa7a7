"""The job that counts labels as one file for the workspace, and what it says as the portal reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from sketches import bundle

PARTS = (*bundle.PARTS, "quality")
SUMS = ("error", "absolute", "squared")
REASON_CHARS = 200


@dataclass(frozen=True)
class FoundDay:
    """Counts of one version and UTC day. ``pairs`` are (predicted, actual, predictions), ``sums`` those of ``SUMS``.

    ``delay_s`` is the sum over ``timed`` labels of how long after their predictions they came.
    """

    version: str
    day: date
    predictions: int
    with_id: int
    labelled: int
    timed: int
    delay_s: float
    pairs: list[tuple[str, str, int]]
    sums: dict[str, float]


@dataclass(frozen=True)
class Found:
    """``problem`` is "", "no_labels" (no such table, or not to be read) or "no_column"; then nothing was counted.

    ``missing`` columns the label table lacks, ``has`` are those it has. ``newest_label`` is UTC.
    """

    problem: str = ""
    missing: tuple[str, ...] = ()
    has: tuple[str, ...] = ()
    labels: int = 0
    newest_label: datetime | None = None
    days: tuple[FoundDay, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)


def script(wanted: Mapping[str, Any]) -> bytes:
    """The file that counts what is ``wanted``; see quality.py. The same for the same."""
    return bundle.script(wanted, PARTS)


def read(output: str) -> Found | None:
    """What the last line of the output says; None if there is none that can be read."""
    return bundle.read_as(output, _found)


def _found(report: Mapping[str, Any]) -> Found:
    if report.get("problem"):
        names = ([str(name) for name in report.get(key) or ()] for key in ("columns", "has"))
        missing, has = (tuple(listed) for listed in names)
        return Found(problem=str(report["problem"]), missing=missing, has=has)
    labels = report["labels"]
    newest = labels["newest"]
    return Found(
        labels=int(labels["count"]),
        newest_label=datetime.fromisoformat(newest).astimezone(UTC) if newest else None,
        days=tuple(_day(item) for item in report["days"]),
        skipped={str(reason)[:REASON_CHARS]: int(count) for reason, count in report["skipped"].items()},
    )


def _day(item: Mapping[str, Any]) -> FoundDay:
    pairs = [(*json.loads(pair), int(count)) for pair, count in sorted(item["pairs"].items())]
    return FoundDay(
        version=str(item["version"]),
        day=date.fromisoformat(item["day"]),
        predictions=int(item["predictions"]),
        with_id=int(item["with_id"]),
        labelled=int(item["labelled"]),
        timed=int(item["timed"]),
        delay_s=float(item["delay_s"]),
        pairs=[(str(predicted), str(actual), count) for predicted, actual, count in pairs],
        sums={name: float(item[name]) for name in SUMS},
    )
