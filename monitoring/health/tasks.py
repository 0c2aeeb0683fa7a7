"""Celery tasks that read metrics."""

from __future__ import annotations

from celery import shared_task

from deployments.models import Deployment
from monitoring.health import scraping as health
from monitoring.health.history import read_history
from monitoring.health.judging import judge_now
from monitoring.health.models import HealthHistory
from monitoring.health.telling import tell_health
from web.fanout import fan_out

EVERY_S = 60


@shared_task(name="monitoring.tasks.health.scrape_endpoints", expires=EVERY_S)
def scrape_endpoints() -> None:
    """Fan out: one task for each live deployment, spread over the minute."""
    rows = Deployment.objects.live().order_by("pk").values_list("pk", flat=True)
    fan_out(scrape_endpoint, rows, expires_s=EVERY_S, spread_s=EVERY_S - 10)


@shared_task(name="monitoring.tasks.health.scrape_endpoint")
def scrape_endpoint(deployment_id: int) -> None:
    """Read the last minute of one endpoint and judge it. Idempotent: each minute counts once."""
    deployment = Deployment.objects.live().select_related("workspace").filter(pk=deployment_id).first()
    if deployment is None:
        return
    health.scrape(deployment)
    judge_now(deployment)
    tell_health(deployment)


@shared_task(name="monitoring.tasks.health.read_health_history")
def read_health_history(deployment_id: int) -> None:
    """Fill hours without metrics from the inference table, if a user has requested it. Idempotent."""
    rows = HealthHistory.objects.select_related("deployment__workspace", "deployment__model")
    history = rows.filter(deployment=deployment_id, deployment__destroyed_at=None).first()
    if history is None:
        return
    read_history(history)
    judge_now(history.deployment)
