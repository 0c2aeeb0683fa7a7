"""Alerts about configuration changes, from the checks that ``deployments`` keeps."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q

from deployments.models import ConfigCheck
from monitoring.alerts.models import Alert
from monitoring.alerts.reporting import report
from monitoring.alerts.states import ALERT_OPEN, AlertSubject
from monitoring.watched.states import Standing

CONFIGURATIONS = {"ok": Standing.PASSING, "warn": Standing.AT_RISK, "unknown": Standing.UNKNOWN}


def tell_configurations() -> None:
    """Report each changed endpoint, and each one with an open alert. Only field names go: values may be secrets."""
    open_one = Alert.objects.filter(deployment=OuterRef("deployment"), subject=AlertSubject.CONFIG)
    rows = ConfigCheck.objects.filter(
        Q(status=ConfigCheck.Status.DRIFTED) | Exists(open_one.filter(state__in=ALERT_OPEN))
    )
    for check in rows.select_related("deployment"):
        state = check.state()
        fields = [difference["field"] for difference in check.differences]
        reason = f"{state.label}: {', '.join(fields)}" if fields else state.label
        report(check.deployment, AlertSubject.CONFIG, CONFIGURATIONS[state.tone], reason, {"fields": fields})
