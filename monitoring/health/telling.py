"""Reports the health of deployments to alerts."""

from __future__ import annotations

from deployments.models import Deployment
from monitoring.alerts.reporting import report
from monitoring.alerts.states import AlertSubject
from monitoring.watched.models import Watch
from monitoring.watched.states import Standing


def tell_health(deployment: Deployment) -> None:
    """Report the health in the deployment's ``Watch``."""
    watch = Watch.objects.filter(deployment=deployment).first()
    if watch is None:
        return
    evidence = {"requests_24h": watch.requests_24h, "errors_24h": watch.errors_24h, "p99_ms": watch.p99_ms}
    report(deployment, AlertSubject.HEALTH, Standing(watch.health), watch.health_reason, evidence)
