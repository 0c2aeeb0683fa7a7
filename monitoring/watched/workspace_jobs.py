"""Starts a job in a workspace exactly once and polls it, also if a worker dies in between."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from deployments.models import Deployment
from integrations.databricks.workspace import WorkspaceClient
from integrations.errors import IntegrationError
from monitoring.watched.models import WorkspaceJob

logger = logging.getLogger(__name__)

#: A job that does not report an end is given up this long after its own timeout.
GRACE = timedelta(minutes=5)


class JobFailed(Exception):
    """The job ended without a result. The text is the reason."""


@dataclass(frozen=True)
class Script:
    """A job to start."""

    name: str
    #: File name in the portal's own workspace folder.
    file: str
    content: bytes
    timeout_s: int
    #: pip requirements.
    dependencies: Sequence[str] = ()


def next_step(
    deployment_id: int,
    step: Callable[[Deployment], WorkspaceJob | None],
    tell: Callable[[Deployment, datetime], None],
) -> None:
    """Do the ``step`` of a live deployment's job, and ``tell`` the standing unless the job is running.

    Idempotent: the job has a token and ends once.
    """
    rows = Deployment.objects.live().select_related("workspace", "model", "environment")
    deployment = rows.filter(pk=deployment_id).first()
    if deployment is None:
        return
    try:
        job = step(deployment)
    except IntegrationError as error:
        logger.info("%s is tried again for deployment %s: %s", step.__module__, deployment_id, error.message)
        return
    if job is None or job.status != WorkspaceJob.Status.RUNNING:
        tell(deployment, timezone.now())


def start(job: WorkspaceJob, workspace: WorkspaceClient, script: Script) -> None:
    """Upload and start the script. Idempotent by ``job.token``. Raises IntegrationError."""
    # In the portal's own folder: in /Shared, any user could replace the file, which runs with the portal's rights.
    path = f"/Users/{workspace.current_user()}/slipway/{script.file}"
    workspace.upload_file(path, script.content)
    job_run_id = workspace.submit_job(
        script.name,
        path,
        [],
        idempotency_token=str(job.token),
        timeout_s=script.timeout_s,
        dependencies=script.dependencies,
    )
    job.note(job_run_id=job_run_id)


def look(job: WorkspaceJob, workspace: WorkspaceClient, now: datetime, timeout_s: int) -> str | None:
    """The output of the job, or None while it runs. A job that takes too long is cancelled.

    Raises JobFailed or IntegrationError.
    """
    run_id = job.job_run_id or 0
    run = workspace.job_run(run_id)
    if run.url.startswith(("https://", "http://")) and run.url != job.job_url:
        job.note(job_url=run.url[:1024])
    if not run.is_finished:
        if is_overdue(job, now, timeout_s):
            workspace.cancel_job_run(run_id)
            raise JobFailed(f"the job took longer than {timeout_s} s")
        return None
    if run.succeeded:
        return workspace.job_output(run_id)
    raise JobFailed(f"the job ended without a result: {run.message or run.result_state or run.life_cycle_state}")


def is_overdue(job: WorkspaceJob, now: datetime, timeout_s: int) -> bool:
    return job.started_at is not None and now - job.started_at > timedelta(seconds=timeout_s) + GRACE
