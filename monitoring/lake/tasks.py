"""Writing the lake: one task for each table, every hour; small files are joined once a day."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.utils import timezone

from monitoring.lake.export import export
from monitoring.lake.tables import TABLES
from monitoring.watched import delta
from web.fanout import fan_out

log = structlog.get_logger(__name__)


@shared_task(name="monitoring.tasks.lake.export_lake", expires=3000)
def export_lake() -> None:
    """Fan out: a table that cannot be written holds up no other."""
    fan_out(export_table, TABLES, expires_s=3000)


@shared_task(name="monitoring.tasks.lake.export_table")
def export_table(name: str) -> int:
    written = export(TABLES[name])
    log.info("lake_table_exported", table=name, rows=written)
    return written


@shared_task(name="monitoring.tasks.lake.tidy_lake", expires=3600)
def tidy_lake() -> None:
    fan_out(tidy_table, TABLES, expires_s=3600)


@shared_task(name="monitoring.tasks.lake.tidy_table")
def tidy_table(name: str) -> None:
    target = delta.find(TABLES[name])
    if target is not None:
        delta.tidy(TABLES[name], target, timezone.now().date())
