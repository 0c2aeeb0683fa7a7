"""The Celery tasks of all subjects, for discovery. Each may run twice, concurrently, and on any worker."""

from __future__ import annotations

from monitoring.alerts.tasks import deliver_alert, send_alerts, watch_alerts
from monitoring.cost.tasks import import_all_costs, import_costs
from monitoring.drift.tasks import forget_old_drift, watch_all_drift, watch_drift
from monitoring.health.tasks import forget_old_health, read_health_history, scrape_endpoint, scrape_endpoints
from monitoring.lake.tasks import export_lake, export_table, tidy_lake, tidy_table
from monitoring.quality.tasks import watch_all_quality, watch_quality

__all__ = [
    "deliver_alert",
    "export_lake",
    "export_table",
    "forget_old_drift",
    "forget_old_health",
    "import_all_costs",
    "import_costs",
    "read_health_history",
    "scrape_endpoint",
    "scrape_endpoints",
    "send_alerts",
    "tidy_lake",
    "tidy_table",
    "watch_alerts",
    "watch_all_drift",
    "watch_all_quality",
    "watch_drift",
    "watch_quality",
]
