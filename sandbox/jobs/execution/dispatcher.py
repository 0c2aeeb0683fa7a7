"""Starts runs, or queues them behind other runs of their job. Use it on the event loop only."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from sandbox.jobs.execution.attempt import Workshop
from sandbox.jobs.execution.runs import RunExecution, end_run
from sandbox.jobs.records import JOB_RUN, RunRecord, TaskRun
from sandbox.jobs.states import (
    Code,
    LifeCycle,
    QueueCode,
    Result,
    State,
    broken,
    canceled,
    skipped,
    waiting,
)
from sandbox.store import now_ms

NOT_STARTED = (LifeCycle.QUEUED, LifeCycle.PENDING)


class Dispatcher:
    def __init__(self, workshop: Workshop) -> None:
        self.workshop = workshop
        self._executions: dict[int, RunExecution] = {}
        self._waiting: list[RunRecord] = []

    # -- the sandbox's own start and end ------------------------------------------------------------------

    def start(self) -> None:
        """Resumes runs that had not started. Running runs lost their processes and end."""
        for run in self.workshop.records.active():
            if run.state.life_cycle in NOT_STARTED:
                self._begin(run)
            else:
                self._end_all(run, broken("The workspace was restarted while the run was active."))

    async def stop(self) -> None:
        executions = list(self._executions.values())
        await asyncio.gather(*(execution.end_with_sandbox() for execution in executions))

    # -- runs ---------------------------------------------------------------------------------------------

    def launch(self, run: RunRecord, token: tuple[str, str] | None) -> None:
        """Saves the new run and starts, queues or skips it, depending on its job's settings."""
        may_queue = bool((run.settings.get("queue") or {}).get("enabled"))
        if self._is_full(run) and not may_queue:
            message = "Skipped due to reaching the maximum concurrent runs of the job."
            state = skipped(Result.MAXIMUM_CONCURRENT_RUNS_REACHED, message, Code.MAX_CONCURRENT_RUNS_EXCEEDED)
            run.tasks = []
            end_run(run, state)
            self.workshop.records.add(run, token)
            return
        self.workshop.records.add(run, token)
        self._begin(run)

    def resume(self, run: RunRecord, again: Iterable[TaskRun]) -> None:
        """Restarts a finished run with the new attempts `again`, which the run already contains."""
        run.state = waiting(LifeCycle.PENDING)
        run.end_time = 0
        self.workshop.records.save(run, again)
        self._execute(run)

    def cancel(self, run_id: int) -> None:
        """No effect on a run that has ended."""
        if execution := self._executions.get(run_id):
            execution.stop(canceled())
        for run in [run for run in self._waiting if run.run_id == run_id]:
            self._waiting.remove(run)
            self._end_all(run, canceled())

    def cancel_task(self, run_id: int, task_run_id: int) -> None:
        if execution := self._executions.get(run_id):
            execution.stop_task(task_run_id)

    def cancel_all(self, job_id: int) -> None:
        executed = [execution.run for execution in self._executions.values()]
        for run in [*self._waiting, *executed]:
            if run.job_id == job_id:
                self.cancel(run.run_id)

    def _begin(self, run: RunRecord) -> None:
        if not self._is_full(run):
            self._execute(run)
            return
        run.state = waiting(LifeCycle.QUEUED, QueueCode.MAX_CONCURRENT_RUNS_REACHED)
        self.workshop.records.save(run)
        self._waiting.append(run)

    def _execute(self, run: RunRecord) -> None:
        execution = RunExecution(run, self.workshop, self._on_finished)
        self._executions[run.run_id] = execution
        execution.start()

    def _is_full(self, run: RunRecord) -> bool:
        if run.run_type != JOB_RUN:
            return False
        limit = int(run.settings.get("max_concurrent_runs", 1))
        return sum(execution.run.job_id == run.job_id for execution in self._executions.values()) >= limit

    def _on_finished(self, execution: RunExecution) -> None:
        del self._executions[execution.run.run_id]
        for run in [run for run in self._waiting if run.job_id == execution.run.job_id]:
            if not self._is_full(run):
                self._waiting.remove(run)
                run.state = waiting(LifeCycle.PENDING)
                self._execute(run)

    def _end_all(self, run: RunRecord, state: State) -> None:
        """Ends a run without an execution, and its unfinished tasks."""
        unfinished = [task for task in run.tasks if not task.state.is_finished]
        for task in unfinished:
            task.state = state
            task.end_time = now_ms()
        end_run(run, state)
        self.workshop.records.save(run, unfinished)
