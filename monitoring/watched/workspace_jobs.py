"""Starting a job of a workspace once, and looking at it, whoever dies in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from integrations.databricks.workspace import WorkspaceClient
from monitoring.watched.models import WorkspaceJob

# A job that was asked for and is not heard of is given up this long after its own timeout.
GRACE = timedelta(minutes=5)


class JobFailed(Exception):
    """The job will not say what was asked of it; the text says why."""


@dataclass(frozen=True)
class Script:
    """``file`` is its name in the portal's own folder; ``dependencies`` are pip requirements."""

    name: str
    file: str
    content: bytes
    timeout_s: int
    dependencies: Sequence[str] = ()


def start(job: WorkspaceJob, workspace: WorkspaceClient, script: Script) -> None:
    """The same start if it is repeated. Raises IntegrationError."""
    # In a folder of its own: what lies in /Shared anybody may replace, and it runs with the portal's rights.
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
    """The output of a job that ended well, None of one under way. One that takes too long is cancelled.

    Raises JobFailed, or IntegrationError.
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
