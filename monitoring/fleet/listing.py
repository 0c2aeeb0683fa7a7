"""The deployments of the fleet, and the status of each through a lens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import models
from django.db.models import Case, Count, Exists, F, OuterRef, Prefetch, Subquery, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, StrIndex

from accounts.models import User
from deployments.configuration.models import with_configuration
from deployments.deployment.models import DeploymentQuerySet
from deployments.models import Deployment, RolloutStep, Run
from deployments.runs.statuses import GOOD, UNFINISHED, RunStatus
from monitoring.cost.models import CostDay
from monitoring.health.judging import STALE_AFTER
from monitoring.watched.states import TONES, Standing

UNKNOWN = Standing.UNKNOWN.value


class Lens(models.TextChoices):
    HEALTH = "health", "Health"
    GOVERNANCE = "governance", "Governance"
    COST = "cost", "Cost"
    ROLLOUT = "rollout", "Rollout"


@dataclass(frozen=True)
class Status:
    """A status of a lens. Statuses are ordered from worst to best."""

    value: str
    label: str
    tone: str


#: Each deployment has exactly one status per lens, so counts add up to the number of rows.
STATUSES: dict[Lens, tuple[Status, ...]] = {
    Lens.HEALTH: tuple(Status(one.value, one.label, TONES[one]) for one in Standing),
    Lens.GOVERNANCE: (
        Status("changed", "Changed by hand", "warn"),
        Status("in_sync", "In sync", "ok"),
        Status(UNKNOWN, "Not checked recently", "unknown"),
    ),
    Lens.COST: (Status("billed", "Billed this month", "info"), Status(UNKNOWN, "Nothing billed", "unknown")),
    Lens.ROLLOUT: (
        Status("bad", "Last run failed", "bad"),
        Status("waiting", "Waiting for approval", "warn"),
        Status("busy", "In progress", "busy"),
        Status("good", "Last run succeeded", "ok"),
        Status("never", "No runs", "unknown"),
    ),
}
#: Relations that rows show through every lens; RELATED_OF has those of one lens.
RELATED = ("team", "environment", "model", "watch")
RELATED_OF: dict[Lens, tuple[str, ...]] = {
    Lens.HEALTH: ("health_source", "drift_job"),
    Lens.GOVERNANCE: ("config_check",),
    Lens.COST: ("workspace__billing_source",),
    Lens.ROLLOUT: (),
}


def fleet(user: User, now: datetime) -> DeploymentQuerySet:
    """Live deployments that ``user`` can see, with ``health_now``."""
    return Deployment.objects.visible_to(user).live().annotate(health_now=health_now(now))


def with_shown(rows: DeploymentQuerySet, lenses: Iterable[Lens]) -> DeploymentQuerySet:
    """``rows`` with the relations that these lenses show. The rollout lens adds one query."""
    chosen = set(lenses)
    shown = rows.select_related(*RELATED, *(name for lens in chosen for name in RELATED_OF[lens]))
    if Lens.ROLLOUT not in chosen:
        return shown
    newest = Run.objects.filter(deployment=OuterRef("deployment")).order_by("-pk").values("pk")[:1]
    runs = Run.objects.filter(pk=Subquery(newest)).defer("message")
    return shown.prefetch_related(Prefetch("runs", runs, to_attr="newest_runs"))


def health_now(now: datetime) -> Combinable:
    """The stored standing of health, or unknown if metrics are stale."""
    fresh = When(health_source__minute__gte=now - STALE_AFTER, then=Coalesce(F("watch__health"), Value(UNKNOWN)))
    return Case(fresh, default=Value(UNKNOWN))


def _governance(now: datetime) -> Combinable:
    words = ("changed", "in_sync")
    return Case(*(When(with_configuration(word), then=Value(word)) for word in words), default=Value(UNKNOWN))


def _cost(now: datetime) -> Combinable:
    first = now.astimezone(UTC).date().replace(day=1)
    paid = CostDay.objects.filter(deployment=OuterRef("pk"), date__gte=first, cost__isnull=False)
    return Case(When(Exists(paid), then=Value("billed")), default=Value(UNKNOWN))


def _rollout(now: datetime) -> Combinable:
    """The status of the newest run. The Case is inside the subquery, so it runs once per row, not per status."""
    under_way = [status for status in UNFINISHED if status != RunStatus.APPROVAL]
    groups: dict[str, Sequence[RunStatus]] = {"waiting": [RunStatus.APPROVAL], "busy": under_way, "good": list(GOOD)}
    cases = [When(status__in=statuses, then=Value(word)) for word, statuses in groups.items()]
    told = Run.objects.filter(deployment=OuterRef("pk")).annotate(word=Case(*cases, default=Value("bad")))
    return Coalesce(Subquery(told.order_by("-pk").values("word")[:1]), Value("never"))


EXPRESSIONS: dict[Lens, Callable[[datetime], Combinable]] = {
    Lens.HEALTH: health_now,
    Lens.GOVERNANCE: _governance,
    Lens.COST: _cost,
    Lens.ROLLOUT: _rollout,
}


def with_status(rows: DeploymentQuerySet, lens: Lens, now: datetime) -> DeploymentQuerySet:
    """``rows`` with ``lens_status``, a value in STATUSES, and ``lens_rank``, lowest for the worst status."""
    told = rows.annotate(lens_status=EXPRESSIONS[lens](now))
    # The position of the status in a string of all of them. A Case would evaluate the status once per branch.
    words = Value(" ".join(one.value for one in STATUSES[lens]))
    return told.annotate(lens_rank=StrIndex(words, F("lens_status")))


def counted(rows: DeploymentQuerySet) -> dict[str, int]:
    """{lens_status: number of rows} for rows of ``with_status``. One query."""
    told = rows.order_by().values_list("lens_status")  # type: ignore[misc]  # an annotation
    return dict(told.annotate(count=Count("pk")))


def steps_of(runs: Iterable[Run]) -> dict[int, RolloutStep]:
    """{run: last step of its current attempt}. One query."""
    steps = RolloutStep.objects.filter(run__in=[run.pk for run in runs], attempt=F("run__attempt"))
    return {step.run_id: step for step in steps.order_by("index")}
