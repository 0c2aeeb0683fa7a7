"""A run with a very long log."""

from __future__ import annotations

from django.db import connection
from django.utils import timezone

from deployments.models import Event, Run
from tests.deployments.pages.test_run_log_long import COPY_THE_FIRST_LINE, ERRORS_EVERY, PLANNED

LINES = 100_000


def fill(run: Run, count: int = LINES) -> Run:
    Event.objects.create(run=run, number=1, created_at=timezone.now(), stage="plan", message=f"line 1 of run {run.pk}")
    with connection.cursor() as cursor:
        cursor.execute(COPY_THE_FIRST_LINE, [count, PLANNED, ERRORS_EVERY, run.pk])
    Run.objects.filter(pk=run.pk).update(event_count=count)
    run.refresh_from_db()
    return run
