"""A month of requests to an endpoint, answered by its model now: ``python -m sandbox.examples.history MODEL ENDPOINT``.

The rows are real: those of the data set that the model was trained with. People ask on working days; on a Wednesday a
client sends a wrong column for two hours; in the last week other customers than before call the model of churn.
Reads MLFLOW_TRACKING_URI. Run again it sends what is missing.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pandas as pd

from sandbox.examples.dataset import as_request, graded, load

DAYS = 30
HOUR_MS = 3_600_000
OPENS, CLOSES, WEDNESDAY, FRIDAY = 6, 18, 2, 4
TIMEOUT_S = 300
# A client that sends a wrong column: how often always, and how often in its two hours.
MISTAKES, BAD_MISTAKES, BAD_HOURS = 0.01, 0.4, (14, 15)


@dataclass(frozen=True)
class Application:
    """``busy`` and ``quiet``: requests in an hour of work and in another, about; ``rows``: how many are in a request.

    In the last ``unusual_days`` the rows come from ``unusual`` alone.
    """

    frame: Callable[[], pd.DataFrame]
    busy: int
    quiet: int
    rows: tuple[int, int]
    unusual_days: int = 0
    unusual: Callable[[pd.DataFrame], pd.DataFrame] = lambda frame: frame


def _loans() -> pd.DataFrame:
    frame = load("modeldata", "credit_data").drop(columns="Status")
    return frame.dropna(subset=list(frame.select_dtypes(exclude="number").columns))


def _customers() -> pd.DataFrame:
    return load("modeldata", "mlc_churn").drop(columns="churn")


def _callers(customers: pd.DataFrame) -> pd.DataFrame:
    """Customers who talk much by day, or call the service often."""
    return customers[(customers.total_day_minutes > 215) | (customers.number_customer_service_calls >= 4)]


def _diamonds() -> pd.DataFrame:
    return graded(load("ggplot2", "diamonds").drop(columns="price").head(5000))


APPLICATIONS = {
    "fraud.credit_default": Application(_loans, busy=5, quiet=1, rows=(4, 14)),
    "support.churn_risk": Application(_customers, busy=4, quiet=1, rows=(4, 14), unusual_days=6, unusual=_callers),
    # One clerk asks for a few prices in the morning; the endpoint is up all day.
    "pricing.diamond_price": Application(_diamonds, busy=0, quiet=0, rows=(1, 4)),
}


def main() -> int:
    model, endpoint = sys.argv[1:3]
    requests = list(past_requests(APPLICATIONS[model], datetime.now(UTC)))
    url = f"{os.environ['MLFLOW_TRACKING_URI']}/_sandbox/inference_tables/history"
    answer = httpx.post(url, json={"endpoint": endpoint, "requests": requests}, timeout=TIMEOUT_S)
    written = answer.raise_for_status().json()["rows"]
    print(f"{endpoint}: {written} requests of the last {DAYS} days answered", flush=True)
    return 0


def past_requests(application: Application, now: datetime) -> Iterator[dict[str, Any]]:
    """{"at_ms", "body"} in the order of time, up to the last full hour. The same for the same hour."""
    chance = random.Random(7)  # noqa: S311 - which rows and minutes, not a secret
    frame = application.frame()
    usual, unusual = (as_request(rows)["dataframe_split"] for rows in (frame, application.unusual(frame)))
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    for hours_ago in range(DAYS * 24, 0, -1):
        hour = this_hour - timedelta(hours=hours_ago)
        days_ago = hours_ago // 24
        table = unusual if days_ago < application.unusual_days else usual
        is_bad = 7 <= days_ago < 14 and hour.weekday() == WEDNESDAY and hour.hour in BAD_HOURS
        mistakes = BAD_MISTAKES if is_bad else MISTAKES
        for offset_ms in sorted(chance.sample(range(HOUR_MS), _asked_in(application, hour, chance))):
            data = chance.sample(table["data"], chance.randint(*application.rows))
            columns = ["wrong", *table["columns"][1:]] if chance.random() < mistakes else table["columns"]
            body = {"dataframe_split": {"columns": columns, "data": data}}
            yield {"at_ms": int(hour.timestamp() * 1000) + offset_ms, "body": body}


def _asked_in(application: Application, hour: datetime, chance: random.Random) -> int:
    is_working_day = hour.weekday() <= FRIDAY
    if not application.busy:
        return int(is_working_day and hour.hour == OPENS + 3)
    usual = application.busy if is_working_day and OPENS <= hour.hour < CLOSES else application.quiet
    return chance.randint(usual // 2, usual + (usual + 1) // 2)


if __name__ == "__main__":
    sys.exit(main())
