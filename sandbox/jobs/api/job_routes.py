"""`/api/2.2/jobs`: create, change, read and delete jobs, and run them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from sandbox.identity.dependencies import CurrentPrincipal
from sandbox.identity.principals import Principal
from sandbox.jobs.api import access
from sandbox.jobs.api.access import CAN_MANAGE, CAN_MANAGE_RUN, CAN_VIEW
from sandbox.jobs.api.bodies import JobBody, JobSettingsBody, Number, ResetBody, RunNowBody, UpdateBody
from sandbox.jobs.api.lookup import ListShape, descending, dispatcher_of, find_job, jobs_of, known_run, views_of
from sandbox.jobs.api.planning import Asker, run_of_job
from sandbox.jobs.api.settings import updated
from sandbox.jobs.api.validation import check_job, check_parameters, check_token
from sandbox.jobs.records import JobRecord, new_id
from sandbox.store import now_ms
from sandbox.web.errors import invalid
from sandbox.web.paging import Page

router = APIRouter(prefix="/api/2.2/jobs")


@router.post("/create")
def create(body: JobSettingsBody, request: Request, who: CurrentPrincipal) -> dict[str, Any]:
    check_job(body)
    access.run_as_name(request, who, body.run_as)
    job = JobRecord(job_id=new_id(), creator=who.user_name, created_time=now_ms(), settings=body.kept())
    access.register(request, who, job.job_id, body)
    jobs_of(request).save(job)
    return {"job_id": job.job_id}


@router.get("/get")
def get(request: Request, who: CurrentPrincipal, job_id: Number, page_token: str = "") -> dict[str, Any]:
    return views_of(request).job(find_job(request, who, job_id, CAN_VIEW), page_token)


@router.get("/list")
def list_jobs(
    request: Request, who: CurrentPrincipal, shape: Annotated[ListShape, Depends()], name: str = ""
) -> dict[str, Any]:
    """Newest first. `name` must match the whole name, ignoring case."""
    if shape.limit == 0:
        raise invalid("limit must be from 1 to 100.")
    found = [
        (seq, job)
        for seq, job in jobs_of(request).newest_first()
        if (not name or job.name.lower() == name.lower()) and access.may(request, who, job.job_id, CAN_VIEW)
    ]
    shown, more = Page(shape.limit, shape.page_token).cut(found[shape.offset :], lambda item: descending(item[0]))
    views = views_of(request)
    jobs = [views.listed_job(job, expand=shape.expand_tasks) for _, job in shown]
    return {"jobs": jobs, "has_more": bool(more), **more}


@router.post("/reset")
def reset(body: ResetBody, request: Request, who: CurrentPrincipal) -> dict[str, Any]:
    job = find_job(request, who, body.job_id, CAN_MANAGE)
    _save(request, who, job, body.new_settings)
    return {}


@router.post("/update")
def update(body: UpdateBody, request: Request, who: CurrentPrincipal) -> dict[str, Any]:
    job = find_job(request, who, body.job_id, CAN_MANAGE)
    new = body.new_settings.kept() if body.new_settings else {}
    settings = updated(job.settings, new, body.fields_to_remove or [])
    _save(request, who, job, JobSettingsBody.model_validate(settings))
    return {}


@router.post("/delete")
async def delete(body: JobBody, request: Request, who: CurrentPrincipal) -> dict[str, Any]:
    """Deletes the job and cancels its active runs. The records of runs stay."""
    job = find_job(request, who, body.job_id, CAN_MANAGE)
    jobs_of(request).remove(job.job_id)
    dispatcher_of(request).cancel_all(job.job_id)
    return {}


@router.post("/run-now")
async def run_now(body: RunNowBody, request: Request, who: CurrentPrincipal) -> dict[str, Any]:
    check_token(body.idempotency_token)
    check_parameters(body)
    job = find_job(request, who, body.job_id, CAN_MANAGE_RUN)
    known = known_run(request, str(job.job_id), body.idempotency_token)
    if known is not None:
        return {"run_id": known, "number_in_job": known}
    run_as = job.settings.get("run_as") or {}
    run_as_name = run_as.get("user_name") or run_as.get("service_principal_name") or job.creator
    run = run_of_job(job, body, Asker(who.user_name, run_as_name))
    token = body.idempotency_token
    dispatcher_of(request).launch(run, (str(job.job_id), token) if token else None)
    return {"run_id": run.run_id, "number_in_job": run.run_id}


def _save(request: Request, who: Principal, job: JobRecord, settings: JobSettingsBody) -> None:
    check_job(settings)
    access.run_as_name(request, who, settings.run_as)
    job.settings = settings.kept()
    jobs_of(request).save(job)
