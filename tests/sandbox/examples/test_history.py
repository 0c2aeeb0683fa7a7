from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from statistics import mean

import pytest

from sandbox.examples.history import APPLICATIONS, Asked, outcomes, past_requests

# A Monday, in the middle of an hour.
NOW = datetime(2026, 11, 23, 7, 40, tzinfo=UTC)
MONTH_AGO_MS = int((NOW - timedelta(days=31)).timestamp() * 1000)


def values(requests: list[Asked], column: str) -> list[float]:
    found = []
    for split in (request.body["dataframe_split"] for request in requests):
        if column in split["columns"]:
            found += [row[split["columns"].index(column)] for row in split["data"]]
    return found


@cache
def month_of(model: str) -> list[Asked]:
    return list(past_requests(APPLICATIONS[model], NOW))


@pytest.mark.parametrize("model", APPLICATIONS)
def test_a_month_of_requests_is_in_order_and_over(model: str) -> None:
    requests = month_of(model)
    moments = [request.at_ms for request in requests]
    assert moments == sorted(set(moments))
    assert moments[0] > MONTH_AGO_MS
    assert moments[-1] < NOW.replace(minute=0).timestamp() * 1000
    json.dumps([request.body for request in requests[:5]], allow_nan=False)


def test_other_customers_call_in_the_last_days_only() -> None:
    requests = month_of("support.churn_risk")
    since_ms = (NOW - timedelta(days=6)).timestamp() * 1000
    minutes = [
        mean(values([request for request in requests if (request.at_ms >= since_ms) is late], "total_day_minutes"))
        for late in (False, True)
    ]
    assert minutes[1] > 1.2 * minutes[0]


def test_a_client_has_two_bad_hours() -> None:
    requests = month_of("fraud.credit_default")
    wrong = [request for request in requests if "wrong" in request.body["dataframe_split"]["columns"]]
    assert 0 < len(wrong) < len(requests) * 0.05


def test_the_endpoint_that_wastes_money_is_asked_once_on_a_working_day() -> None:
    requests = month_of("pricing.diamond_price")
    assert requests == list(past_requests(APPLICATIONS["pricing.diamond_price"], NOW))
    days = [datetime.fromtimestamp(request.at_ms / 1000, UTC) for request in requests]
    assert len({day.date() for day in days}) == len(days) == 20
    assert all(day.weekday() < 5 for day in days)


def test_outcomes_are_known_a_week_later_and_of_single_loans_only() -> None:
    requests = month_of("fraud.credit_default")
    known = outcomes(requests, NOW)
    by_id = {request.body.get("client_request_id"): request for request in requests}
    assert len(known) > 500
    assert {row["is_bad"] for row in known} == {0, 1}
    assert max(row["known_at"] for row in known) <= NOW.timestamp() * 1000
    for row in known:
        request = by_id[row["client_request_id"]]
        assert len(request.body["dataframe_split"]["data"]) == 1
        assert row["known_at"] - request.at_ms == timedelta(days=7).total_seconds() * 1000
    assert not outcomes(month_of("support.churn_risk"), NOW)
