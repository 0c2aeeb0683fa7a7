"""Celery tasks that read metrics."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from deployments.models import Deployment
from monitoring.health import scraping as health
from monitoring.health.history import read_history
from monitoring.health.judging import judge_now
from monitoring.health.models import HealthHistory
from monitoring.health.telling import tell_health

EVERY_S = 60


@shared_task(name="monitoring.tasks.health.scrape_endpoints", expires=EVERY_S)
def scrape_endpoints() -> None:
    """Fan out: one task for each live deployment, spread over the minute."""
    for deployment_id in Deployment.objects.live().order_by("pk").values_list("pk", flat=True):
        # Multiplying by a prime spreads consecutive ids. Each deployment keeps its second of the minute.
        wait_s = deployment_id * 7919 % (EVERY_S - 10)
        scrape_endpoint.apply_async((deployment_id,), countdown=wait_s, expires=wait_s + EVERY_S)


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


@shared_task(name="monitoring.tasks.health.forget_old_health", expires=3600)
def forget_old_health() -> int:
    return health.forget_old(timezone.now())
