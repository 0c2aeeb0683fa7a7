"""Importing what was billed: read by the day, replaced by the day, so that no number depends on how often it runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from catalog.models import Workspace
from catalog.workspaces.services import connect as connect_to
from deployments.models import Deployment, MonthSpend
from integrations import databricks
from integrations.errors import IntegrationError
from monitoring.cost import billing
from monitoring.cost.billing import Usage
from monitoring.cost.models import BillingSource, CostDay, Reconciliation

# Usage arrives hours late, and corrections of a day days later.
LATE_DAYS = 3
# In the first week of a month the one before is still corrected.
CORRECTED_DAYS = 7
# Databricks hides what one may not see: a table of system.billing that is not found is one without a grant.
NO_ACCESS = frozenset(
    (
        "CATALOG_NOT_FOUND",
        "INSUFFICIENT_PERMISSIONS",
        "NO_SUCH_CATALOG_EXCEPTION",
        "PERMISSION_DENIED",
        "SCHEMA_NOT_FOUND",
        "TABLE_OR_VIEW_NOT_FOUND",
        "UNAUTHORIZED_ACCESS",
    )
)

Connect = Callable[[Workspace], databricks.WorkspaceClient]


def import_costs(workspace_id: int, *, connect: Connect = connect_to, now: datetime | None = None) -> None:
    """Read the last days of the workspace's billing tables; all of the month at the first time of a UTC day.

    What cannot be read is told in ``BillingSource.error``, and the rows of before stay.
    """
    workspace = Workspace.objects.get(pk=workspace_id)
    source, _ = BillingSource.objects.get_or_create(workspace=workspace)
    asked_at = now or timezone.now()
    client: databricks.WorkspaceClient | None = None
    try:
        client = connect(workspace)
        done = _read_what_is_due(workspace, client, source, asked_at)
    except IntegrationError as error:
        _keep_error(source, error, client, asked_at)
        return
    BillingSource.objects.filter(pk=source.pk).update(tried_at=asked_at, error="", grant="", **done)


def _read_what_is_due(
    workspace: Workspace, client: databricks.WorkspaceClient, source: BillingSource, now: datetime
) -> dict[str, Any]:
    """The columns of BillingSource that follow. Raises IntegrationError."""
    last_days = now.astimezone(UTC).date() - timedelta(days=LATE_DAYS)
    # Totals that differ come from a correction of a day before the last ones: read the month again, now.
    if not _is_month_due(source, now) and _read(workspace, client, last_days, now):
        return {}
    _read(workspace, client, _first_of_all(source, now), now)
    return {"month_read_at": now}


def month_of(day: date) -> date:
    return day.replace(day=1)


def month_before(day: date) -> date:
    """The first day of the month before the one of ``day``."""
    return month_of(month_of(day) - timedelta(days=1))


def _is_month_due(source: BillingSource, now: datetime) -> bool:
    read = source.month_read_at
    return read is None or read.astimezone(UTC).date() < now.astimezone(UTC).date()


def _first_of_all(source: BillingSource, now: datetime) -> date:
    today = now.astimezone(UTC).date()
    if source.month_read_at is None:
        # The first import of all: with the month before, to compare with.
        return month_before(today)
    return month_of(today - timedelta(days=CORRECTED_DAYS))


def _read(workspace: Workspace, client: databricks.WorkspaceClient, first: date, asked_at: datetime) -> bool:
    """Read from ``first`` on and keep it; whether our totals are the source's. Raises IntegrationError."""
    today = asked_at.astimezone(UTC).date()
    rows = billing.read_usage(client, first, today)
    if not keep(workspace, rows, first, today, asked_at):
        return True
    months = sorted({month_of(first), month_of(today)})
    checks = [_reconcile(workspace, client, month, today, asked_at) for month in months]
    return all(checks)


def keep(workspace: Workspace, rows: Iterable[Usage], first: date, last: date, asked_at: datetime) -> bool:
    """Replace all rows of these days by ``rows``, at once. False if a newer answer is there already."""
    with transaction.atomic():
        source = BillingSource.objects.select_for_update().get(workspace=workspace)
        if source.read_at is not None and source.read_at > asked_at:
            return False
        owners = _Owners(workspace)
        CostDay.objects.filter(workspace=workspace).between(first, last).delete()
        CostDay.objects.bulk_create(_row(workspace, usage, owners.of(usage)) for usage in rows)
        newest = CostDay.objects.filter(workspace=workspace).order_by("-date").values_list("date", flat=True).first()
        BillingSource.objects.filter(pk=source.pk).update(read_at=asked_at, newest_usage=newest)
        _attribute_older(workspace, owners)
        _tell_policies(workspace, month_of(last), newest)
    return True


def _row(workspace: Workspace, usage: Usage, deployment_id: int | None) -> CostDay:
    values = {name: value for name, value in vars(usage).items() if name != "tag"}
    return CostDay(workspace=workspace, deployment_id=deployment_id, **values)


