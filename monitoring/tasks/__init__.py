"""Celery's doors to what watches deployments. Each may run twice, at the same time, and on any worker."""

from __future__ import annotations

from monitoring.tasks.cost import import_all_costs, import_costs

__all__ = ["import_all_costs", "import_costs"]
