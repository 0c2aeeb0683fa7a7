"""API of health, drift, cost and alerts."""

from __future__ import annotations

from deployments.api import OF_DEPLOYMENT
from monitoring.api.cost import BudgetViewSet, CostViewSet, DeploymentCostViewSet

routes: list[tuple[str, type, str]] = [
    ("cost", CostViewSet, "cost"),
    (f"{OF_DEPLOYMENT}/cost", DeploymentCostViewSet, "deployment-cost"),
    ("budgets", BudgetViewSet, "budget"),
]
