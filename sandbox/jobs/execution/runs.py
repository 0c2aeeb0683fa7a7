"""Executes one run: task order, retries, timeouts, cancellation. Use it on the event loop only."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from sandbox.jobs.execution.attempt import Workshop, attempt
from sandbox.jobs.execution.outcome import run_state, verdict
from sandbox.jobs.records import RunRecord, TaskRun, new_id
from sandbox.jobs.states import (
    LifeCycle,
    QueueCode,
    Result,
    State,
    broken,
    canceled,
    skipped,
    timed_out,
    waiting,
)
from sandbox.store import now_ms

logger = logging.getLogger(__name__)
STARTED = (LifeCycle.RUNNING, LifeCycle.WAITING_FOR_RETRY, LifeCycle.TERMINATING)


class RunExecution:
    def __init__(self, run: RunRecord, workshop: Workshop, when_finished: Callable[[RunExecution], None]) -> None:
        self.run = run
        self.workshop = workshop
        self._when_finished = when_finished
        self._tasks = {key: TaskExecution(self, task) for key, task in run.latest.items()}
        self._ending: State | None = None
        self._job: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._job = asyncio.create_task(self._live(), name=f"run {self.run.run_id}")

    async def end_with_sandbox(self) -> None:
        """Ends the processes. The saved state stays unchanged; the next start decides on it."""
        if self._job is not None:
            self._job.cancel()
            await asyncio.gather(self._job, return_exceptions=True)

    def stop(self, ending: State) -> None:
        """Ends all unfinished tasks with this state. Returns at once."""
        self._ending = self._ending or ending
        for task in self._tasks.values():
            task.stop(ending)

    def stop_task(self, task_run_id: int) -> None:
        for task in self._tasks.values():
            if task.record.run_id == task_run_id:
                task.stop(canceled())

    async def upstream_of(self, task: TaskRun) -> list[State]:
        """The final states of the task's dependencies."""
        upstream = [self._tasks[key] for key in task.depends_on if key in self._tasks]
        for execution in upstream:
            await execution.ended.wait()
        return [execution.record.state for execution in upstream]

    def add_attempt(self, task: TaskRun) -> None:
        self.run.tasks.append(task)
        self.run.repairs[-1].task_run_ids.append(task.run_id)
        self.changed(task)

    def changed(self, task: TaskRun) -> None:
        """Saves a task, and the part of the run's state that follows from its tasks."""
        if not self.run.state.is_finished:
            self.run.state = self._state_of_run()
            if not self.run.queue_duration and self.run.state.life_cycle is LifeCycle.RUNNING:
                self.run.queue_duration = max(now_ms() - self.run.start_time, 1)
        self.workshop.records.save(self.run, [task])

    def _state_of_run(self) -> State:
        states = [execution.record.state for execution in self._tasks.values()]
        if all(state.is_finished for state in states):
            return self.run.state  # about to be set by the end of the run
        words = {state.life_cycle for state in states}
        if LifeCycle.TERMINATING in words and all(s.is_finished or s.life_cycle in STARTED for s in states):
            return waiting(LifeCycle.TERMINATING)
        if any(state.is_finished or state.life_cycle in STARTED for state in states):
            return waiting(LifeCycle.RUNNING)
        if LifeCycle.QUEUED in words:
            return waiting(LifeCycle.QUEUED, QueueCode.ACTIVE_RUNS_LIMIT_REACHED)
        return waiting(LifeCycle.PENDING)

    async def _live(self) -> None:
        jobs = [task.start() for task in self._tasks.values() if not task.ended.is_set()]
        try:
            _, late = await asyncio.wait(jobs, timeout=self.run.timeout_s or None)
            if late:
                self.stop(timed_out(self.run.timeout_s))
                await asyncio.wait(jobs)
        except asyncio.CancelledError:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
            raise
        self._finish()
        self.workshop.records.save(self.run)
        self._when_finished(self)

    def _finish(self) -> None:
        """A stopped run ends with the state it was stopped with, unless all tasks had ended before."""
        latest = self.run.latest
        if self._ending is not None and any(task.state == self._ending for task in latest.values()):
            end_run(self.run, self._ending)
            return
        needed = {key for task in latest.values() for key in task.depends_on}
        leaves = [key for key in latest if key not in needed]
        end_run(self.run, run_state({key: task.state for key, task in latest.items()}, leaves))


