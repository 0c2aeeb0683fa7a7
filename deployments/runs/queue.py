"""Which run of a deployment is next, and telling a worker about it."""

from __future__ import annotations

from celery import current_app
from django.db import transaction

from deployments.runs.models import Run
from deployments.runs.statuses import ACTIVE, RunStatus

# The task of the runner, by its name: runs know no stage.
ADVANCE_RUN = "deployments.tasks.advance_run"


def next_in_line(run: Run) -> list[int]:
    """The run that waited for this one, if any."""
    if Run.objects.filter(deployment=run.deployment_id, status__in=ACTIVE).exists():
        return []
    queued = Run.objects.filter(deployment=run.deployment_id, status=RunStatus.QUEUED).order_by("pk").first()
    if queued is None:
        return []
    Run.objects.filter(pk=queued.pk, lease_token=None).update(wake_at=None)
    return [queued.pk]


def hold_in(run: Run, status: RunStatus) -> bool:
    """Keep the run where it is until the transaction ends; False if it is not in ``status`` any more.

    A condition on the run must not be a join in a conditional UPDATE of another table: PostgreSQL reads
    the joined row as it was before a concurrent writer committed, and both would win.
    """
    return Run.objects.select_for_update().filter(pk=run.pk, status=status).first() is not None


def advance_soon(run_id: int) -> None:
    """Tell a worker to do the next stage of the run."""
    current_app.send_task(ADVANCE_RUN, (run_id,))


def send_on(run_id: int) -> None:
    """Tell a worker, once the row is there. With the broker away the run is not lost: beat finds it."""
    transaction.on_commit(lambda: advance_soon(run_id), robust=True)


def wake(run: Run) -> None:
    """Have a run that waits in its stage looked at now."""
    Run.objects.filter(pk=run.pk, status=run.status).update(wake_at=None)
    send_on(run.pk)


def send_on_whoever_can(run: Run) -> None:
    """Send on whoever can work now: this run, or the next of its deployment."""
    for run_id in [run.pk] if run.status in ACTIVE else next_in_line(run):
        send_on(run_id)
