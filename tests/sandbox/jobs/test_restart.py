"""What is left of jobs and their processes when the sandbox itself ends."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import is_running
from tests.sandbox.jobs.job_scripts import Jobs
from tests.sandbox.running import RunningSandbox
from tests.waiting import wait_until

SLEEP = "import os, time\nprint('pid', os.getpid(), 'end', flush=True)\ntime.sleep(600)\n"


@pytest.fixture
def own_sandbox(tmp_path: Path) -> Iterator[RunningSandbox]:
    running = RunningSandbox(tmp_path)
    yield running
    running.stop()


@pytest.mark.long
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_runs_that_were_active_are_marked_and_the_rest_survives(
    own_sandbox: RunningSandbox, sign: signal.Signals
) -> None:
    jobs = Jobs(own_sandbox)
    done = jobs.submit(jobs.task("only", "print('done')"))
    assert jobs.result(done) == "SUCCESS"
    blocked = jobs.task("blocked", "print(1)", depends_on=[{"task_key": "only"}])
    active = [jobs.submit(jobs.task("only", SLEEP), blocked), jobs.submit(jobs.task("only", SLEEP))]
    pids = [pid_of(jobs, run_id) for run_id in active]
    job_id = jobs.create(jobs.task("only", "print('queued')"), name="kept")
    queued = int(jobs.api.run_now(job_id).run_id)
    wait_until(lambda: jobs.life_cycle(queued) == "QUEUED", 10)

    own_sandbox.restart(sign)
    wait_until(lambda: not any(is_running(pid) for pid in pids), 5)

    for run_id in active:
        run = jobs.api.get_run(run_id)
        assert run.state.life_cycle_state.value == "INTERNAL_ERROR"
        assert "restarted" in str(run.state.state_message)
        assert run.end_time
        assert {task.state.life_cycle_state.value for task in run.tasks} == {"INTERNAL_ERROR"}
        assert "pid" in jobs.output_of(run_id, "only").logs
    assert jobs.result(queued) == "SUCCESS"
    assert jobs.api.get_run_output(queued).logs == "queued\n"
    assert jobs.api.get_run_output(done).logs == "done\n"
    assert [job.job_id for job in jobs.api.list(name="kept")] == [job_id]


def pid_of(jobs: Jobs, run_id: int) -> int:
    def printed() -> str:
        logs = jobs.output_of(run_id, "only").logs or ""
        return logs if "end" in logs else ""

    return int(wait_until(printed, 30).split()[1])
