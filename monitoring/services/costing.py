"""What was spent: a month of one currency, read once, and everything that is reckoned from it.

Days are UTC, as the billing tables have them. Money is a Decimal and never rounded here; None is what nobody knows.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from django.db.models import Count, Max, Sum

from monitoring.models.cost import CostDayQuerySet

# How many complete days tell what a day costs: a whole week, as weekends differ.
RATE_DAYS = 7
DAYS_PER_MONTH = Decimal(730) / 24
ZERO = Decimal(0)


@dataclass(frozen=True)
class Spent:
    """What one deployment (None: nobody's) cost on one day for one kind, in the currency of its Ledger."""

    day: date
    deployment_id: int | None
    kind: str
    cost: Decimal


@dataclass(frozen=True)
class Period:
    """A calendar month. ``today`` is the last day of it that there can be costs of: its own last day, once past.

    ``newest`` is the last day that was billed at all, which is seldom complete; None if nothing ever was.
    """

    first: date
    today: date
    newest: date | None

    @property
    def days(self) -> int:
        return calendar.monthrange(self.first.year, self.first.month)[1]

    @property
    def last(self) -> date:
        return self.first.replace(day=self.days)

    @property
    def is_over(self) -> bool:
        """Whether every day of it was billed, as far as one can tell: a later one was."""
        return self.newest is not None and self.newest > self.last

    @property
    def last_complete(self) -> date | None:
        """The last day of the month, or before it, that a later day was billed after."""
        return None if self.newest is None else min(self.newest - timedelta(days=1), self.last)

    @property
    def before(self) -> tuple[date, date]:
        """The same days of the month before; all of it where the month is over, or the one before is shorter."""
        end = self.first - timedelta(days=1)
        first = end.replace(day=1)
        return first, end if self.is_over else min(end, first + (self.today - self.first))


def period_of(month: date, now: datetime, newest: date | None) -> Period:
    """The month of ``month`` as it is seen at ``now``."""
    first = month.replace(day=1)
    whole = Period(first, first, newest)
    return Period(first, max(first, min(whole.last, now.astimezone(UTC).date())), newest)


def month_to_date(rows: Iterable[Spent], period: Period) -> Decimal:
    return sum((row.cost for row in rows if period.first <= row.day <= period.today), ZERO)


def daily_rate(rows: Iterable[Spent], last_complete: date | None) -> Decimal | None:
    """The mean cost of a day over the seven days that end at ``last_complete``, days without costs included."""
    if last_complete is None:
        return None
    first = last_complete - timedelta(days=RATE_DAYS - 1)
    return sum((row.cost for row in rows if first <= row.day <= last_complete), ZERO) / RATE_DAYS


def forecast(rows: Sequence[Spent], period: Period) -> Decimal | None:
    """What the month will have cost when it ends; None before the first day was billed wholly.

    Run rate: what was spent up to the last complete day, and for each day after it the mean of the seven complete days
    before (which reach into the month before). The day that is still being billed counts as one of the days to come,
    or as what was billed of it where that is more.
    """
    complete = period.last_complete
    if period.is_over:
        return month_to_date(rows, period)
    rate = daily_rate(rows, complete)
    if rate is None or complete is None:
        return None
    known = sum((row.cost for row in rows if period.first <= row.day <= complete), ZERO)
    days_left = (period.last - max(complete, period.first - timedelta(days=1))).days
    return max(known + rate * days_left, month_to_date(rows, period))


def monthly_rate(rows: Iterable[Spent], last_complete: date | None) -> Decimal | None:
    """``daily_rate`` for a month of 730 hours, the month of estimates."""
    rate = daily_rate(rows, last_complete)
    return None if rate is None else rate * DAYS_PER_MONTH


def change(now: Decimal, before: Decimal) -> Decimal | None:
    """In percent of ``before``; None where there was nothing before."""
    return (now - before) * 100 / before if before > 0 else None


# -- reading ----------------------------------------------------------------------------------------


def newest_day(rows: CostDayQuerySet) -> date | None:
    found: date | None = rows.aggregate(newest=Max("date"))["newest"]
    return found


def currencies(rows: CostDayQuerySet, period: Period) -> list[str]:
    """The currencies of the month and of the one before, the one with the most rows first. One query."""
    counted = rows.between(period.before[0], period.last).exclude(currency="").order_by().values_list("currency")
    found = dict(counted.annotate(n=Count("pk")))
    return sorted(found, key=lambda currency: (-found[currency], currency))


def spent_rows(rows: CostDayQuerySet, first: date, last: date, currency: str) -> list[Spent]:
    """One query."""
    chosen = rows.between(first, last).filter(currency=currency).order_by()
    grouped = chosen.values_list("date", "deployment_id", "kind").annotate(total=Sum("cost"))
    return [Spent(*row) for row in grouped]
