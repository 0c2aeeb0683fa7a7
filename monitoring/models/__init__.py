"""What is kept of health, drift, cost, alerts and the lake."""

from __future__ import annotations

from monitoring.models.cost import BillingSource, CostDay, CostKind, Reconciliation

__all__ = ["BillingSource", "CostDay", "CostKind", "Reconciliation"]
