"""API of health, drift, cost and alerts."""

from __future__ import annotations

from deployments.api import OF_DEPLOYMENT
from monitoring.api.cost import BudgetViewSet, CostViewSet, DeploymentCostViewSet
from monitoring.api.drift import DriftViewSet
from monitoring.api.health import DeploymentHealthViewSet

routes: list[tuple[str, type, str]] = [
    (f"{OF_DEPLOYMENT}/health", DeploymentHealthViewSet, "deployment-health"),
    ("cost", CostViewSet, "cost"),
    (f"{OF_DEPLOYMENT}/cost", DeploymentCostViewSet, "deployment-cost"),
    (f"{OF_DEPLOYMENT}/drift", DriftViewSet, "deployment-drift"),
    ("budgets", BudgetViewSet, "budget"),
]
