"""What is reckoned from days: forecasts, changes, rates."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from monitoring.cost.costing import (
    Spent,
    change,
    daily_rate,
    forecast,
    month_before,
    month_to_date,
    monthly_rate,
    period_of,
)

D = Decimal
NOVEMBER = date(2026, 11, 1)


def at(text):
    return datetime.fromisoformat(text)


def flat(first, last, cost="10"):
    days = (last - first).days + 1
    return [Spent(first + timedelta(days=number), 1, "serving", D(cost)) for number in range(days)]


def test_a_flat_month_is_carried_on_to_its_end():
    period = period_of(NOVEMBER, at("2026-11-20T12:00:00+00:00"), date(2026, 11, 20))
    rows = [*flat(date(2026, 10, 20), date(2026, 11, 19)), Spent(date(2026, 11, 20), 1, "serving", D(3))]
    assert month_to_date(rows, period) == D(193)
    assert forecast(rows, period) == D(300)


def test_a_day_that_has_cost_more_than_usual_is_not_forgotten():
    period = period_of(NOVEMBER, at("2026-11-30T12:00:00+00:00"), date(2026, 11, 30))
    rows = [*flat(NOVEMBER, date(2026, 11, 29)), Spent(date(2026, 11, 30), 1, "serving", D(500))]
    assert forecast(rows, period) == D(790)


def test_on_the_first_day_the_month_before_tells_the_rate():
    period = period_of(date(2026, 12, 1), at("2026-12-01T01:00:00+00:00"), date(2026, 11, 30))
    rows = flat(date(2026, 11, 20), date(2026, 11, 30))
    assert month_to_date(rows, period) == 0
    assert forecast(rows, period) == D(310)


def test_without_a_complete_day_nobody_knows():
    assert forecast([], period_of(NOVEMBER, at("2026-11-20T12:00:00+00:00"), None)) is None
    assert daily_rate([], None) is None
    assert monthly_rate([], None) is None


def test_a_month_that_is_over_is_what_it_cost():
    period = period_of(date(2026, 10, 5), at("2026-11-20T12:00:00+00:00"), date(2026, 11, 20))
    rows = flat(date(2026, 10, 1), date(2026, 11, 5))
    assert (period.is_over, period.today, forecast(rows, period)) == (True, date(2026, 10, 31), D(310))


def test_a_month_whose_last_day_is_still_billed_is_not_over():
    period = period_of(date(2026, 10, 1), at("2026-11-01T02:00:00+00:00"), date(2026, 10, 31))
    assert not period.is_over
    assert forecast(flat(date(2026, 10, 1), date(2026, 10, 30)), period) == D(310)


def test_billing_that_lags_is_carried_on_from_its_last_complete_day():
    period = period_of(NOVEMBER, at("2026-11-20T12:00:00+00:00"), date(2026, 11, 11))
    assert forecast(flat(date(2026, 11, 1), date(2026, 11, 10)), period) == D(300)


@pytest.mark.parametrize(
    ("now", "today"),
    [
        ("2026-11-30T23:59:59+00:00", date(2026, 11, 30)),
        ("2026-12-01T00:00:01+00:00", date(2026, 11, 30)),
        ("2026-12-01T00:30:00+01:00", date(2026, 11, 30)),
        ("2026-11-01T08:00:00+09:00", NOVEMBER),
        ("2026-11-02T08:00:00+09:00", NOVEMBER),
    ],
)
def test_days_are_utc_and_stay_in_their_month(now, today):
    assert period_of(NOVEMBER, at(now), None).today == today


def test_the_month_before_is_compared_as_far_as_this_one_has_come():
    now = datetime(2026, 3, 30, 12, tzinfo=UTC)
    assert period_of(date(2026, 3, 1), now, date(2026, 3, 30)).before == (date(2026, 2, 1), date(2026, 2, 28))
    early = datetime(2026, 3, 5, tzinfo=UTC)
    assert period_of(date(2026, 3, 1), early, date(2026, 3, 5)).before == (date(2026, 2, 1), date(2026, 2, 5))
    over = period_of(date(2026, 2, 1), now, date(2026, 3, 30))
    assert over.before == (date(2026, 1, 1), date(2026, 1, 31))
    assert month_before(date(2026, 1, 31)) == date(2025, 12, 1)


def test_a_change_needs_something_before():
    assert (change(D(12), D(10)), change(D(5), D(10)), change(D(5), D(0))) == (D(20), D(-50), None)


def test_days_without_costs_count_for_the_rate():
    rows = flat(date(2026, 11, 18), date(2026, 11, 19), "7")
    assert daily_rate(rows, date(2026, 11, 19)) == D(2)
    assert monthly_rate(rows, date(2026, 11, 19)) == D(1460) / 24
