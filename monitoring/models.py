"""What is kept of health, drift, cost, alerts and the lake."""

from __future__ import annotations

from auditlog.registry import auditlog

from monitoring.alerts.models import Alert, AlertEvent, AlertRoute, AlertRule, Delivery, Receiver, ReceiverKind, SeenRun
from monitoring.cost.models import BillingSource, CostDay, CostKind, Reconciliation
from monitoring.drift.models import Baseline, DriftDay, DriftJob, DriftWindow, FeatureSetting
from monitoring.fleet.models import SavedView
from monitoring.health.models import HealthBucket, HealthHistory, HealthSource
from monitoring.quality.models import LabelSource, QualityDay, QualityJob
from monitoring.watched.models import Watch

__all__ = [
    "Alert",
    "AlertEvent",
    "AlertRoute",
    "AlertRule",
    "Baseline",
    "BillingSource",
    "CostDay",
    "CostKind",
    "Delivery",
    "DriftDay",
    "DriftJob",
    "DriftWindow",
    "FeatureSetting",
    "HealthBucket",
    "HealthHistory",
    "HealthSource",
    "LabelSource",
    "QualityDay",
    "QualityJob",
    "Receiver",
    "ReceiverKind",
    "Reconciliation",
    "SavedView",
    "SeenRun",
    "Watch",
]

# How people had features judged.
auditlog.register(FeatureSetting)
# Where labels come from.
auditlog.register(LabelSource, exclude_fields=["updated_at"])
# Where alerts go and when they open; an address holds a secret.
auditlog.register(Receiver, exclude_fields=["address"])
auditlog.register(AlertRoute)
auditlog.register(AlertRule)
# What people share with their teams.
auditlog.register(SavedView, exclude_fields=["updated_at"])
