"""`/api/2.2/jobs/runs`: submit, read, cancel, repair and delete runs. The dispatcher executes them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request

from sandbox.identity.dependencies import CurrentPrincipal
from sandbox.identity.principals import Principal
from sandbox.jobs.api import access
from sandbox.jobs.api.access import CAN_MANAGE_RUN, CAN_VIEW
from sandbox.jobs.api.bodies import CancelAllBody, Number, RepairBody, RunBody, SubmitBody
from sandbox.jobs.api.lookup import ListShape, descending, dispatcher_of, find_job, known_run, views_of
from sandbox.jobs.api.planning import Asker, repair, submitted_run
from sandbox.jobs.api.validation import check_parameters, check_tasks, check_token
from sandbox.jobs.execution.output import run_output
from sandbox.jobs.records import JOB_RUN, JobRecord, RunFilter, RunRecord, RunRecords, TaskRun
from sandbox.jobs.states import LifeCycle
from sandbox.web.errors import ApiError, invalid
from sandbox.web.paging import Page

router = APIRouter(prefix="/api/2.2/jobs/runs")
LARGEST_PAGE = 24


@dataclass(frozen=True)
class Found:
    """A run, and the task run if the request had a task's run id."""

    run: RunRecord
    task: TaskRun | None = None


@router.post("/submit")
async def submit(body: SubmitBody, request: Request, who: CurrentPrincipal) -> dict[str, Any]:
    check_token(body.idempotency_token)
    known = known_run(request, who.id, body.idempotency_token)
    if known is not None:
        return {"run_id": known}
    if not body.tasks:
        raise invalid("The run has no tasks.")
    check_tasks(body)
    run = submitted_run(body.kept(), Asker(who.user_name, access.run_as_name(request, who, body.run_as)))
    access.register(request, who, run.job_id, body)
    token = body.idempotency_token
    dispatcher_of(request).launch(run, (who.id, token) if token else None)
    return {"run_id": run.run_id}


@router.get("/get")
def get(
    request: Request, who: CurrentPrincipal, run_id: Number, include_history: bool = False, page_token: str = ""
) -> dict[str, Any]:
    found = _find(request, who, run_id, CAN_VIEW)
    if found.task is not None:
        return views_of(request).task_as_run(found.run, found.task)
    return views_of(request).run(found.run, page_token, history=include_history)


@dataclass
class ListQuery:
    """The filters of `runs/list`."""

    job_id: Number | None = None
    active_only: bool = False
    completed_only: bool = False
    run_type: Literal["JOB_RUN", "SUBMIT_RUN", "WORKFLOW_RUN"] | None = None
    start_time_from: Number | None = None
    start_time_to: Number | None = None

    def as_filter(self) -> RunFilter:
        if self.active_only and self.completed_only:
            raise invalid("active_only and completed_only cannot both be true.")
        is_active = True if self.active_only else False if self.completed_only else None
        return RunFilter(self.job_id, is_active, self.run_type, self.start_time_from, self.start_time_to)


@router.get("/list")
def list_runs(
    request: Request,
    who: CurrentPrincipal,
    wanted: Annotated[ListQuery, Depends()],
    shape: Annotated[ListShape, Depends()],
) -> dict[str, Any]:
    """Newest first."""
    rows = _runs(request).newest_first(wanted.as_filter())
    visible: dict[int, bool] = {}
    for _, _, job_id in rows:
        if job_id not in visible:
            visible[job_id] = access.may(request, who, job_id, CAN_VIEW)
    if shape.limit > LARGEST_PAGE:
        raise invalid(f"limit must be less than {LARGEST_PAGE + 1}, got {shape.limit}.")
    found = [(seq, run_id) for seq, run_id, job_id in rows if visible[job_id]][shape.offset :]
    shown, more = Page(shape.limit or LARGEST_PAGE, shape.page_token).cut(found, lambda item: descending(item[0]))
    runs = [run for _, run_id in shown if (run := _runs(request).get(run_id)) is not None]
    views = [views_of(request).listed_run(run, expand=shape.expand_tasks) for run in runs]
    return {"runs": views, "has_more": bool(more), **more}


