"""Periodic tasks of accounts."""

from __future__ import annotations

from celery import shared_task

from web.idempotency import IdempotencyKey


@shared_task(name="accounts.tasks.purge_idempotency_keys")
def purge_idempotency_keys() -> None:
    """Delete idempotency keys older than 24 hours."""
    IdempotencyKey.objects.expired().delete()
