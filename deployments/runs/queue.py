"""The queue of a deployment's runs, and sending runs to workers."""

from __future__ import annotations

from celery import current_app
from django.db import transaction

from deployments.runs.models import Run
from deployments.runs.statuses import ACTIVE, RunStatus

# The runner's task by name, because this module may not import stages.
ADVANCE_RUN = "deployments.tasks.advance_run"


def next_in_line(run: Run) -> list[int]:
    """The id of the run that waited for this one, in a list; [] if no run waits or another run is active."""
    if Run.objects.filter(deployment=run.deployment_id, status__in=ACTIVE).exists():
        return []
    queued = Run.objects.filter(deployment=run.deployment_id, status=RunStatus.QUEUED).order_by("pk").first()
    if queued is None:
        return []
    Run.objects.filter(pk=queued.pk, lease_token=None).update(wake_at=None)
    return [queued.pk]


def hold_in(run: Run, status: RunStatus) -> bool:
    """Lock the run in ``status`` until the transaction ends. False if its status has changed.

    Do not use a join in a conditional UPDATE of another table instead: PostgreSQL reads the joined row as it was
    before a concurrent writer committed, so both writers would succeed.
    """
    return Run.objects.select_for_update().filter(pk=run.pk, status=status).first() is not None


def advance_soon(run_id: int) -> None:
    """Send the run to a worker, which does its next stage."""
    current_app.send_task(ADVANCE_RUN, (run_id,))


def send_on(run_id: int) -> None:
    """Send the run to a worker when the transaction commits. If the broker is down, Celery beat sends it later."""
    transaction.on_commit(lambda: advance_soon(run_id), robust=True)


def wake(run: Run) -> None:
    """End the run's waiting time and send it to a worker."""
    Run.objects.filter(pk=run.pk, status=run.status).update(wake_at=None)
    send_on(run.pk)


def send_on_whoever_can(run: Run) -> None:
    """Send this run to a worker or, if it is no longer active, the next one of its deployment."""
    for run_id in [run.pk] if run.status in ACTIVE else next_in_line(run):
        send_on(run_id)
