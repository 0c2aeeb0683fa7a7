"""Responses for jobs, runs and tasks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sandbox.config import WORKSPACE_ID
from sandbox.jobs.api.settings import DEFAULTS
from sandbox.jobs.records import JobRecord, Repair, RunRecord, TaskRun
from sandbox.store import now_ms
from sandbox.web.errors import invalid

ARRAY_PAGE = 100
JOB_ARRAYS = ("tasks", "job_clusters", "environments", "parameters")
RUN_ARRAYS = ("tasks", "job_clusters", "job_parameters", "repair_history")
TASK_DEFAULTS: dict[str, Any] = {"run_if": "ALL_SUCCESS", "timeout_seconds": 0, "email_notifications": {}}


class Views:
    def __init__(self, workspace_url: str) -> None:
        self._url = workspace_url.rstrip("/")

    def job(self, job: JobRecord, page_token: str = "") -> dict[str, Any]:
        """Job."""
        settings = {key: value for key, value in job.settings.items() if key != "access_control_list"}
        if "tasks" in settings:
            settings["tasks"] = [TASK_DEFAULTS | task for task in settings["tasks"]]
        shown, more = paged(DEFAULTS | settings, JOB_ARRAYS, page_token)
        run_as = settings.get("run_as") or {}
        return {
            "job_id": job.job_id,
            "creator_user_name": job.creator,
            "run_as_user_name": run_as.get("user_name") or run_as.get("service_principal_name") or job.creator,
            "created_time": job.created_time,
            "settings": shown,
            **more,
        }

    def listed_job(self, job: JobRecord, *, expand: bool) -> dict[str, Any]:
        """BaseJob: with tasks and clusters only if `expand` is set."""
        view = self.job(job)
        view.pop("next_page_token", None)
        if not expand:
            view["settings"] = {k: v for k, v in view["settings"].items() if k not in ("tasks", "job_clusters")}
        return view

    def run(self, run: RunRecord, page_token: str = "", *, history: bool = False) -> dict[str, Any]:
        """Run."""
        settings = run.settings
        view = self._common(run) | {
            "job_clusters": settings.get("job_clusters") or [],
            "job_parameters": run.job_parameters,
            "tasks": [self.task(run, task) for task in run.tasks],
        }
        if history:
            view["repair_history"] = [_repair_view(repair) for repair in run.repairs]
        shown, more = paged(view, RUN_ARRAYS, page_token)
        return {key: value for key, value in shown.items() if value != []} | more

    def listed_run(self, run: RunRecord, *, expand: bool) -> dict[str, Any]:
        """BaseRun."""
        view = self.run(run)
        view.pop("next_page_token", None)
        hidden = () if expand else ("tasks", "job_clusters")
        return {key: value for key, value in view.items() if key not in hidden}

    def task(self, run: RunRecord, task: TaskRun) -> dict[str, Any]:
        """RunTask."""
        view = TASK_DEFAULTS | task.settings | _times(task) | _state(task)
        return view | {
            "run_id": task.run_id,
            "attempt_number": task.attempt_number,
            "run_page_url": self._page(run.job_id, task.run_id),
        }

    def task_as_run(self, run: RunRecord, task: TaskRun) -> dict[str, Any]:
        """A Run for the run id of a task."""
        return self._common(run) | {
            **_times(task),
            **_state(task),
            "run_id": task.run_id,
            "job_run_id": run.run_id,
            "run_name": task.task_key,
            "attempt_number": task.attempt_number,
            "run_page_url": self._page(run.job_id, task.run_id),
            "run_duration": _since(task.start_time, task.end_time),
            "tasks": [self.task(run, task)],
        }

    def _common(self, run: RunRecord) -> dict[str, Any]:
        tasks = list(run.latest.values())
        view: dict[str, Any] = {
            "job_id": run.job_id,
            "run_id": run.run_id,
            "job_run_id": run.run_id,
            "number_in_job": run.run_id,
            "creator_user_name": run.creator,
            "run_name": run.run_name,
            "run_type": run.run_type,
            "run_page_url": self._page(run.job_id, run.run_id),
            "trigger": "ONE_TIME",
            "format": "MULTI_TASK",
            "start_time": run.start_time,
            "end_time": run.end_time,
            "setup_duration": 0,
            "execution_duration": _times(tasks[0])["execution_duration"] if len(tasks) == 1 else 0,
            "cleanup_duration": 0,
            "queue_duration": run.queue_duration,
            "run_duration": _since(run.start_time, run.end_time),
            **_state(run),
        }
        optional = {
            "overriding_parameters": run.overriding_parameters,
            "effective_performance_target": _performance_target(run, tasks),
        }
        return view | {key: value for key, value in optional.items() if value is not None}

    def _page(self, job_id: int, run_id: int) -> str:
        return f"{self._url}/?o={WORKSPACE_ID}#job/{job_id}/run/{run_id}"


def paged(view: dict[str, Any], arrays: Sequence[str], page_token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The view with one page of each array, and `next_page_token` if any array has more items."""
    if page_token and not re.fullmatch(r"[0-9]{1,9}", page_token):
        raise invalid("page_token is invalid: it was not returned by this API.")
    begin = int(page_token or 0)
    end = begin + ARRAY_PAGE
    shown = {key: value[begin:end] if key in arrays else value for key, value in view.items()}
    goes_on = any(len(view.get(key) or []) > end for key in arrays)
    return shown, {"has_more": True, "next_page_token": str(end)} if goes_on else {}


def _performance_target(run: RunRecord, tasks: Sequence[TaskRun]) -> str | None:
    """None if all tasks run on clusters."""
    is_serverless = any(task.settings.get("environment_key") for task in tasks)
    return str(run.settings.get("performance_target") or "PERFORMANCE_OPTIMIZED") if is_serverless else None


def _state(item: RunRecord | TaskRun | Repair) -> dict[str, Any]:
    return {"state": item.state.old_view(), "status": item.state.new_view()}


def _times(task: TaskRun) -> dict[str, Any]:
    """A task that has not started reports its creation time as its start time, so that tasks sort correctly."""
    return {
        "start_time": task.start_time or task.created_at,
        "end_time": task.end_time,
        "setup_duration": 0,
        "execution_duration": _since(task.start_time, task.end_time),
        "cleanup_duration": 0,
        "queue_duration": _since(task.created_at, task.start_time or task.end_time),
    }


def _since(start: int, end: int) -> int:
    """Milliseconds from `start` to `end`, or until now without an end; 0 before the start."""
    return (end or now_ms()) - start if start else 0


def _repair_view(repair: Repair) -> dict[str, Any]:
    view = {
        "type": "ORIGINAL" if repair.id is None else "REPAIR",
        "start_time": repair.start_time,
        "end_time": repair.end_time,
        "task_run_ids": repair.task_run_ids,
        **_state(repair),
    }
    return view if repair.id is None else view | {"id": repair.id}
