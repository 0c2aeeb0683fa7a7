"""Starting a job of a workspace once, and looking at it, whoever dies in between."""

from __future__ import annotations

from datetime import datetime, timedelta

from integrations.databricks import Workspace
from monitoring.models.workspace_jobs import WorkspaceJob

# A job that was asked for and is not heard of is given up this long after its own timeout.
GRACE = timedelta(minutes=5)


def start(job: WorkspaceJob, workspace: Workspace, *, name: str, file: str, script: bytes, timeout_s: int) -> None:
    """The same start if it is repeated. ``file`` is its name in the portal's own folder. Raises IntegrationError."""
    # In a folder of its own: what lies in /Shared anybody may replace, and it runs with the portal's rights.
    path = f"/Users/{workspace.current_user()}/slipway/{file}"
    workspace.upload_file(path, script)
    job_run_id = workspace.submit_job(name, path, [], idempotency_token=str(job.token), timeout_s=timeout_s)
    job.note(job_run_id=job_run_id)


def look(job: WorkspaceJob, workspace: Workspace, now: datetime, timeout_s: int) -> str | None:
    """The output of a job that ended well, None of one under way. One that did not end well is ended here, in words.

    Raises IntegrationError.
    """
    run_id = job.job_run_id or 0
    run = workspace.job_run(run_id)
    if run.url.startswith(("https://", "http://")) and run.url != job.job_url:
        job.note(job_url=run.url[:1024])
    if not run.is_finished:
        if is_overdue(job, now, timeout_s):
            workspace.cancel_job_run(run_id)
            job.end(job.Status.FAILED, f"the job took longer than {timeout_s} s", now)
        return None
    if run.succeeded:
        return workspace.job_output(run_id)
    words = run.message or run.result_state or run.life_cycle_state
    job.end(job.Status.FAILED, f"the job ended without a result: {words}", now)
    return None


def is_overdue(job: WorkspaceJob, now: datetime, timeout_s: int) -> bool:
    return job.started_at is not None and now - job.started_at > timedelta(seconds=timeout_s) + GRACE
