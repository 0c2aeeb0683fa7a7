"""The facts that rules check: everything about one planned run, read once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db.models import OuterRef, Subquery, Sum
from django.utils import timezone

from catalog.models import Environment
from deployments.deployment.models import Deployment, DeploymentQuerySet
from deployments.deployment.specs import DeploymentSpec
from deployments.policies.budgets import Budget, MonthSpend
from deployments.policies.kinds import change_kind
from deployments.policies.models import ChangeKind
from deployments.runs.models import Run
from deployments.runs.records import StageRecord
from deployments.runs.statuses import GOOD, RunKind, RunStatus
from deployments.trials.models import TestRequest

ESTIMATE = "estimate"


@dataclass(frozen=True)
class Money:
    amount: Decimal
    currency: str

    def __str__(self) -> str:
        return f"{self.amount:,.2f} {self.currency}"


@dataclass(frozen=True)
class Traffic:
    """Known requests in the last ``hours``. ``is_complete``: there cannot have been other requests."""

    hours: int
    requests: int
    is_complete: bool


@dataclass(frozen=True)
class Budgeted:
    """A monthly budget of the team."""

    limit: Money
    #: The environment of the budget; "" for all environments.
    place: str = ""
    #: High estimate of a month for the team's other endpoints in that place.
    committed: Decimal = Decimal(0)
    #: Number of those endpoints without an estimate.
    uncounted: int = 0
    #: Billed this month; None if nothing was imported.
    spent: Decimal | None = None


@dataclass(frozen=True)
class Facts:
    """Everything about a planned run that rules check."""

    spec: DeploymentSpec
    environment: str
    kind: ChangeKind
    owner_team: str
    tags: Mapping[str, str]
    budgets: tuple[Budgeted, ...] = ()
    #: High estimate of a month; None if there is no price.
    estimate: Money | None = None
    #: The endpoint may have answered requests.
    was_live: bool = True
    #: Ages in hours of the known requests to the endpoint, at most a month old.
    requests_at: tuple[float, ...] = ()

    def traffic(self, hours: int) -> Traffic:
        known = sum(age_h <= hours for age_h in self.requests_at)
        return Traffic(hours, known, is_complete=not self.was_live)


def collect(run: Run) -> Facts:
    """The facts of a run that has a plan. At most ten queries."""
    deployment, plan = run.deployment, run.plan
    owner, tags = deployment.model.team, plan.variables.get("tags")
    # True unless the endpoint never existed.
    was_live = bool(deployment.endpoint_id or deployment.served) or deployment.runs.filter(status__in=GOOD).exists()
    return Facts(
        spec=run.parsed_spec(),
        environment=deployment.environment.name,
        kind=kind_of(run),
        owner_team=owner.name if owner else "",
        tags={str(name): str(value) for name, value in tags.items()} if isinstance(tags, Mapping) else {},
        budgets=tuple(_budgets(deployment)),
        estimate=_estimate(StageRecord.objects.filter(run=run, stage=RunStatus.COST).order_by("-pk").first()),
        was_live=was_live,
        requests_at=_request_ages(deployment),
    )


def kind_of(run: Run) -> ChangeKind:
    """The kind of the run's plan. Always DELETE for a destroy run, even if its plan is empty."""
    return ChangeKind.DELETE if run.kind == RunKind.DESTROY else change_kind(run.plan.changes)


def _estimate(record: StageRecord | None) -> Money | None:
    """The high estimate that the Cost stage stored; None if it is missing or cannot be parsed."""
    told: Any = record.detail.get(ESTIMATE) if record else None
    if not isinstance(told, Mapping) or told.get("high") is None:
        return None
    try:
        amount = Decimal(str(told["high"]))
    except InvalidOperation:
        return None
    return Money(amount, str(told.get("currency") or "USD")) if amount.is_finite() else None


def _budgets(deployment: Deployment) -> Iterator[Budgeted]:
    """The team's total budget and its budget for the run's environment, if they are set."""
    team, here = deployment.team, deployment.environment
    if team.monthly_budget is not None:
        yield _budgeted(deployment, Money(team.monthly_budget, team.budget_currency), None)
    for row in Budget.objects.filter(team=team, environment=here):
        yield _budgeted(deployment, Money(row.monthly_amount, row.currency), here)


def _budgeted(deployment: Deployment, limit: Money, here: Environment | None) -> Budgeted:
    others = Deployment.objects.live().filter(team=deployment.team_id).exclude(pk=deployment.pk).exclude(endpoint_id="")
    spends = MonthSpend.objects.filter(
        team=deployment.team_id, month=timezone.now().astimezone(UTC).date().replace(day=1), currency=limit.currency
    )
    if here is not None:
        others, spends = others.filter(environment=here), spends.filter(environment=here)
    committed, uncounted = _committed(others, limit.currency)
    return Budgeted(
        limit, here.name if here else "", committed, uncounted, spends.aggregate(spent=Sum("amount"))["spent"]
    )


def _committed(others: DeploymentQuerySet, currency: str) -> tuple[Decimal, int]:
    """The high estimate of a month for these endpoints, and how many of them have no estimate."""
    newest = StageRecord.objects.filter(
        run__deployment=OuterRef("pk"), run__status__in=GOOD, stage=RunStatus.COST
    ).order_by("-pk")
    told = others.annotate(cost=Subquery(newest.values("pk")[:1])).values_list("cost", flat=True)
    costs = list(told)
    records = StageRecord.objects.filter(pk__in=[pk for pk in costs if pk])
    known = [money.amount for record in records if (money := _estimate(record)) and money.currency == currency]
    return sum(known, Decimal(0)), len(costs) - len(known)


def _request_ages(deployment: Deployment) -> tuple[float, ...]:
    now = timezone.now()
    asked = TestRequest.objects.filter(deployment=deployment, created_at__gte=now - timedelta(days=31))
    sent = asked.filter(status=TestRequest.Status.ANSWERED).values_list("created_at", flat=True)
    return tuple((now - moment).total_seconds() / 3600 for moment in sent)
