"""Costs of a month in one currency, and the figures that are computed from them.

Days are UTC, as in the billing tables. Amounts are Decimals and are not rounded here. None is unknown.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from django.db.models import Count, Max, Sum

from accounts.models import User
from monitoring.cost.models import BillingSource, CostDay, CostDayQuerySet, CostKind, Reconciliation

#: The number of complete days for a daily rate: a whole week, because weekends differ.
RATE_DAYS = 7
HOURS_PER_DAY, HOURS_PER_MONTH = 24, 730
ZERO = Decimal(0)


@dataclass(frozen=True)
class Spent:
    """The cost of one deployment on one day for one kind, in the currency of its Ledger."""

    day: date
    #: None if the cost is unattributed.
    deployment_id: int | None
    kind: str
    cost: Decimal


@dataclass(frozen=True)
class Period:
    """A calendar month."""

    first: date
    #: The last day that can have costs: today, or the last day of a past month.
    today: date
    #: The last day with billed usage, which is rarely complete; None if there is none.
    newest: date | None

    @property
    def days(self) -> int:
        return calendar.monthrange(self.first.year, self.first.month)[1]

    @property
    def last(self) -> date:
        return self.first.replace(day=self.days)

    @property
    def is_over(self) -> bool:
        """Whether all of its days are billed: a later day has usage."""
        return self.newest is not None and self.newest > self.last

    @property
    def last_complete(self) -> date | None:
        """The last completely billed day, up to the end of the month. A day is complete if a later one has usage."""
        return None if self.newest is None else min(self.newest - timedelta(days=1), self.last)

    @property
    def before(self) -> tuple[date, date]:
        """The same days of the previous month; all of it if the month is over or the previous one is shorter."""
        end = self.first - timedelta(days=1)
        first = end.replace(day=1)
        return first, end if self.is_over else min(end, first + (self.today - self.first))


def month_before(day: date) -> date:
    """The first day of the previous month."""
    return (day.replace(day=1) - timedelta(days=1)).replace(day=1)


def period_of(month: date, now: datetime, newest: date | None) -> Period:
    """The month that contains ``month``, as of ``now``."""
    first = month.replace(day=1)
    whole = Period(first, first, newest)
    return Period(first, max(first, min(whole.last, now.astimezone(UTC).date())), newest)


def month_to_date(rows: Iterable[Spent], period: Period) -> Decimal:
    return sum((row.cost for row in rows if period.first <= row.day <= period.today), ZERO)


def daily_rate(rows: Iterable[Spent], last_complete: date | None) -> Decimal | None:
    """Mean cost per day over the seven days up to ``last_complete``, including days without costs."""
    if last_complete is None:
        return None
    first = last_complete - timedelta(days=RATE_DAYS - 1)
    return sum((row.cost for row in rows if first <= row.day <= last_complete), ZERO) / RATE_DAYS


def forecast(rows: Sequence[Spent], period: Period) -> Decimal | None:
    """The expected cost of the whole month; None before the first complete day.

    Run rate: the cost up to the last complete day, plus the mean of the last seven complete days (which may be in the
    previous month) for each remaining day. An incomplete day counts as remaining. The result is at least what is
    already billed.
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
    """``daily_rate`` scaled to a month of 730 hours, as in estimates."""
    rate = daily_rate(rows, last_complete)
    return None if rate is None else per_month(rate, 1)


def per_month(total: Decimal, days: int) -> Decimal:
    """The cost of ``days`` days, scaled to a month of 730 hours."""
    return total * HOURS_PER_MONTH / (HOURS_PER_DAY * days)


def change(now: Decimal, before: Decimal) -> Decimal | None:
    """The change in percent of ``before``; None if ``before`` is 0."""
    return (now - before) * 100 / before if before > 0 else None


# -- reading ----------------------------------------------------------------------------------------


def newest_day(rows: CostDayQuerySet) -> date | None:
    found: date | None = rows.aggregate(newest=Max("date"))["newest"]
    return found


def currencies(rows: CostDayQuerySet, period: Period) -> list[str]:
    """The currencies of this and the previous month, those with the most rows first. One query."""
    counted = rows.between(period.before[0], period.last).exclude(currency="").order_by().values_list("currency")
    found = dict(counted.annotate(n=Count("pk")))
    return sorted(found, key=lambda currency: (-found[currency], currency))


