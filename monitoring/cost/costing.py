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

from accounts.models import User
from monitoring.cost.models import BillingSource, CostDay, CostDayQuerySet, CostKind, Reconciliation

# How many complete days tell what a day costs: a whole week, as weekends differ.
RATE_DAYS = 7
HOURS_PER_DAY, HOURS_PER_MONTH = 24, 730
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


def month_before(day: date) -> date:
    """The first day of the month before the one of ``day``."""
    return (day.replace(day=1) - timedelta(days=1)).replace(day=1)


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
    return None if rate is None else per_month(rate, 1)


def per_month(total: Decimal, days: int) -> Decimal:
    """What cost ``total`` in so many days, for a month of 730 hours."""
    return total * HOURS_PER_MONTH / (HOURS_PER_DAY * days)


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


@dataclass(frozen=True)
class CostChoice:
    """What somebody asks to see. ``month`` None is the present one, ``currency`` "" the one with the most costs.

    ``is_narrowed``: only some deployments are asked for, so that what belongs to nobody is not.
    """

    month: date | None = None
    currency: str = ""
    group: str = ""
    ordering: str = ""
    is_narrowed: bool = False


@dataclass(frozen=True)
class Ledger:
    """All that one person may see of one month in one currency.

    ``rows`` reach back into the month before as far as forecasts need; ``before`` is what each deployment cost on the
    same days of the month before. ``currencies`` are all that there are costs in.
    """

    period: Period
    currency: str
    currencies: list[str]
    rows: list[Spent]
    before: dict[int | None, Decimal]

    @property
    def of_month(self) -> list[Spent]:
        return [row for row in self.rows if self.period.first <= row.day <= self.period.today]


@dataclass(frozen=True)
class Unpriced:
    """Usage that the workspace has no price for."""

    sku: str
    unit: str
    quantity: Decimal


def load(visible: CostDayQuerySet, now: datetime, month: date | None = None, currency: str = "") -> Ledger:
    """Of the costs in ``visible``; without a ``currency`` the one with the most rows. Four queries."""
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
    """The usage of the month that has no price, by SKU. One query."""
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
    """What nobody answers for in the month, the most expensive first. One query."""
    rows = visible.between(period.first, period.today).filter(currency=currency).unattributed().order_by()
    keys = ("workspace__name", "endpoint_name", "job", "endpoint_id", "kind")
    grouped = rows.values_list(*keys).annotate(total=Sum("cost"))
    found = [Unattributed(place, name or job, id_, kind, total) for place, name, job, id_, kind, total in grouped]
    return sorted(found, key=lambda row: (-row.cost, row.name))


def sources(user: User, workspace_id: int | None = None) -> list[BillingSource]:
    """How far the billing tables of the workspaces were read that the person has something in. One query."""
    rows = BillingSource.objects.select_related("workspace").order_by("workspace__name")
    if not user.is_platform_admin:
        rows = rows.filter(workspace__deployments__team__memberships__user=user).distinct()
    return list(rows.filter(workspace=workspace_id) if workspace_id else rows)


def reconciliations(user: User, month: date) -> list[Reconciliation]:
    """The totals of whole workspaces: for platform admins only. One query."""
    if not user.is_platform_admin:
        return []
    return list(Reconciliation.objects.filter(month=month).select_related("workspace"))


def costs_of(user: User) -> CostDayQuerySet:
    return CostDay.objects.visible_to(user)
