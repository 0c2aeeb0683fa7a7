"""Pages of health, drift, cost and alerts."""

from __future__ import annotations

from django.urls import URLPattern, path

from monitoring.views import cost

app_name = "monitoring"
urlpatterns: list[URLPattern] = [
    path("cost/", cost.cost, name="cost"),
    path("models/<path:full_name>/cost/", cost.model_cost, name="model_cost"),
]
