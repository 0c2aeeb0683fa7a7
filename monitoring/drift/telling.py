"""Reports drift to the fleet and to alerts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from deployments.models import Deployment
from monitoring.alerts.reporting import report
from monitoring.alerts.states import AlertSubject
from monitoring.drift.judging import Judged, judged
from monitoring.watched import watch
from sketches.judgement import DriftStatus

MOST_FEATURES = 20


def tell(deployment: Deployment, now: datetime) -> None:
    """Judge the deployment and report the result. Idempotent."""
    found = judged(deployment, now)
    watch.note(deployment.pk, drift=found.standing, drift_reason=found.reason)
    report(
        deployment,
        AlertSubject.DRIFT,
        found.standing,
        f"{found.reason[:1].upper()}{found.reason[1:]}.",
        evidence_of(found),
    )


def evidence_of(found: Judged) -> dict[str, Any]:
    """The window, and the features with the most drift in it."""
    drifting = [item for item in found.features if item.status == DriftStatus.DRIFT]
    farthest = sorted(drifting, key=lambda item: -(item.value or 0))[:MOST_FEATURES]
    span = found.span
    return {
        "version": found.version.version if found.version else None,
        "window": [span.start.isoformat(), span.end.isoformat()] if span else None,
        "predictions": span.rows if span else 0,
        "features": [
            {"feature": item.name, "metric": item.metric, "value": item.value, "threshold": item.threshold}
            for item in farthest
        ],
    }
