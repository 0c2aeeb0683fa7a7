"""Pages of health, drift, cost and alerts."""

from __future__ import annotations

from django.urls import URLPattern, path

from monitoring.views import budgets, cost, drift, health

app_name = "monitoring"
urlpatterns: list[URLPattern] = [
    path("models/<path:full_name>/health/", health.health, name="health"),
    path("cost/", cost.cost, name="cost"),
    path("cost/budgets/", budgets.budgets, name="budgets"),
    path("models/<path:full_name>/drift/", drift.drift, name="drift"),
    path("deployments/<int:deployment_id>/drift/feature/", drift.drift_feature, name="drift_feature"),
    path("deployments/<int:deployment_id>/drift/baseline/", drift.drift_baseline, name="drift_baseline"),
    path("models/<path:full_name>/cost/", cost.model_cost, name="model_cost"),
]
