"""Housekeeping over all apps."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from portal import retention

# Beat sends the first. The others are the names that the task had when each app deleted its own rows: messages of a
# beat that still runs the release before must be known to workers. They can go with the next release.
NAMES = (
    "monitoring.tasks.health.forget_old_health",
    "monitoring.tasks.drift.forget_old_drift",
    "accounts.tasks.purge_idempotency_keys",
)


def forget_old() -> int:
    """Delete rows that are older than ``portal/retention.py`` allows. Idempotent."""
    return retention.forget_old(timezone.now())


TASKS = [shared_task(name=name, expires=3600)(forget_old) for name in NAMES]
