"""API of health, drift, cost and alerts."""

from __future__ import annotations

from deployments.api import OF_DEPLOYMENT
from monitoring.alerts.api import AlertRuleViewSet, AlertViewSet
from monitoring.alerts.receiver_api import AlertRouteViewSet, ReceiverViewSet
from monitoring.cost.api import BudgetViewSet, CostViewSet, DeploymentCostViewSet
from monitoring.drift.api import DriftViewSet
from monitoring.fleet.api import FleetViewSet
from monitoring.fleet.saved_view_api import SavedViewViewSet
from monitoring.health.api import DeploymentHealthViewSet
from monitoring.quality.api import QualityViewSet

routes: list[tuple[str, type, str]] = [
    ("fleet", FleetViewSet, "fleet"),
    ("fleet/views", SavedViewViewSet, "saved-view"),
    (f"{OF_DEPLOYMENT}/health", DeploymentHealthViewSet, "deployment-health"),
    ("cost", CostViewSet, "cost"),
    (f"{OF_DEPLOYMENT}/cost", DeploymentCostViewSet, "deployment-cost"),
    (f"{OF_DEPLOYMENT}/drift", DriftViewSet, "deployment-drift"),
    # The only action is "quality".
    (OF_DEPLOYMENT, QualityViewSet, "of-deployment"),
    ("budgets", BudgetViewSet, "budget"),
    ("alerts", AlertViewSet, "alert"),
    (f"{OF_DEPLOYMENT}/alert-rules", AlertRuleViewSet, "alert-rule"),
    ("receivers", ReceiverViewSet, "receiver"),
    ("alert-routes", AlertRouteViewSet, "alert-route"),
]
