"""Imports billed usage. Days are read and replaced as a whole, so that imports are idempotent."""

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
from monitoring.cost.costing import month_before
from monitoring.cost.models import BillingSource, CostDay, Reconciliation

#: Usage arrives hours late, and its corrections some days later.
LATE_DAYS = 3
#: The previous month is still corrected in the first week of a month.
CORRECTED_DAYS = 7
#: Error codes of a missing grant. Databricks reports tables that the caller cannot access as not found.
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
    """Import the last days from the workspace's billing tables, or the whole month once per UTC day.

    An error is stored in ``BillingSource.error``. Rows that were imported before are kept.
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
    """Import what is due and return the changed columns of BillingSource. Raises IntegrationError."""
    today = now.astimezone(UTC).date()
    is_month_due = source.month_read_at is None or source.month_read_at.astimezone(UTC).date() < today
    # If totals differ, an older day was corrected: read the whole month again.
    if not is_month_due and _read(workspace, client, today - timedelta(days=LATE_DAYS), now):
        return {}
    _read(workspace, client, _first_of_all(source, now), now)
    return {"month_read_at": now}


def month_of(day: date) -> date:
    return day.replace(day=1)


def _first_of_all(source: BillingSource, now: datetime) -> date:
    today = now.astimezone(UTC).date()
    if source.month_read_at is None:
        # The first import includes the previous month, for comparison.
        return month_before(today)
    return month_of(today - timedelta(days=CORRECTED_DAYS))


def _read(workspace: Workspace, client: databricks.WorkspaceClient, first: date, asked_at: datetime) -> bool:
    """Import from ``first`` on. Returns whether our totals equal those of the source. Raises IntegrationError."""
    today = asked_at.astimezone(UTC).date()
    rows = billing.read_usage(client, first, today)
    if not keep(workspace, rows, first, today, asked_at):
        return True
    months = sorted({month_of(first), month_of(today)})
    checks = [_reconcile(workspace, client, month, today, asked_at) for month in months]
    return all(checks)


def keep(workspace: Workspace, rows: Iterable[Usage], first: date, last: date, asked_at: datetime) -> bool:
    """Replace all rows of these days by ``rows``, atomically. False if a newer result is already stored."""
    with transaction.atomic():
        source = BillingSource.objects.select_for_update().get(workspace=workspace)
        if source.read_at is not None and source.read_at > asked_at:
            return False
        owners = _Owners(workspace)
        CostDay.objects.filter(workspace=workspace).between(first, last).delete()
        CostDay.objects.bulk_create(
            CostDay(
                workspace=workspace,
                deployment_id=owners.of(usage),
                **{name: value for name, value in vars(usage).items() if name != "tag"},
            )
            for usage in rows
        )
        newest = CostDay.objects.filter(workspace=workspace).order_by("-date").values_list("date", flat=True).first()
        BillingSource.objects.filter(pk=source.pk).update(read_at=asked_at, newest_usage=newest)
        _attribute_older(workspace, owners)
        _tell_policies(workspace, month_of(last), newest)
    return True


class _Owners:
    """Finds the deployment that an endpoint or a job belongs or belonged to. Two queries.

    It uses the id of the endpoint, because names are reused; then earlier imports, because deployments forget deleted
    endpoints; then the tag that Terraform sets on each endpoint.
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
        """The deployment by "deployment 12" in the job's name, else by the name of a model with one deployment."""
        if (named := re.search(r"\bdeployment (\d{1,18})\b", job)) and int(named[1]) in self._pks:
            return int(named[1])
        for word in job.lower().split():
            if len(of_model := self._by_model.get(word, [])) == 1:
                return of_model[0]
        return None


def _attribute_older(workspace: Workspace, owners: _Owners) -> None:
    """Attribute costs from before an endpoint was adopted to its deployment."""
    lost = CostDay.objects.filter(workspace=workspace, deployment=None).exclude(endpoint_id="")
    for endpoint_id in lost.values_list("endpoint_id", flat=True).order_by().distinct():
        if endpoint_id in owners.by_endpoint:
            lost.filter(endpoint_id=endpoint_id).update(deployment=owners.by_endpoint[endpoint_id])


def _tell_policies(workspace: Workspace, month: date, newest: date | None) -> None:
    """Store what each team has spent this month in the environments of the workspace, for policies."""
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
    """{currency: cost}. The key "" has the quantity without a price."""
    rows = CostDay.objects.filter(workspace=workspace).between(first, last).order_by().values_list("currency")
    totals = rows.annotate(cost=Sum("cost"), quantity=Sum("quantity"))
    return {currency: cost if currency else quantity for currency, cost, quantity in totals}


def _keep_error(
    source: BillingSource, error: IntegrationError, client: databricks.WorkspaceClient | None, now: datetime
) -> None:
    """Store the error and, if a grant is missing, the GRANT statements."""
    grant = "\n".join(billing.grants_needed(_principal(client))) if client and error.code in NO_ACCESS else ""
    BillingSource.objects.filter(pk=source.pk).update(tried_at=now, error=error.message, grant=grant)


def _principal(client: databricks.WorkspaceClient) -> str:
    try:
        return client.current_user()
    except IntegrationError:
        return ""