def spent_rows(rows: CostDayQuerySet, first: date, last: date, currency: str) -> list[Spent]:
    """Costs by day, deployment and kind. One query."""
    chosen = rows.between(first, last).filter(currency=currency).order_by()
    grouped = chosen.values_list("date", "deployment_id", "kind").annotate(total=Sum("cost"))
    return [Spent(*row) for row in grouped]


@dataclass(frozen=True)
class CostChoice:
    """What a user selects."""

    #: None for the current month.
    month: date | None = None
    #: "" for the currency with the most costs.
    currency: str = ""
    group: str = ""
    ordering: str = ""
    #: Whether a filter selects some deployments. Unattributed costs are then left out.
    is_narrowed: bool = False


@dataclass(frozen=True)
class Ledger:
    """All costs of one month in one currency that a user can see."""

    period: Period
    currency: str
    #: All currencies that have costs.
    currencies: list[str]
    #: Costs of the month, and of earlier days that forecasts need.
    rows: list[Spent]
    #: {deployment: cost on the same days of the previous month}
    before: dict[int | None, Decimal]

    @property
    def of_month(self) -> list[Spent]:
        return [row for row in self.rows if self.period.first <= row.day <= self.period.today]


@dataclass(frozen=True)
class Unpriced:
    """Usage without a price in the workspace."""

    sku: str
    unit: str
    quantity: Decimal


def load(visible: CostDayQuerySet, now: datetime, month: date | None = None, currency: str = "") -> Ledger:
    """The ledger of the costs in ``visible``. The default currency is the one with the most rows. Four queries."""
    newest = newest_day(visible)
    period = period_of(month or now.astimezone(UTC).date(), now, newest)
    known = currencies(visible, period)
    chosen = currency or (known[0] if known else "USD")
    reach = period.first - timedelta(days=RATE_DAYS)
    rows = spent_rows(visible, reach, period.today, chosen)
    first, last = period.before
    grouped = visible.between(first, last).filter(currency=chosen).order_by().values_list("deployment_id")
    return Ledger(period, chosen, known, rows, dict(grouped.annotate(total=Sum("cost"))))


def unpriced(visible: CostDayQuerySet, period: Period) -> list[Unpriced]:
    """Usage of the month without a price, by SKU. One query."""
    rows = visible.between(period.first, period.today).filter(cost=None).order_by("sku").values_list("sku", "unit")
    return [Unpriced(*row) for row in rows.annotate(total=Sum("quantity"))]


@dataclass(frozen=True)
class Unattributed:
    """An endpoint or a job that belongs to no deployment."""

    workspace: str
    name: str
    endpoint_id: str
    kind: str
    cost: Decimal

    @property
    def kind_label(self) -> str:
        return str(CostKind(self.kind).label)


def unattributed(visible: CostDayQuerySet, period: Period, currency: str) -> list[Unattributed]:
    """Unattributed costs of the month, most expensive first. One query."""
    rows = visible.between(period.first, period.today).filter(currency=currency).unattributed().order_by()
    keys = ("workspace__name", "endpoint_name", "job", "endpoint_id", "kind")
    grouped = rows.values_list(*keys).annotate(total=Sum("cost"))
    found = [Unattributed(place, name or job, id_, kind, total) for place, name, job, id_, kind, total in grouped]
    return sorted(found, key=lambda row: (-row.cost, row.name))


def sources(user: User, workspace_id: int | None = None) -> list[BillingSource]:
    """The billing sources of the workspaces in which the user's teams have deployments. One query."""
    rows = BillingSource.objects.select_related("workspace").order_by("workspace__name")
    if not user.is_platform_admin:
        rows = rows.filter(workspace__deployments__team__memberships__user=user).distinct()
    return list(rows.filter(workspace=workspace_id) if workspace_id else rows)


def reconciliations(user: User, month: date) -> list[Reconciliation]:
    """Reconciliations of whole workspaces, for platform admins only. One query."""
    if not user.is_platform_admin:
        return []
    return list(Reconciliation.objects.filter(month=month).select_related("workspace"))


def costs_of(user: User) -> CostDayQuerySet:
    return CostDay.objects.visible_to(user)
