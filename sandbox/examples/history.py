"""Sends a month of past requests to an endpoint: ``python -m sandbox.examples.history MODEL ENDPOINT``.

The rows are those of the training data. Most requests are on working days. On a Wednesday a client sends a wrong column
for two hours. In the last week the churn model gets other customers than before. The outcome of a loan is known a week
later, in a table of the team.
Reads MLFLOW_TRACKING_URI. A second run sends only what is missing.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from sandbox.examples.control import post
from sandbox.examples.dataset import as_request, graded, load
from sandbox.examples.registry import CATALOGS

DAYS = 30
HOUR_MS = 3_600_000
OPENS, CLOSES, WEDNESDAY, FRIDAY = 6, 18, 2, 4
# The share of requests with a wrong column: in general, and in the two hours.
MISTAKES, BAD_MISTAKES, BAD_HOURS = 0.01, 0.4, (14, 15)
# For applications with outcomes: the share of requests with one row, and the delay of the outcome.
SINGLE, KNOWN_AFTER_DAYS = 0.7, 7


@dataclass(frozen=True)
class Application:
    """The traffic of one example model."""

    frame: Callable[[], pd.DataFrame]
    target: str
    #: The approximate number of requests in a working hour.
    busy: int
    #: The approximate number of requests in any other hour.
    quiet: int
    #: The minimum and maximum number of rows in a request.
    rows: tuple[int, int]
    #: In this number of last days, all rows come from ``unusual``.
    unusual_days: int = 0
    unusual: Callable[[pd.DataFrame], pd.DataFrame] = lambda frame: frame
    #: The outcome of each row. With it, most requests have one row and an id, by which the outcome is reported later.
    is_bad: Callable[[pd.DataFrame], pd.Series] | None = None


@dataclass(frozen=True)
class Asked:
    """One past request."""

    at_ms: int
    body: dict[str, Any]
    #: 1 or 0; None if the outcome is never known.
    outcome: int | None = None


def _loans() -> pd.DataFrame:
    frame = load("modeldata", "credit_data")
    return frame.dropna(subset=list(frame.select_dtypes(exclude="number").columns))


APPLICATIONS = {
    "fraud.credit_default": Application(
        _loans, "Status", busy=6, quiet=1, rows=(4, 14), is_bad=lambda frame: frame["Status"] == "bad"
    ),
    "support.churn_risk": Application(
        lambda: load("modeldata", "mlc_churn"),
        "churn",
        busy=4,
        quiet=1,
        rows=(4, 14),
        unusual_days=6,
        # Customers with long daytime calls, or with many calls to the service desk.
        unusual=lambda frame: frame[(frame.total_day_minutes > 215) | (frame.number_customer_service_calls >= 4)],
    ),
    # One clerk requests a few prices in the morning; the endpoint is up all day.
    "pricing.diamond_price": Application(
        lambda: graded(load("ggplot2", "diamonds").sample(5000, random_state=7)),
        "price",
        busy=0,
        quiet=0,
        rows=(1, 4),
    ),
}


def main() -> int:
    model, endpoint = sys.argv[1:3]
    now = datetime.now(UTC)
    asked = list(past_requests(APPLICATIONS[model], now))
    requests = [{"at_ms": one.at_ms, "body": one.body} for one in asked]
    written = post("inference_tables/history", {"endpoint": endpoint, "requests": requests})
    print(f"{endpoint}: {written} requests of the last {DAYS} days answered", flush=True)
    if known := outcomes(asked, now):
        table = f"{CATALOGS[0]}.{model}_outcomes"
        post("tables", {"full_name": table, "rows": known, "times": ["known_at"]})
        print(f"{table}: {len(known)} outcomes", flush=True)
    return 0


def past_requests(application: Application, now: datetime) -> Iterator[Asked]:
    """Oldest first, up to the last full hour. Deterministic within an hour."""
    chance = random.Random(7)  # noqa: S311 - which rows and minutes, not a secret
    frame = application.frame()
    usual, unusual = (_Source(application, rows) for rows in (frame, application.unusual(frame)))
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    for hours_ago in range(DAYS * 24, 0, -1):
        hour = this_hour - timedelta(hours=hours_ago)
        days_ago = hours_ago // 24
        source = unusual if days_ago < application.unusual_days else usual
        is_bad = 7 <= days_ago < 14 and hour.weekday() == WEDNESDAY and hour.hour in BAD_HOURS
        mistakes = BAD_MISTAKES if is_bad else MISTAKES
        for offset_ms in sorted(chance.sample(range(HOUR_MS), _asked_in(application, hour, chance))):
            yield source.request(int(hour.timestamp() * 1000) + offset_ms, chance, mistakes)


class _Source:
    """Rows for requests, and their outcomes."""

    def __init__(self, application: Application, frame: pd.DataFrame) -> None:
        table = as_request(frame.drop(columns=application.target))["dataframe_split"]
        self._columns, self._data = table["columns"], table["data"]
        self._rows = application.rows
        self._bad = application.is_bad(frame).astype(int).to_list() if application.is_bad else []

    def request(self, at_ms: int, chance: random.Random, mistakes: float) -> Asked:
        is_single = bool(self._bad) and chance.random() < SINGLE
        chosen = chance.sample(range(len(self._data)), 1 if is_single else chance.randint(*self._rows))
        is_mistake = chance.random() < mistakes
        columns = ["wrong", *self._columns[1:]] if is_mistake else self._columns
        body: dict[str, Any] = {"dataframe_split": {"columns": columns, "data": [self._data[row] for row in chosen]}}
        if not is_single:
            return Asked(at_ms, body)
        return Asked(at_ms, body | {"client_request_id": f"loan-{at_ms}"}, self._bad[chosen[0]])


def outcomes(asked: Iterable[Asked], now: datetime) -> list[dict[str, Any]]:
    """The outcomes known at ``now``: {"client_request_id", "is_bad", "known_at"}, times in Unix ms."""
    later_ms, now_ms = KNOWN_AFTER_DAYS * 24 * HOUR_MS, int(now.timestamp() * 1000)
    return [
        {"client_request_id": one.body["client_request_id"], "is_bad": one.outcome, "known_at": one.at_ms + later_ms}
        for one in asked
        if one.outcome is not None and one.at_ms + later_ms <= now_ms
    ]


def _asked_in(application: Application, hour: datetime, chance: random.Random) -> int:
    is_working_day = hour.weekday() <= FRIDAY
    if not application.busy:
        return int(is_working_day and hour.hour == OPENS + 3)
    usual = application.busy if is_working_day and OPENS <= hour.hour < CLOSES else application.quiet
    return chance.randint(usual // 2, usual + (usual + 1) // 2)


if __name__ == "__main__":
    sys.exit(main())
