"""What the rules look at: everything about one planned run, read once."""

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
from deployments.runs.records import RunPlan, StageRecord
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
    """Requests that are known of in the last ``hours``. ``is_complete``: there can have been no others."""

    hours: int
    requests: int
    is_complete: bool


@dataclass(frozen=True)
class Budgeted:
    """A monthly budget of the team, for all environments or for the one of the run (``place``, else "").

    ``committed`` is the high end of what the team's other endpoints there will cost for a month, ``uncounted`` how many
    of those have no estimate. ``spent`` is what was billed this month, None where nothing was imported.
    """

    limit: Money
    place: str = ""
    committed: Decimal = Decimal(0)
    uncounted: int = 0
    spent: Decimal | None = None


@dataclass(frozen=True)
class Facts:
    """``estimate`` is the high end of what the endpoint will cost for a month, None if nobody could say.

    ``requests_at`` are the ages in hours of the requests to the endpoint that are known of, at most a month old.
    """

    spec: DeploymentSpec
    environment: str
    kind: ChangeKind
    owner_team: str
    tags: Mapping[str, str]
    budgets: tuple[Budgeted, ...] = ()
    estimate: Money | None = None
    was_live: bool = True
    requests_at: tuple[float, ...] = ()

    def traffic(self, hours: int) -> Traffic:
        known = sum(age_h <= hours for age_h in self.requests_at)
        return Traffic(hours, known, is_complete=not self.was_live)


def collect(run: Run) -> Facts:
    """The facts of a run that has a plan. Ten queries at most."""
    deployment, plan = run.deployment, run.plan
    owner = deployment.model.team
    return Facts(
        spec=run.parsed_spec(),
        environment=deployment.environment.name,
        kind=kind_of(run),
        owner_team=owner.name if owner else "",
        tags=_tags(plan),
        budgets=tuple(_budgets(deployment)),
        estimate=_estimate(StageRecord.objects.filter(run=run, stage=RunStatus.COST).order_by("-pk").first()),
        was_live=_was_live(deployment),
        requests_at=_request_ages(deployment),
    )


def kind_of(run: Run) -> ChangeKind:
    """What the run's plan does; a run that destroys always deletes, whatever is left to delete."""
    return ChangeKind.DELETE if run.kind == RunKind.DESTROY else change_kind(run.plan.changes)


def _tags(plan: RunPlan) -> dict[str, str]:
    tags = plan.variables.get("tags")
    return {str(name): str(value) for name, value in tags.items()} if isinstance(tags, Mapping) else {}


def _estimate(record: StageRecord | None) -> Money | None:
    """The high end of the price that the Cost stage wrote down, None if there is none that can be read."""
    told: Any = record.detail.get(ESTIMATE) if record else None
    if not isinstance(told, Mapping) or told.get("high") is None:
        return None
    try:
        amount = Decimal(str(told["high"]))
    except InvalidOperation:
        return None
    return Money(amount, str(told.get("currency") or "USD")) if amount.is_finite() else None


def _budgets(deployment: Deployment) -> Iterator[Budgeted]:
    """The team's budget for all environments and the one for this, as far as they are set."""
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
    """What these endpoints cost at most for a month, and how many of them have no estimate."""
    newest = StageRecord.objects.filter(
        run__deployment=OuterRef("pk"), run__status__in=GOOD, stage=RunStatus.COST
    ).order_by("-pk")
    told = others.annotate(cost=Subquery(newest.values("pk")[:1])).values_list("cost", flat=True)
    costs = list(told)
    records = StageRecord.objects.filter(pk__in=[pk for pk in costs if pk])
    known = [money.amount for record in records if (money := _estimate(record)) and money.currency == currency]
    return sum(known, Decimal(0)), len(costs) - len(known)


def _was_live(deployment: Deployment) -> bool:
    """Whether the endpoint may have answered anybody lately: unless it was never there, it may."""
    return bool(deployment.endpoint_id or deployment.served) or deployment.runs.filter(status__in=GOOD).exists()


def _request_ages(deployment: Deployment) -> tuple[float, ...]:
    now = timezone.now()
    asked = TestRequest.objects.filter(deployment=deployment, created_at__gte=now - timedelta(days=31))
    sent = asked.filter(status=TestRequest.Status.ANSWERED).values_list("created_at", flat=True)
    return tuple((now - moment).total_seconds() / 3600 for moment in sent)
