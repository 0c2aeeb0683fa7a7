
from __future__ import annotations

from deployments.api import OF_DEPLOYMENT
from monitoring.api.cost import BudgetViewSet, CostViewSet, DeploymentCostViewSet
from monitoring.api.drift import DriftViewSet

routes: list[tuple[str, type, str]] = [
    ("cost", CostViewSet, "cost"),
    (f"{OF_DEPLOYMENT}/cost", DeploymentCostViewSet, "deployment-cost"),
    (f"{OF_DEPLOYMENT}/drift", DriftViewSet, "deployment-drift"),
    ("budgets", BudgetViewSet, "budget"),
]