class _Owners:
    """Which deployment an endpoint or a job belongs to, or belonged to. Three queries.

    By the endpoint's id, as names are used again; by what earlier imports found, as a deleted endpoint is known to no
    deployment any more; by the tag that Terraform gives each endpoint.
    """

    def __init__(self, workspace: Workspace) -> None:
        rows = list(
            Deployment.objects.filter(workspace=workspace).values_list(
                "pk", "endpoint_id", "model__full_name", "destroyed_at"
            )
        )
        known = CostDay.objects.filter(workspace=workspace, deployment__isnull=False).exclude(endpoint_id="")
        self.by_endpoint: dict[str, int] = {
            endpoint_id: pk for endpoint_id, pk in known.values_list("endpoint_id", "deployment").distinct() if pk
        }
        self.by_endpoint |= {endpoint_id: pk for pk, endpoint_id, _, _ in rows if endpoint_id}
        self._pks = {pk for pk, _, _, _ in rows}
        self._by_model: dict[str, list[int]] = {}
        for pk, _, full_name, destroyed_at in rows:
            if destroyed_at is None:
                self._by_model.setdefault(full_name, []).append(pk)

    def of(self, usage: Usage) -> int | None:
        if usage.endpoint_id in self.by_endpoint:
            return self.by_endpoint[usage.endpoint_id]
        if usage.tag.isdecimal() and int(usage.tag) in self._pks:
            return int(usage.tag)
        return self._of_job(usage.job) if usage.job else None

    def _of_job(self, job: str) -> int | None:
        """By "deployment 12" in the job's name, else by the name of a model that is deployed once."""
        if (named := re.search(r"\bdeployment (\d{1,18})\b", job)) and int(named[1]) in self._pks:
            return int(named[1])
        for word in job.lower().split():
            if len(of_model := self._by_model.get(word, [])) == 1:
                return of_model[0]
        return None


def _attribute_older(workspace: Workspace, owners: _Owners) -> None:
    """Give days from before an endpoint was adopted to its deployment."""
    lost = CostDay.objects.filter(workspace=workspace, deployment=None).exclude(endpoint_id="")
    for endpoint_id in lost.values_list("endpoint_id", flat=True).order_by().distinct():
        if endpoint_id in owners.by_endpoint:
            lost.filter(endpoint_id=endpoint_id).update(deployment=owners.by_endpoint[endpoint_id])


def _tell_policies(workspace: Workspace, month: date, newest: date | None) -> None:
    """Write down what each team has spent this month in the environments of the workspace."""
    rows = CostDay.objects.filter(workspace=workspace, date__gte=month, deployment__isnull=False).exclude(currency="")
    keys = ("deployment__team", "deployment__environment", "currency")
    kept = []
    for team_id, environment_id, currency, total in rows.order_by().values_list(*keys).annotate(total=Sum("cost")):
        row, _ = MonthSpend.objects.update_or_create(
            team_id=team_id,
            environment_id=environment_id,
            month=month,
            currency=currency,
            defaults={"amount": total, "until": newest or month},
        )
        kept.append(row.pk)
    MonthSpend.objects.filter(environment__workspace=workspace, month=month).exclude(pk__in=kept).delete()


def _reconcile(
    workspace: Workspace, client: databricks.WorkspaceClient, month: date, today: date, now: datetime
) -> bool:
    last = min(today, (month + timedelta(days=31)).replace(day=1) - timedelta(days=1))
    source = billing.read_totals(client, month, last)
    ours = our_totals(workspace, month, last)
    rows = []
    for currency in sorted(set(source) | set(ours)):
        row, _ = Reconciliation.objects.update_or_create(
            workspace=workspace,
            month=month,
            currency=currency,
            defaults={
                "source_total": source.get(currency, Decimal(0)),
                "our_total": ours.get(currency, Decimal(0)),
                "checked_at": now,
            },
        )
        rows.append(row)
    gone = Reconciliation.objects.filter(workspace=workspace, month=month).exclude(pk__in=[row.pk for row in rows])
    gone.delete()
    return all(row.is_equal for row in rows)


def our_totals(workspace: Workspace, first: date, last: date) -> dict[str, Decimal]:
    """{currency: cost}; "" has the units that have no price."""
    rows = CostDay.objects.filter(workspace=workspace).between(first, last).order_by().values_list("currency")
    totals = rows.annotate(cost=Sum("cost"), quantity=Sum("quantity"))
    return {currency: cost if currency else quantity for currency, cost, quantity in totals}


def _keep_error(
    source: BillingSource, error: IntegrationError, client: databricks.WorkspaceClient | None, now: datetime
) -> None:
    """Where a grant is missing, the statements that give it are kept with the error."""
    grant = "\n".join(billing.grants_needed(_principal(client))) if client and error.code in NO_ACCESS else ""
    BillingSource.objects.filter(pk=source.pk).update(tried_at=now, error=error.message, grant=grant)


def _principal(client: databricks.WorkspaceClient) -> str:
    try:
        return client.current_user()
    except IntegrationError:
        return ""
