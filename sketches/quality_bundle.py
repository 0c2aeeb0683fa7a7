"""Builds the quality job as one file for the workspace, and parses the last line of its output."""

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
    """Counts of one version and UTC day."""

    version: str
    day: date
    predictions: int
    with_id: int
    labelled: int
    #: Labels that have a time.
    timed: int
    #: The sum of the delays of the ``timed`` labels after their predictions, in seconds.
    delay_s: float
    #: (predicted, actual, predictions)
    pairs: list[tuple[str, str, int]]
    #: {key of ``SUMS``: sum}
    sums: dict[str, float]


@dataclass(frozen=True)
class Found:
    """The report of a job."""

    #: "no_labels" (the label table does not exist or cannot be read) or "no_column": nothing was counted. Else "".
    problem: str = ""
    #: Columns that the label table lacks.
    missing: tuple[str, ...] = ()
    #: Columns that the label table has.
    has: tuple[str, ...] = ()
    labels: int = 0
    newest_label: datetime | None = None
    days: tuple[FoundDay, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)


def script(wanted: Mapping[str, Any]) -> bytes:
    """The file that runs quality.py with the arguments ``wanted``. Deterministic."""
    return bundle.script(wanted, PARTS)


def read(output: str) -> Found | None:
    """The report in the last line of the output. None if there is no valid report."""
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
