"""Current standings of a row of the fleet. A stored standing becomes unknown if its data is stale."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.conf import settings

from deployments.models import Deployment
from monitoring.cost.models import BillingSource
from monitoring.drift.judging import STALE_AFTER as DRIFT_STALE_AFTER
from monitoring.drift.models import DriftJob
from monitoring.health.models import HealthSource
from monitoring.quality.judging import NO_LABELS, counted_last, stale_after
from monitoring.watched.models import Watch
from monitoring.watched.states import Standing

#: Number of missed imports after which costs are stale.
MISSED_IMPORTS = 3


def watch_of(deployment: Deployment) -> Watch:
    """The row of the deployment, or an empty one in which every standing is unknown."""
    found: Watch | None = getattr(deployment, "watch", None)
    return found or Watch(deployment=deployment)


def health_reason(deployment: Deployment) -> str:
    """The reason for ``health_now``."""
    watch = watch_of(deployment)
    now = getattr(deployment, "health_now", Standing.UNKNOWN)
    if watch.health == now:
        return watch.health_reason or "Metrics were never read."
    source: HealthSource | None = getattr(deployment, "health_source", None)
    if source is None or source.minute is None:
        return "Metrics were never read."
    return f"Metrics were last read at {_told(source.minute)}."


def drift_now(deployment: Deployment, now: datetime) -> tuple[Standing, str]:
    """The standing of drift and its reason."""
    watch, standing = watch_of(deployment), Standing(watch_of(deployment).drift)
    if standing == Standing.UNKNOWN:
        return standing, watch.drift_reason or "Drift was never judged."
    job: DriftJob | None = getattr(deployment, "drift_job", None)
    counted_at = job.counted_at if job else None
    if counted_at is None:
        return Standing.UNKNOWN, "Predictions were never counted."
    if now - counted_at > DRIFT_STALE_AFTER:
        return Standing.UNKNOWN, f"Predictions were last counted at {_told(counted_at)}."
    return standing, watch.drift_reason


def quality_now(deployment: Deployment, now: datetime) -> tuple[Standing, str]:
    """The standing of quality by the limit of the team, and its reason."""
    watch = watch_of(deployment)
    standing = Standing(watch.quality)
    if standing == Standing.UNKNOWN:
        return standing, watch.quality_reason or NO_LABELS
    counted_at = watch.quality_counted_at
    if counted_at is None or now - counted_at > stale_after():
        return Standing.UNKNOWN, counted_last(counted_at) if counted_at else "Labels were never counted."
    return standing, watch.quality_reason


def cost_now(deployment: Deployment, now: datetime) -> tuple[Standing, str]:
    """The standing of cost by the budgets of the team, and its reason."""
    watch, standing = watch_of(deployment), Standing(watch_of(deployment).cost)
    if standing == Standing.UNKNOWN:
        return standing, watch.cost_reason or "Billing tables were never read."
    source: BillingSource | None = getattr(deployment.workspace, "billing_source", None)
    read_at = source.read_at if source else None
    if read_at is None:
        return Standing.UNKNOWN, "Billing tables were never read."
    if now - read_at > timedelta(seconds=MISSED_IMPORTS * settings.COST_EVERY_S):
        return Standing.UNKNOWN, f"Billing tables were last read at {_told(read_at)}."
    return standing, watch.cost_reason


def _told(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
