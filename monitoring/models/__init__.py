"""What is kept of health, drift, cost, alerts and the lake."""

from __future__ import annotations

from auditlog.registry import auditlog

from monitoring.models.cost import BillingSource, CostDay, CostKind, Reconciliation
from monitoring.models.drift import Baseline, DriftJob, DriftWindow, FeatureSetting

__all__ = [
    "Baseline",
    "BillingSource",
    "CostDay",
    "CostKind",
    "DriftJob",
    "DriftWindow",
    "FeatureSetting",
    "Reconciliation",
]

# How people had features judged.
auditlog.register(FeatureSetting)
