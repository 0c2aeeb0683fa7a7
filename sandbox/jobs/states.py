"""The state of a run or task, in both formats of the API: `state` and `status`."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import BaseModel


class LifeCycle(StrEnum):
    BLOCKED = "BLOCKED"
    QUEUED = "QUEUED"
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    WAITING_FOR_RETRY = "WAITING_FOR_RETRY"
    TERMINATING = "TERMINATING"
    TERMINATED = "TERMINATED"
    SKIPPED = "SKIPPED"
    INTERNAL_ERROR = "INTERNAL_ERROR"


class Result(StrEnum):
    SUCCESS = "SUCCESS"
    SUCCESS_WITH_FAILURES = "SUCCESS_WITH_FAILURES"
    FAILED = "FAILED"
    TIMEDOUT = "TIMEDOUT"
    CANCELED = "CANCELED"
    EXCLUDED = "EXCLUDED"
    DISABLED = "DISABLED"
    UPSTREAM_FAILED = "UPSTREAM_FAILED"
    UPSTREAM_CANCELED = "UPSTREAM_CANCELED"
    MAXIMUM_CONCURRENT_RUNS_REACHED = "MAXIMUM_CONCURRENT_RUNS_REACHED"


class Code(StrEnum):
    """The termination codes that the sandbox uses."""

    SUCCESS = "SUCCESS"
    SUCCESS_WITH_FAILURES = "SUCCESS_WITH_FAILURES"
    USER_CANCELED = "USER_CANCELED"
    CANCELED = "CANCELED"
    SKIPPED = "SKIPPED"
    DISABLED = "DISABLED"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    RUN_EXECUTION_ERROR = "RUN_EXECUTION_ERROR"
    RESOURCE_NOT_FOUND = "RESOURCE_NOT_FOUND"
    UNAUTHORIZED_ERROR = "UNAUTHORIZED_ERROR"
    LIBRARY_INSTALLATION_ERROR = "LIBRARY_INSTALLATION_ERROR"
    MAX_CONCURRENT_RUNS_EXCEEDED = "MAX_CONCURRENT_RUNS_EXCEEDED"


class QueueCode(StrEnum):
    ACTIVE_RUNS_LIMIT_REACHED = "ACTIVE_RUNS_LIMIT_REACHED"
    MAX_CONCURRENT_RUNS_REACHED = "MAX_CONCURRENT_RUNS_REACHED"


FINISHED = frozenset((LifeCycle.TERMINATED, LifeCycle.SKIPPED, LifeCycle.INTERNAL_ERROR))
# An excluded task counts as successful for the tasks that depend on it.
GOOD = frozenset((Result.SUCCESS, Result.SUCCESS_WITH_FAILURES, Result.EXCLUDED, Result.DISABLED))
_NEW_WORDS = {LifeCycle.WAITING_FOR_RETRY: "WAITING", **dict.fromkeys(FINISHED, "TERMINATED")}
_QUEUE_MESSAGES = {
    QueueCode.ACTIVE_RUNS_LIMIT_REACHED: "Queued due to reaching the workspace limit of active task runs.",
    QueueCode.MAX_CONCURRENT_RUNS_REACHED: "Queued due to reaching maximum concurrent runs of the job.",
}


class State(BaseModel):
    """The state of a run or task."""

    life_cycle: LifeCycle
    #: Set when finished.
    result: Result | None = None
    #: Set when finished.
    code: Code | None = None
    message: str = ""
    #: Set while queued.
    queue: QueueCode | None = None

    @property
    def is_finished(self) -> bool:
        return self.life_cycle in FINISHED

    @property
    def is_good(self) -> bool:
        return self.result in GOOD

    def old_view(self) -> dict[str, Any]:
        """RunState."""
        view: dict[str, Any] = {"life_cycle_state": self.life_cycle.value, "state_message": self.message}
        if self.result is not None:
            view["result_state"] = self.result.value
        view["user_cancelled_or_timedout"] = self.result in (Result.CANCELED, Result.TIMEDOUT)
        if self.queue is not None:
            view["queue_reason"] = _QUEUE_MESSAGES[self.queue]
        return view

    def new_view(self) -> dict[str, Any]:
        """RunStatus."""
        view: dict[str, Any] = {"state": _NEW_WORDS.get(self.life_cycle, self.life_cycle.value)}
        if self.code is not None:
            view["termination_details"] = {"code": self.code.value, "type": self._type(), "message": self.message}
        if self.queue is not None:
            view["queue_details"] = {"code": self.queue.value, "message": _QUEUE_MESSAGES[self.queue]}
        return view

    def _type(self) -> str:
        if self.code is Code.INTERNAL_ERROR:
            return "INTERNAL_ERROR"
        return "SUCCESS" if self.is_good or self.code is Code.USER_CANCELED else "CLIENT_ERROR"


def waiting(life_cycle: LifeCycle, queue: QueueCode | None = None) -> State:
    message = _QUEUE_MESSAGES[queue] if queue else ""
    return State(life_cycle=life_cycle, queue=queue, message=message)


def ended(result: Result, code: Code, message: str = "") -> State:
    return State(life_cycle=LifeCycle.TERMINATED, result=result, code=code, message=message)


def skipped(result: Result, message: str, code: Code = Code.SKIPPED) -> State:
    return State(life_cycle=LifeCycle.SKIPPED, result=result, code=code, message=message)


def broken(message: str, code: Code = Code.INTERNAL_ERROR) -> State:
    """The run could not start, or its outcome is unknown."""
    return State(life_cycle=LifeCycle.INTERNAL_ERROR, result=Result.FAILED, code=code, message=message)


def succeeded() -> State:
    return ended(Result.SUCCESS, Code.SUCCESS)


def canceled() -> State:
    return ended(Result.CANCELED, Code.USER_CANCELED, "Run cancelled.")


def timed_out(timeout_s: int) -> State:
    return ended(Result.TIMEDOUT, Code.CANCELED, f"Run timed out after {timeout_s} seconds.")
