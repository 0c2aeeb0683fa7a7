"""What the final states of tasks mean for dependent tasks and for the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sandbox.jobs.states import Code, LifeCycle, Result, State, broken, ended, skipped, succeeded

_CANCELED = (Result.CANCELED, Result.UPSTREAM_CANCELED)


def verdict(run_if: str, upstream: Sequence[State]) -> State | None:
    """The state of a task that its dependencies prevent from running; None if it can run."""
    if not upstream or _is_met(run_if, upstream):
        return None
    if run_if in ("AT_LEAST_ONE_FAILED", "ALL_FAILED"):
        return skipped(Result.EXCLUDED, "The condition of this task was not met.")
    if any(state.result not in _CANCELED and not state.is_good for state in upstream):
        return skipped(Result.UPSTREAM_FAILED, "An upstream task failed.")
    return skipped(Result.UPSTREAM_CANCELED, "An upstream task was canceled.")


def _is_met(run_if: str, upstream: Sequence[State]) -> bool:
    good = [state.is_good for state in upstream]
    failed = [not state.is_good and state.result not in _CANCELED for state in upstream]
    executed = [state.life_cycle is not LifeCycle.SKIPPED for state in upstream]
    return {
        "ALL_SUCCESS": all(good),
        "AT_LEAST_ONE_SUCCESS": any(good),
        "NONE_FAILED": not any(failed) and any(executed),
        "ALL_DONE": True,
        "AT_LEAST_ONE_FAILED": any(failed),
        "ALL_FAILED": all(failed),
    }[run_if]


def run_state(tasks: Mapping[str, State], leaves: Sequence[str]) -> State:
    """The final state of a run from the states of its tasks, in task order. No task depends on the `leaves`."""
    bad = {key: state for key, state in tasks.items() if not state.is_good}
    if not bad:
        return succeeded()
    if all(tasks[key].is_good for key in leaves):
        message = f"Task {next(iter(bad))} failed, but the last tasks of the run succeeded."
        return ended(Result.SUCCESS_WITH_FAILURES, Code.SUCCESS_WITH_FAILURES, message)
    return _failed(bad)


def _failed(bad: Mapping[str, State]) -> State:
    """The state of the first task that failed by itself. A run is CANCELED only if no task failed.

    If a task FAILED, the run has the life cycle INTERNAL_ERROR although the task has TERMINATED, as measured on
    serverless compute.
    """
    own = {k: s for k, s in bad.items() if s.result in (Result.FAILED, Result.TIMEDOUT)} or bad
    key, state = next(iter(own.items()))
    if state.result in _CANCELED:
        return ended(Result.CANCELED, Code.USER_CANCELED, "Run cancelled.")
    message = f"Task {key} failed with message: {state.message.rstrip('.')}.."
    if state.result is Result.TIMEDOUT:
        return ended(Result.TIMEDOUT, Code.CANCELED, message)
    return broken(message, Code.INTERNAL_ERROR if state.code is Code.INTERNAL_ERROR else Code.RUN_EXECUTION_ERROR)
