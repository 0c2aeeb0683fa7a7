"""Health and configuration as alerts: what was judged and compared elsewhere, told at every look."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q

from deployments.models import ConfigCheck, Deployment
from monitoring.alerting.reporting import report
from monitoring.models import Alert, Watch
from monitoring.states import ALERT_OPEN, AlertSubject, Standing

CONFIGURATIONS = {"ok": Standing.PASSING, "warn": Standing.AT_RISK, "unknown": Standing.UNKNOWN}


def tell_health(deployment: Deployment) -> None:
    """What the deployment's ``Watch`` says of its health now."""
    watch = Watch.objects.filter(deployment=deployment).first()
    if watch is None:
        return
    evidence = {"requests_24h": watch.requests_24h, "errors_24h": watch.errors_24h, "p99_ms": watch.p99_ms}
    report(deployment, AlertSubject.HEALTH, Standing(watch.health), watch.health_reason, evidence)


def tell_configurations() -> None:
    """Endpoints that were changed by hand, and those that were until lately. Values may be secrets: only names go."""
    open_one = Alert.objects.filter(deployment=OuterRef("deployment"), subject=AlertSubject.CONFIG)
    rows = ConfigCheck.objects.filter(
        Q(status=ConfigCheck.Status.DRIFTED) | Exists(open_one.filter(state__in=ALERT_OPEN))
    )
    for check in rows.select_related("deployment"):
        state = check.state()
        fields = [difference["field"] for difference in check.differences]
        reason = f"{state.label}: {', '.join(fields)}" if fields else state.label
        report(check.deployment, AlertSubject.CONFIG, CONFIGURATIONS[state.tone], reason, {"fields": fields})
