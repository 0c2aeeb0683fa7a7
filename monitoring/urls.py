"""Pages of health, drift, cost and alerts."""

from __future__ import annotations

from django.urls import URLPattern, path

from monitoring.views import budgets, cost

app_name = "monitoring"
urlpatterns: list[URLPattern] = [
    path("cost/", cost.cost, name="cost"),
    path("cost/budgets/", budgets.budgets, name="budgets"),
    path("models/<path:full_name>/cost/", cost.model_cost, name="model_cost"),
]
