"""API of health, drift, cost and alerts."""

from __future__ import annotations

from deployments.api import OF_DEPLOYMENT
from monitoring.api.alerts import AlertRuleViewSet, AlertViewSet
from monitoring.api.cost import BudgetViewSet, CostViewSet, DeploymentCostViewSet
from monitoring.api.drift import DriftViewSet
from monitoring.api.fleet import FleetViewSet
from monitoring.api.health import DeploymentHealthViewSet
from monitoring.api.quality import QualityViewSet
from monitoring.api.receivers import AlertRouteViewSet, ReceiverViewSet
from monitoring.api.saved_views import SavedViewViewSet

routes: list[tuple[str, type, str]] = [
    ("fleet", FleetViewSet, "fleet"),
    ("fleet/views", SavedViewViewSet, "saved-view"),
    (f"{OF_DEPLOYMENT}/health", DeploymentHealthViewSet, "deployment-health"),
    ("cost", CostViewSet, "cost"),
    (f"{OF_DEPLOYMENT}/cost", DeploymentCostViewSet, "deployment-cost"),
    (f"{OF_DEPLOYMENT}/drift", DriftViewSet, "deployment-drift"),
    # Its one action is "quality".
    (OF_DEPLOYMENT, QualityViewSet, "of-deployment"),
    ("budgets", BudgetViewSet, "budget"),
    ("alerts", AlertViewSet, "alert"),
    (f"{OF_DEPLOYMENT}/alert-rules", AlertRuleViewSet, "alert-rule"),
    ("receivers", ReceiverViewSet, "receiver"),
    ("alert-routes", AlertRouteViewSet, "alert-route"),
]
