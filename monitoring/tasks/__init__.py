"""Celery's doors to what watches deployments. Each may run twice, at the same time, and on any worker."""

from __future__ import annotations

from monitoring.tasks.cost import import_all_costs, import_costs
from monitoring.tasks.drift import watch_all_drift, watch_drift
from monitoring.tasks.lake import export_lake, export_table, tidy_lake, tidy_table

__all__ = [
    "export_lake",
    "export_table",
    "import_all_costs",
    "import_costs",
    "tidy_lake",
    "tidy_table",
    "watch_all_drift",
    "watch_drift",
]