@router.get("/get-output")
def get_output(request: Request, who: CurrentPrincipal, run_id: Number) -> dict[str, Any]:
    """The output of a task run, or of a run with one task."""
    found = _find(request, who, run_id, CAN_VIEW)
    task = found.task or _only_task(found.run)
    metadata = views_of(request).task_as_run(found.run, task)
    return run_output(task, dispatcher_of(request).workshop.places(task.run_id), metadata)


@router.post("/cancel")
async def cancel(body: RunBody, request: Request, who: CurrentPrincipal) -> dict[str, Any]:
    """Returns at once. The run ends soon after."""
    found = _find(request, who, body.run_id, CAN_MANAGE_RUN)
    if found.task is not None:
        dispatcher_of(request).cancel_task(found.run.run_id, found.task.run_id)
    else:
        dispatcher_of(request).cancel(found.run.run_id)
    return {}


@router.post("/cancel-all")
async def cancel_all(body: CancelAllBody, request: Request, who: CurrentPrincipal) -> dict[str, Any]:
    """Cancels the active runs of a job; with `all_queued_runs` only queued runs, without `job_id` those of all jobs."""
    if body.job_id is None and not body.all_queued_runs:
        raise invalid("job_id or all_queued_runs must be given.")
    if body.job_id is not None:
        find_job(request, who, body.job_id, CAN_MANAGE_RUN)
    for _, run_id, job_id in _runs(request).newest_first(RunFilter(job_id=body.job_id, is_active=True)):
        run = _runs(request).get(run_id)
        if run is None or (body.all_queued_runs and run.state.life_cycle is not LifeCycle.QUEUED):
            continue
        if access.may(request, who, job_id, CAN_MANAGE_RUN):
            dispatcher_of(request).cancel(run_id)
    return {}


@router.post("/repair")
async def repair_run(body: RepairBody, request: Request, who: CurrentPrincipal) -> dict[str, Any]:
    check_parameters(body)
    run = _find_run(request, who, body.run_id)
    job: JobRecord | None = request.app.state.job_records.get(run.job_id) if run.run_type == JOB_RUN else None
    again = repair(run, body, job)
    dispatcher_of(request).resume(run, again)
    return {"repair_id": run.repairs[-1].id}


@router.post("/delete")
async def delete_run(body: RunBody, request: Request, who: CurrentPrincipal) -> dict[str, Any]:
    run = _find_run(request, who, body.run_id)
    if not run.state.is_finished:
        raise ApiError(400, "INVALID_STATE", f"Run {run.run_id} is active and cannot be deleted.")
    _runs(request).remove(run.run_id)
    for task in run.tasks:
        await asyncio.to_thread(dispatcher_of(request).workshop.forget, task.run_id)
    return {}


# -- what the routes share ------------------------------------------------------------------------------------


def _find(request: Request, who: Principal, run_id: int, level: str) -> Found:
    """Finds a run by its id or by a task's run id. Raises ApiError 400 if it does not exist, 403 without permission."""
    runs = _runs(request)
    run = runs.get(run_id) or runs.get(runs.parent_of(run_id) or 0)
    if run is None:
        raise invalid(f"Run {run_id} does not exist.")
    access.require(request, who, run.job_id, level)
    return Found(run, next((task for task in run.tasks if task.run_id == run_id), None))


def _find_run(request: Request, who: Principal, run_id: int) -> RunRecord:
    found = _find(request, who, run_id, CAN_MANAGE_RUN)
    if found.task is not None:
        raise invalid(f"Run {run_id} is the run of a task; give the id of its job run, {found.run.run_id}.")
    return found.run


def _only_task(run: RunRecord) -> TaskRun:
    tasks = list(run.latest.values())
    if len(tasks) != 1:
        raise invalid(
            "Retrieving the output of runs with multiple tasks is not supported. "
            "Please retrieve the output of each individual task run instead."
        )
    return tasks[0]


def _runs(request: Request) -> RunRecords:
    records: RunRecords = request.app.state.run_records
    return records
