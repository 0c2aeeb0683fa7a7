"""Pages of health, drift, cost and alerts."""

from __future__ import annotations

from django.urls import URLPattern, path

from monitoring.alerts import receiver_views as receivers
from monitoring.alerts import views as alerts
from monitoring.cost import budget_views as budgets
from monitoring.cost import views as cost
from monitoring.drift import views as drift
from monitoring.fleet import saved_view_views as saved_views
from monitoring.fleet import views as fleet
from monitoring.health import views as health
from monitoring.quality import views as quality

app_name = "monitoring"
urlpatterns: list[URLPattern] = [
    path("fleet/", fleet.fleet, name="fleet"),
    path("fleet/now/", fleet.fleet_now, name="fleet_now"),
    path("fleet/views/", saved_views.fleet_views, name="fleet_views"),
    path("fleet/views/new/", saved_views.fleet_view_new, name="fleet_view_new"),
    path("fleet/views/<int:view_id>/", saved_views.fleet_view, name="fleet_view"),
    path("fleet/views/<int:view_id>/edit/", saved_views.fleet_view_edit, name="fleet_view_edit"),
    path("fleet/views/<int:view_id>/delete/", saved_views.fleet_view_delete, name="fleet_view_delete"),
    path("models/<path:full_name>/health/", health.health, name="health"),
    path("deployments/<int:deployment_id>/health/history/", health.health_history, name="health_history"),
    path("cost/", cost.cost, name="cost"),
    path("cost/budgets/", budgets.budgets, name="budgets"),
    path("models/<path:full_name>/drift/", drift.drift, name="drift"),
    path("deployments/<int:deployment_id>/drift/feature/", drift.drift_feature, name="drift_feature"),
    path("deployments/<int:deployment_id>/drift/rows/", drift.drift_rows, name="drift_rows"),
    path("deployments/<int:deployment_id>/drift/baseline/", drift.drift_baseline, name="drift_baseline"),
    path("models/<path:full_name>/quality/", quality.quality, name="quality"),
    path("deployments/<int:deployment_id>/quality/remove/", quality.quality_remove, name="quality_remove"),
    path("models/<path:full_name>/cost/", cost.model_cost, name="model_cost"),
    path("alerts/", alerts.alerts, name="alerts"),
    path("alerts/act/", alerts.alerts_act, name="alerts_act"),
    path("alerts/<int:alert_id>/", alerts.alert, name="alert"),
    path("alerts/receivers/", receivers.receivers, name="receivers"),
    path("alerts/routes/", receivers.routes, name="alert_routes"),
    path("alerts/routes/<int:route_id>/delete/", receivers.route_delete, name="route_delete"),
    path("alerts/receivers/<int:receiver_id>/test/", receivers.receiver_test, name="receiver_test"),
    path("alerts/receivers/<int:receiver_id>/deliveries/", receivers.receiver_deliveries, name="receiver_deliveries"),
    path("alerts/receivers/<int:receiver_id>/delete/", receivers.receiver_delete, name="receiver_delete"),
    path("deployments/<int:deployment_id>/alert-rules/", alerts.alert_rules, name="alert_rules"),
]
