"""One attempt at a task: from the first check to the final state."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.child import Child
from sandbox.identity.principals import Principal
from sandbox.jobs.execution.command import TaskPlaces, Visit, task_argv, task_environment
from sandbox.jobs.execution.output import bound
from sandbox.jobs.execution.parameters import resolved_parameters
from sandbox.jobs.execution.sources import Sources, is_installed
from sandbox.jobs.records import RunRecord, RunRecords, TaskRun
from sandbox.jobs.states import Code, Result, State, broken, ended, succeeded, timed_out
from sandbox.spark.door import SparkDoors
from sandbox.web.errors import ApiError

MAX_TASKS = 2
POLL_S = 0.1
STOP_GRACE_S = 5.0


@dataclass
class Workshop:
    """What all runs share."""

    records: RunRecords
    sources: Sources
    #: The principal with this user name. Raises ApiError.
    principal: Callable[[str], Principal]
    issue_token: Callable[[Principal], str]
    revoke_token: Callable[[str], None]
    spark: SparkDoors
    url: str
    directory: Path
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_TASKS))

    def places(self, task_run_id: int) -> TaskPlaces:
        return TaskPlaces(self.directory / str(task_run_id))

    def forget(self, task_run_id: int) -> None:
        shutil.rmtree(self.places(task_run_id).directory, ignore_errors=True)


class RefusedError(Exception):
    """The process cannot start. The state has the reason."""

    def __init__(self, state: State) -> None:
        super().__init__(state.message)
        self.state = state


async def attempt(workshop: Workshop, run: RunRecord, task: TaskRun) -> State:
    """Runs the attempt and returns its final state. Sets the task's `error` and `error_trace`."""
    timeout_s = int(task.settings.get("timeout_seconds") or 0)
    try:
        async with asyncio.timeout(timeout_s or None):
            exit_code = await _run_process(workshop, run, task)
    except TimeoutError:
        return timed_out(timeout_s)
    except RefusedError as error:
        return error.state
    if exit_code == 0:
        return succeeded()
    task.error, task.error_trace = await asyncio.to_thread(_read_report, workshop.places(task.run_id), exit_code)
    return ended(Result.FAILED, Code.RUN_EXECUTION_ERROR, "Workload failed, see run output for details")


async def _run_process(workshop: Workshop, run: RunRecord, task: TaskRun) -> int:
    """Returns the exit code. Always ends the process group and removes its home directory, also on an error."""
    script, who = await asyncio.to_thread(_prepare, workshop, run, task)
    places = workshop.places(task.run_id)
    argv = task_argv(places, script, resolved_parameters(run, task))
    async with workshop.spark.open(who) as spark_remote:
        token = workshop.issue_token(who)
        visit = Visit(workshop.url, token, spark_remote)
        child = Child(argv, task_environment(os.environ, places, visit), places.output, places.home)
        try:
            child.start()
            while child.is_running():
                await asyncio.sleep(POLL_S)
                await asyncio.to_thread(bound, places.output)
            exit_code = child.exit_code
        finally:
            await asyncio.to_thread(child.stop, STOP_GRACE_S)
            workshop.revoke_token(token)
            await asyncio.to_thread(shutil.rmtree, places.home, ignore_errors=True)
    assert exit_code is not None
    return exit_code


def _prepare(workshop: Workshop, run: RunRecord, task: TaskRun) -> tuple[Path, Principal]:
    """Raises RefusedError."""
    _check_dependencies(run, task)
    python_file = task.settings["spark_python_task"]["python_file"]
    try:
        who = workshop.principal(run.run_as)
        script = workshop.sources.locate(python_file, who)
    except ApiError as error:
        code = Code.UNAUTHORIZED_ERROR if error.status == 403 else Code.RESOURCE_NOT_FOUND
        raise RefusedError(broken(f"Cannot read the python file {python_file}: {error.message}", code)) from error
    workshop.places(task.run_id).home.mkdir(parents=True, exist_ok=True, mode=0o700)
    return script, who


def _check_dependencies(run: RunRecord, task: TaskRun) -> None:
    key = task.settings.get("environment_key")
    for environment in run.settings.get("environments") or []:
        if environment["environment_key"] != key:
            continue
        spec = environment.get("spec") or {}
        if missing := [line for line in spec.get("dependencies") or [] if not is_installed(line)]:
            message = f"Library installation failed: the sandbox installs nothing and lacks {', '.join(missing)}."
            raise RefusedError(broken(message, Code.LIBRARY_INSTALLATION_ERROR))


def _read_report(places: TaskPlaces, exit_code: int) -> tuple[str, str]:
    """Error and traceback from the launcher's report, or an error from the exit code if there is no report."""
    try:
        report = json.loads(places.report.read_text(encoding="utf-8"))
        return str(report["error"]), str(report["error_trace"])
    except (OSError, ValueError):
        return _exit_text(exit_code), ""


def _exit_text(exit_code: int) -> str:
    if exit_code >= 0:
        return f"The process ended with exit code {exit_code}."
    known = {item.value: item.name for item in signal.Signals}
    return f"The process was ended by {known.get(-exit_code, f'signal {-exit_code}')}."