class TaskExecution:
    def __init__(self, run: RunExecution, record: TaskRun) -> None:
        self.record = record
        self.ended = asyncio.Event()
        self._run = run
        self._ending: State | None = None
        self._job: asyncio.Task[None] | None = None
        if record.state.is_finished:
            self.ended.set()

    def start(self) -> asyncio.Task[None]:
        self._job = asyncio.create_task(self._live(), name=f"task {self.record.run_id}")
        self._job.add_done_callback(self._on_done)
        return self._job

    def stop(self, ending: State) -> None:
        if self.ended.is_set() or self._ending is not None or self._job is None:
            return
        self._ending = ending
        if self.record.state.life_cycle is LifeCycle.RUNNING:
            self._set(waiting(LifeCycle.TERMINATING))
        self._job.cancel()

    def _on_done(self, job: asyncio.Task[None]) -> None:
        """Always sets a final state, so that no other task waits forever."""
        if job.cancelled():
            if self._ending is None:
                return  # the sandbox ends
            self._finish(self._ending)
        elif error := job.exception():
            logger.error("task run %s", self.record.run_id, exc_info=error)
            self._finish(broken("The sandbox could not run this task; see its log."))

    def _finish(self, state: State) -> None:
        self.record.end_time = now_ms()
        self._set(state)
        self.ended.set()

    def _set(self, state: State) -> None:
        self.record.state = state
        self._run.changed(self.record)

    async def _live(self) -> None:
        if self.record.depends_on:
            self._set(waiting(LifeCycle.BLOCKED))
        upstream = await self._run.upstream_of(self.record)
        if self.record.settings.get("disabled"):
            self._finish(skipped(Result.DISABLED, "The task is disabled."))
        elif left_out := verdict(self.record.settings.get("run_if") or "ALL_SUCCESS", upstream):
            self._finish(left_out)
        else:
            self._finish(await self._attempts())

    async def _attempts(self) -> State:
        """Runs attempts until no retry is left. Returns the state of the last attempt."""
        while True:
            async with self._slot():
                self.record.start_time = now_ms()
                self._set(waiting(LifeCycle.RUNNING))
                state = await attempt(self._run.workshop, self._run.run, self.record)
            if state.is_good or not self._may_retry(state):
                return state
            await self._begin_retry(state)

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        """Tasks get a slot in the order in which they became ready."""
        slots = self._run.workshop.slots
        queued = waiting(LifeCycle.QUEUED, QueueCode.ACTIVE_RUNS_LIMIT_REACHED)
        self._set(queued if slots.locked() else waiting(LifeCycle.PENDING))
        async with slots:
            yield

    def _may_retry(self, state: State) -> bool:
        """`max_retries` of -1 means unlimited. Timeouts are retried only with `retry_on_timeout`."""
        settings = self.record.settings
        if state.result is Result.TIMEDOUT and not settings.get("retry_on_timeout"):
            return False
        limit = int(settings.get("max_retries") or 0)
        return limit < 0 or self.record.attempt_number < limit

    async def _begin_retry(self, state: State) -> None:
        self.record.end_time = now_ms()
        self._set(state)
        self.record = next_attempt(self.record)
        self._run.add_attempt(self.record)
        await asyncio.sleep(int(self.record.settings.get("min_retry_interval_millis") or 0) / 1000)


def next_attempt(task: TaskRun) -> TaskRun:
    return TaskRun(
        run_id=new_id(),
        parent_run_id=task.parent_run_id,
        task_key=task.task_key,
        settings=task.settings,
        attempt_number=task.attempt_number + 1,
        created_at=now_ms(),
        state=waiting(LifeCycle.WAITING_FOR_RETRY),
    )


def end_run(run: RunRecord, state: State) -> None:
    run.state = state
    run.end_time = now_ms()
    run.repairs[-1].state = state
    run.repairs[-1].end_time = run.end_time
