"""Requests and idle hours of endpoints for costs, from the hourly buckets of health."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from decimal import Decimal

from django.db.models import Count, Min, Q, Sum

from monitoring.cost.costing import Period
from monitoring.health.models import COARSE, HealthBucket
from web.ranges import midnight


@dataclass(frozen=True)
class Requests:
    """Requests of a deployment."""

    count: int
    #: Hours with metrics.
    hours: int
    #: Those of ``hours`` without requests.
    idle_hours: int
    #: The first UTC day with metrics.
    since: date

    @property
    def idle_share(self) -> Decimal | None:
        """Share of idle hours, from 0 to 1; None without metrics."""
        return Decimal(self.idle_hours) / self.hours if self.hours else None


def requests_of(deployment_ids: Iterable[int], period: Period) -> dict[int, Requests]:
    """{deployment: requests} on the billed days of the month. One query."""
    if period.newest is None:
        return {}
    return requests_between(deployment_ids, period.first, min(period.today, period.newest))


def requests_between(deployment_ids: Iterable[int], first: date, last: date) -> dict[int, Requests]:
    """{deployment: requests} from ``first`` to ``last``, both inclusive, in UTC.

    Deployments without metrics in that time are left out. One query.
    """
    start, end = midnight(first), midnight(last + timedelta(days=1))
    buckets = HealthBucket.objects.filter(
        deployment__in=list(deployment_ids), width=COARSE, start__gte=start, start__lt=end, minutes__gt=0
    )
    counted = (
        buckets.order_by()
        .values_list("deployment_id")
        .annotate(
            total=Sum("requests"),
            hours=Count("start", distinct=True),
            busy=Count("start", distinct=True, filter=Q(requests__gt=0)),
            first=Min("start"),
        )
    )
    return {
        pk: Requests(round(total), hours, hours - busy, first_hour.astimezone(UTC).date())
        for pk, total, hours, busy, first_hour in counted
    }
