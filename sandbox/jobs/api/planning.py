"""Builds new runs, and new attempts at tasks for repairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.jobs.api.bodies import RepairBody, RunNowBody
from sandbox.jobs.api.validation import check_known
from sandbox.jobs.execution.runs import next_attempt
from sandbox.jobs.records import JOB_RUN, SUBMIT_RUN, JobRecord, Repair, RunRecord, TaskRun, new_id
from sandbox.jobs.states import LifeCycle, waiting
from sandbox.store import now_ms
from sandbox.web.errors import ApiError, invalid

NOT_KEPT = ("tasks", "access_control_list", "idempotency_token")


@dataclass(frozen=True)
class Asker:
    """Who requested a run, and the principal of its tasks."""

    creator: str
    run_as: str


def submitted_run(settings: Mapping[str, Any], asker: Asker) -> RunRecord:
    name = str(settings.get("run_name") or "Untitled")
    return _new_run((new_id(), name, SUBMIT_RUN), settings, settings["tasks"], asker)


def run_of_job(job: JobRecord, body: RunNowBody, asker: Asker) -> RunRecord:
    tasks = chosen_tasks(job.settings.get("tasks") or [], body.only)
    settings = dict(job.settings)
    if body.queue is not None:
        settings["queue"] = body.queue.kept()
    run = _new_run((job.job_id, job.name, JOB_RUN), settings, tasks, asker)
    run.job_parameters = _job_parameters(job, body.job_parameters or {})
    if body.python_params is not None:
        run.overriding_parameters = {"python_params": body.python_params}
    return run


def chosen_tasks(tasks: Sequence[dict[str, Any]], only: Sequence[str] | None) -> list[dict[str, Any]]:
    """All tasks, or only those with the given keys; dependencies on other tasks are dropped."""
    if not tasks:
        raise invalid("The job has no tasks.")
    if only is None:
        return list(tasks)
    check_known(only, (task["task_key"] for task in tasks))
    chosen = [dict(task) for task in tasks if task["task_key"] in only]
    for task in chosen:
        task["depends_on"] = [item for item in task.get("depends_on") or [] if item["task_key"] in only]
    return chosen


def repair(run: RunRecord, body: RepairBody, job: JobRecord | None) -> list[TaskRun]:
    """Adds new attempts to the run. They use the job's current settings if the job still exists."""
    _check_repair(run, body)
    keys = _keys_to_repair(run, body)
    current = {task["task_key"]: task for task in job.settings.get("tasks") or []} if job else {}
    if job is not None:
        run.settings = _kept(job.settings)
    again = [next_attempt(task) for key, task in run.latest.items() if key in keys]
    for task in again:
        task.settings = dict(current.get(task.task_key, task.settings))
        task.settings["depends_on"] = [{"task_key": key} for key in task.depends_on if key in run.latest]
        task.state = waiting(LifeCycle.PENDING)
    run.tasks.extend(again)
    if body.python_params is not None:
        run.overriding_parameters = {"python_params": body.python_params}
    for item in run.job_parameters:
        item["value"] = (body.job_parameters or {}).get(item["name"], item["value"])
    state = waiting(LifeCycle.PENDING)
    ids = [task.run_id for task in again]
    run.repairs.append(Repair(id=new_id(), start_time=now_ms(), state=state, task_run_ids=ids))
    return again


def _new_run(
    what: tuple[int, str, str], settings: Mapping[str, Any], tasks: Sequence[dict[str, Any]], asker: Asker
) -> RunRecord:
    """`what` is the job id, and the name and type of the run."""
    job_id, name, run_type = what
    now, run_id = now_ms(), new_id()
    state = waiting(LifeCycle.PENDING)
    task_runs = [
        TaskRun(
            run_id=new_id(),
            parent_run_id=run_id,
            task_key=task["task_key"],
            settings=task,
            created_at=now,
            state=state,
        )
        for task in tasks
    ]
    return RunRecord(
        run_id=run_id,
        job_id=job_id,
        run_name=name,
        run_type=run_type,
        creator=asker.creator,
        run_as=asker.run_as,
        settings=_kept(settings),
        start_time=now,
        state=state,
        repairs=[Repair(start_time=now, state=state, task_run_ids=[task.run_id for task in task_runs])],
        tasks=task_runs,
    )


def _kept(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key not in NOT_KEPT}


def _job_parameters(job: JobRecord, given: Mapping[str, str]) -> list[dict[str, str]]:
    defined = {item["name"]: item["default"] for item in job.settings.get("parameters") or []}
    if unknown := sorted(set(given) - set(defined)):
        raise invalid(f"The job has no parameter '{unknown[0]}'.")
    return [{"name": name, "default": default, "value": given.get(name, default)} for name, default in defined.items()]


def _check_repair(run: RunRecord, body: RepairBody) -> None:
    if not run.state.is_finished:
        raise ApiError(400, "INVALID_STATE", f"Run {run.run_id} is in progress and cannot be repaired.")
    if bool(body.rerun_tasks) == body.rerun_all_failed_tasks:
        raise invalid("Exactly one of rerun_tasks and rerun_all_failed_tasks must be given.")
    if body.latest_repair_id != run.repairs[-1].id:
        raise invalid(f"latest_repair_id must be {run.repairs[-1].id}, the last repair of run {run.run_id}.")
    check_known(body.rerun_tasks or (), run.latest)


def _keys_to_repair(run: RunRecord, body: RepairBody) -> set[str]:
    """The given tasks or all unsuccessful ones, plus the tasks that were skipped because of them."""
    keys = set(body.rerun_tasks or ())
    if body.rerun_all_failed_tasks:
        keys = {key for key, task in run.latest.items() if not task.state.is_good}
    pending = set(keys)
    while pending:
        below = {key for key, task in run.latest.items() if pending & set(task.depends_on)} - keys
        pending = {key for key in below if body.rerun_dependent_tasks or not run.latest[key].state.is_good}
        keys |= pending
    if not keys:
        raise invalid(f"Run {run.run_id} has no task to run again.")
    return keys
