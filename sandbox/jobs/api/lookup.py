"""Shared by the routes of jobs and of runs: lookups with permission checks, and list parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Query, Request

from sandbox.identity.principals import Principal
from sandbox.jobs.api import access
from sandbox.jobs.api.views import Views
from sandbox.jobs.execution.dispatcher import Dispatcher
from sandbox.jobs.records import JobRecord, JobRecords, RunRecords
from sandbox.web.errors import ApiError, invalid

LARGEST_SEQ = 10**12


@dataclass
class ListShape:
    """The paging parameters of a list."""

    limit: Annotated[int, Query(ge=0, le=100)] = 20
    #: Counted from the newest item.
    offset: Annotated[int, Query(ge=0)] = 0
    page_token: str = ""
    expand_tasks: bool = False


def views_of(request: Request) -> Views:
    views: Views = request.app.state.job_views
    return views


def dispatcher_of(request: Request) -> Dispatcher:
    dispatcher: Dispatcher = request.app.state.dispatcher
    return dispatcher


def jobs_of(request: Request) -> JobRecords:
    records: JobRecords = request.app.state.job_records
    return records


def find_job(request: Request, who: Principal, job_id: int, level: str) -> JobRecord:
    """Raises ApiError 400 if the job does not exist, as a workspace does, or 403 without permission."""
    job = jobs_of(request).get(job_id)
    if job is None:
        raise invalid(f"Job {job_id} does not exist.")
    access.require(request, who, job_id, level)
    return job


def known_run(request: Request, scope: str, token: str | None) -> int | None:
    """The run that the idempotency token started before. Raises ApiError 400 if that run was deleted."""
    runs: RunRecords = request.app.state.run_records
    run_id = runs.run_of_token(scope, token) if token else None
    if run_id is not None and runs.get(run_id) is None:
        message = f"The run of the idempotency token, {run_id}, was deleted."
        raise ApiError(400, "INVALID_STATE", message)
    return run_id


def descending(seq: int) -> str:
    """A sort key that puts the newest first."""
    return f"{LARGEST_SEQ - seq:012d}"
