"""Possible savings: unused endpoints, idle endpoints that are always on, and versions without traffic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from django.db.models import Exists, OuterRef

from accounts.models import User
from deployments.models import Deployment, PriceTable, Run
from deployments.pricing.estimating import estimate_served
from deployments.pricing.quoting import live_served, prices_today
from deployments.runs.statuses import UNFINISHED
from monitoring.cost.costing import Ledger, monthly_rate
from monitoring.cost.requests import Requests, requests_between

UNUSED_DAYS = 14
#: Minimum share of hours with metrics. Otherwise the endpoint may have had requests in the other hours.
WATCHED_SHARE = Decimal("0.9")
WORTH_IDLE_SHARE = Decimal("0.25")


@dataclass(frozen=True)
class Saving:
    """A possible saving."""

    deployment: Deployment
    #: unused (no requests), idle (always on, few requests) or no_traffic (``version`` gets none).
    kind: str
    reason: str
    #: The maximum saving in a month of 730 hours, in ``currency``.
    monthly: Decimal
    currency: str
    version: str = ""


def savings(user: User, ledger: Ledger, now: datetime, only: Deployment | None = None) -> list[Saving]:
    """Savings of live deployments with costs, largest first. Deployments with an unfinished run are left out.

    Only savings that costs and requests prove are included. Four queries.
    """
    deployments = _at_rest(user, ledger, only)
    if not deployments:
        return []
    today = now.astimezone(UTC).date()
    first = today - timedelta(days=UNUSED_DAYS)
    asked = requests_between([row.pk for row in deployments], first, today - timedelta(days=1))
    rates = _rates(ledger)
    table = prices_today()
    found = []
    for deployment in deployments:
        rate = rates.get(deployment.pk, Decimal(0))
        found += _by_use(deployment, rate, asked.get(deployment.pk), first, ledger.currency)
        found += _without_traffic(deployment, table)
    return sorted(found, key=lambda saving: (-saving.monthly, saving.deployment.name))


def _at_rest(user: User, ledger: Ledger, only: Deployment | None) -> Sequence[Deployment]:
    ids = {row.deployment_id for row in ledger.rows} if only is None else {only.pk}
    rows = Deployment.objects.visible_to(user).live().filter(pk__in=[pk for pk in ids if pk]).exclude(endpoint_id="")
    busy = Run.objects.filter(deployment=OuterRef("pk"), status__in=UNFINISHED)
    return list(rows.filter(~Exists(busy)).exclude(intended={}).select_related("team", "environment", "model"))


def _rates(ledger: Ledger) -> dict[int | None, Decimal]:
    """{deployment: monthly cost at the rate of the last complete week}."""
    complete = ledger.period.last_complete
    ids = {row.deployment_id for row in ledger.rows}
    rates = {pk: monthly_rate([row for row in ledger.rows if row.deployment_id == pk], complete) for pk in ids}
    return {pk: rate for pk, rate in rates.items() if rate is not None}


def _by_use(deployment: Deployment, rate: Decimal, asked: Requests | None, first: date, currency: str) -> list[Saving]:
    if rate <= 0 or asked is None or asked.since > first or asked.hours < UNUSED_DAYS * 24 * WATCHED_SHARE:
        return []
    if not asked.count:
        reason = f"No requests in the last {UNUSED_DAYS} days."
        return [Saving(deployment, "unused", reason, rate, currency)]
    idle = asked.idle_share or Decimal(0)
    compute = deployment.spec.get("compute")
    scales_to_zero = not isinstance(compute, Mapping) or bool(compute.get("scale_to_zero", True))
    if scales_to_zero or idle < WORTH_IDLE_SHARE:
        return []
    reason = f"Always on, but idle in {idle * 100:.0f} % of hours."
    return [Saving(deployment, "idle", reason, rate * idle, currency)]


def _without_traffic(deployment: Deployment, table: PriceTable | None) -> list[Saving]:
    """Versions that are always on without traffic. Their price is an estimate, because bills are per endpoint."""
    if not deployment.live_version:
        return []
    without = {str(entity.get("entity_version")) for entity in deployment.served if not entity.get("traffic")}
    found = []
    for served in live_served(deployment):
        if served.version not in without or served.scale_to_zero:
            continue
        price = estimate_served([served], table=table)
        if price.low:
            reason = f"Version {served.version} is always on, but gets no traffic."
            found.append(Saving(deployment, "no_traffic", reason, price.low, price.currency, served.version))
    return found
