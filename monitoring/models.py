"""The models of all subjects, for Django's discovery, and what the audit trail records of them."""

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

# How features are judged.
auditlog.register(FeatureSetting)
# Where labels come from.
auditlog.register(LabelSource, exclude_fields=["updated_at"])
# Where alerts are sent and when they open. An address holds a secret.
auditlog.register(Receiver, exclude_fields=["address"])
auditlog.register(AlertRoute)
auditlog.register(AlertRule)
# Views of the fleet that are shared with teams.
auditlog.register(SavedView, exclude_fields=["updated_at"])
