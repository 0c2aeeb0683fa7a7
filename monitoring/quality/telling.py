"""Reports quality to the fleet and to alerts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from deployments.models import Deployment
from monitoring.alerts.reporting import report, withdraw
from monitoring.alerts.states import AlertSubject
from monitoring.quality.judging import Quality, judged
from monitoring.watched import watch


def tell(deployment: Deployment, now: datetime) -> None:
    """Judge the deployment and report the result. Idempotent."""
    found = judged(deployment, now)
    watch.note(
        deployment.pk,
        quality=found.standing,
        quality_reason=found.reason,
        quality_counted_at=found.counted_at,
    )
    if found.rule is None:
        withdraw(deployment, AlertSubject.QUALITY, found.reason)
        return
    report(deployment, AlertSubject.QUALITY, found.standing, found.reason, evidence_of(found))


def evidence_of(found: Quality) -> dict[str, Any]:
    """The value with its limit, and the labels it is computed from."""
    return {
        "version": found.version,
        "metric": found.rule.metric.key if found.rule else None,
        "value": found.value,
        "limit": found.rule.limit if found.rule else None,
        "predictions": found.counts.predictions if found.counts else 0,
        "labelled": found.counts.labelled if found.counts else 0,
        "coverage": found.counts.coverage if found.counts else None,
        "days": [day.isoformat() for day in found.days] if found.days else None,
    }
