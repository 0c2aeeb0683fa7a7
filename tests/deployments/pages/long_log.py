"""A run with a very long log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from deployments.models import Event, Run

LINES = 100_000

# Of the 100,000, every 5,000th is an error, and the first 1,000 are of the plan.
ERRORS_EVERY, PLANNED = 5000, 1000

# The same rows by bulk_create take four seconds.
COPY_THE_FIRST_LINE = """
    INSERT INTO deployments_event (run_id, number, created_at, stage, level, source, message)
    WITH RECURSIVE series(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM series WHERE n < %s)
    SELECT first.run_id, n, first.created_at, CASE WHEN n <= %s THEN 'plan' ELSE 'apply' END,
           CASE WHEN n %% %s = 0 THEN 'error' ELSE 'info' END, first.source, 'line ' || n || ' of run ' || first.run_id
    FROM deployments_event first, series WHERE first.run_id = %s AND first.number = 1
"""


@contextmanager
def _no_foreign_keys(cursor: CursorWrapper) -> Iterator[None]:
    """PostgreSQL would look up the run of each line when the test ends, for three seconds."""
    if connection.vendor == "postgresql":
        cursor.execute("SET LOCAL session_replication_role = replica")
    yield
    if connection.vendor == "postgresql":
        cursor.execute("SET LOCAL session_replication_role = origin")


def fill(run: Run, count: int = LINES) -> Run:
    Event.objects.create(run=run, number=1, created_at=timezone.now(), stage="plan", message=f"line 1 of run {run.pk}")
    with connection.cursor() as cursor, _no_foreign_keys(cursor):
        cursor.execute(COPY_THE_FIRST_LINE, [count, PLANNED, ERRORS_EVERY, run.pk])
    Run.objects.filter(pk=run.pk).update(event_count=count)
    run.refresh_from_db()
    return run
