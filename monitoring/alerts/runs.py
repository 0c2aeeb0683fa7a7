"""Alerts about ended runs. ``deployments`` does not import monitoring, so ended runs are polled."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from deployments.models import Run
from deployments.runs.statuses import ALARMING, GOOD, STRANDED, RunStatus
from monitoring.alerts.models import SeenRun
from monitoring.alerts.reporting import report
from monitoring.alerts.states import AlertSubject
from monitoring.watched.states import Standing

#: Other ends, such as a rejection, do not affect the endpoint.
STANDINGS = {
    **dict.fromkeys(ALARMING, Standing.AT_RISK),
    **dict.fromkeys(STRANDED, Standing.FAILING),
    **dict.fromkeys(GOOD, Standing.PASSING),
}
#: Older ends were already reported, or are too old to report.
LOOK_BACK = timedelta(days=2)
AT_ONCE = 500


def report_ended_runs() -> int:
    """Report new ends of runs, oldest first, and return how many. Each is reported once, by whichever worker."""
    same = SeenRun.objects.filter(run=OuterRef("pk"), finished_at=OuterRef("finished_at"))
    recent = Run.objects.filter(status__in=STANDINGS, finished_at__gte=timezone.now() - LOOK_BACK)
    rows = recent.exclude(Exists(same)).select_related("deployment__environment").order_by("finished_at", "pk")
    return sum(_report(run) for run in rows[:AT_ONCE])


def _report(run: Run) -> bool:
    finished_at = run.finished_at
    assert isinstance(finished_at, datetime)
    with transaction.atomic():
        _, is_new = SeenRun.objects.get_or_create(run=run, finished_at=finished_at)
        if is_new:
            status = RunStatus(run.status)
            reason = f"Run #{run.pk} ended: {status.label.lower()}. {run.message}".strip()
            evidence = {"run": run.pk, "status": status.value, "kind": run.kind}
            report(run.deployment, AlertSubject.RUN, STANDINGS[status], reason, evidence)
    return is_new
