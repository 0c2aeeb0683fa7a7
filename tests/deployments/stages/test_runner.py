"""One step of a run, whatever the stage says, raises or loses."""

import errno
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import DataError, OperationalError
from django.utils import timezone

from deployments.models import Deployment, IllegalTransition, LeaseLost, Run
from deployments.runs.statuses import RunKind, RunStatus
from deployments.stages import runner
from deployments.stages.outcomes import End, GoOn, Wait
from deployments.stages.stage import TABLE
from integrations.errors import IntegrationError
from tests.deployments.conftest import make_run
from tests.deployments.racing import at_once, expire_lease

# Heartbeats write from a thread of their own: the rows have to be there for it.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.sqlite]
AWAY = IntegrationError("the workspace is away.", permanent=False, source="databricks")


@pytest.fixture
def stage(monkeypatch, settings, tmp_path):
    """``stage(RunStatus.PLAN, outcome)``: the stage returns it, raises it, or calls it. Returns the list of calls."""
    settings.RUN_DIR = tmp_path

    def put(status, outcome):
        calls = []

        def work(context):
            calls.append(context)
            if isinstance(outcome, Exception):
                raise outcome
            return outcome(context) if callable(outcome) else outcome

        monkeypatch.setitem(TABLE, status, replace(TABLE[status], run=work))
        return calls

    return put


def advance(run):
    """What a worker does once the time has come."""
    Run.objects.filter(pk=run.pk).update(wake_at=None)
    next_ids = runner.advance(run.pk)
    run.refresh_from_db()
    return next_ids


def messages(run):
    return [event.message for event in run.events.all()]


def test_a_run_leaves_the_queue(run_in):
    run = run_in(RunStatus.QUEUED)
    assert advance(run) == [run.pk]
    assert (run.status, run.lease_token) == (RunStatus.PREFLIGHT, None)


def test_a_run_waits_for_the_active_one_and_says_for_which(run_in, deployment):
    active, queued = run_in(RunStatus.APPROVAL), make_run(deployment)
    assert advance(queued) == []
    assert (queued.status, queued.waiting_for) == (RunStatus.QUEUED, f"waits for run #{active.pk}")
    assert queued.wake_at is not None
    assert queued.wake_at > timezone.now()
    assert queued.lease_token is None


def test_of_two_queued_runs_the_older_one_goes_first(deployment):
    older, newer = make_run(deployment), make_run(deployment)
    assert advance(newer) == []
    assert advance(older) == [older.pk]
    assert (older.status, newer.status) == (RunStatus.PREFLIGHT, RunStatus.QUEUED)


def test_a_run_that_was_cancelled_in_the_queue_never_starts(run_in):
    run = run_in(RunStatus.QUEUED, cancel_requested_at=timezone.now())
    advance(run)
    assert run.status == RunStatus.CANCELLED


def test_a_run_does_not_bring_a_destroyed_deployment_back(run_in, deployment):
    run = run_in(RunStatus.QUEUED)
    Deployment.objects.update(destroyed_at=timezone.now())
    advance(run)
    assert (run.status, run.message) == (RunStatus.FAILED, "the deployment was destroyed while this run waited")
    destroy = make_run(deployment, kind=RunKind.DESTROY)
    advance(destroy)
    assert destroy.status == RunStatus.PREFLIGHT


def test_a_stage_that_is_done_sends_the_run_on(run_in, stage):
    run, calls = run_in(RunStatus.PREFLIGHT), stage(RunStatus.PREFLIGHT, GoOn(RunStatus.PLAN, "passed"))
    assert advance(run) == [run.pk]
    assert (run.status, run.lease_token, len(calls)) == (RunStatus.PLAN, None, 1)


def test_a_run_that_waits_for_a_person_is_sent_nowhere(run_in, stage):
    run = run_in(RunStatus.POLICY)
    stage(RunStatus.POLICY, GoOn(RunStatus.APPROVAL, "a second person"))
    assert advance(run) == []
    assert advance(run) == []
    assert run.status == RunStatus.APPROVAL


def test_a_stage_that_waits_holds_no_worker(run_in, stage):
    run = run_in(RunStatus.ENDPOINT)
    stage(RunStatus.ENDPOINT, Wait(30, "the endpoint is updating"))
    assert advance(run) == []
    assert (run.status, run.lease_token, run.waiting_for) == (RunStatus.ENDPOINT, None, "the endpoint is updating")
    assert runner.advance(run.pk) == [], "its time has not come"


def test_an_end_sends_the_next_run(run_in, deployment, stage):
    run, queued = run_in(RunStatus.SMOKE), make_run(deployment, wake_at=timezone.now() + timedelta(hours=1))
    stage(RunStatus.SMOKE, End(RunStatus.SUCCEEDED, "live"))
    assert advance(run) == [queued.pk]
    assert (run.status, run.message) == (RunStatus.SUCCEEDED, "live")
    assert advance(queued) == [queued.pk]


def test_the_directory_of_a_run_goes_when_it_went_well_and_stays_when_not(run_in, deployment, stage, tmp_path):
    for status, stays in ((RunStatus.SUCCEEDED, False), (RunStatus.FAILED, True)):
        run = run_in(RunStatus.SMOKE, attempt=1)
        directory = tmp_path / f"run-{run.pk}-1"
        directory.mkdir()
        stage(RunStatus.SMOKE, End(status, "over"))
        advance(run)
        assert directory.exists() is stays


def test_a_permanent_fault_ends_the_run_at_once(run_in, stage):
    run = run_in(RunStatus.PREFLIGHT)
    stage(RunStatus.PREFLIGHT, IntegrationError("no such workspace.", permanent=True, source="databricks"))
    advance(run)
    assert (run.status, run.message) == (RunStatus.FAILED, "databricks: no such workspace.")
    assert run.events.last().level == "error"


def test_a_fault_that_passes_is_waited_for(run_in, stage):
    run = run_in(RunStatus.PREFLIGHT)
    stage(RunStatus.PREFLIGHT, AWAY)
    assert advance(run) == []
    assert (run.status, run.stage_failures) == (RunStatus.PREFLIGHT, 1)
    assert messages(run) == ["databricks: the workspace is away. Trying again in 5 s."]
    stage(RunStatus.PREFLIGHT, GoOn(RunStatus.PLAN, "passed"))
    advance(run)
    assert (run.status, run.stage_failures) == (RunStatus.PLAN, 0)


def test_a_fault_that_does_not_pass_ends_the_run(run_in, stage):
    run, calls = run_in(RunStatus.PREFLIGHT), stage(RunStatus.PREFLIGHT, AWAY)
    for _ in range(runner.RETRIES):
        advance(run)
    assert (run.status, len(calls)) == (RunStatus.FAILED, runner.RETRIES)


def test_a_long_wait_uses_up_no_tries(run_in, stage):
    """An endpoint takes many polls to be ready: a fault after them is the first one."""
    run = run_in(RunStatus.ENDPOINT)
    stage(RunStatus.ENDPOINT, Wait(2, "updating"))
    for _ in range(runner.RETRIES * 2):
        advance(run)
    for _ in range(3):
        stage(RunStatus.ENDPOINT, AWAY)
        for _ in range(runner.RETRIES - 1):
            advance(run)
        stage(RunStatus.ENDPOINT, Wait(2, "updating"))
        advance(run)
    assert (run.status, run.stage_failures) == (RunStatus.ENDPOINT, 0)


def test_a_full_disk_ends_the_run_in_words(run_in, stage):
    run = run_in(RunStatus.PLAN)
    stage(RunStatus.PLAN, OSError(errno.ENOSPC, "No space left on device"))
    advance(run)
    assert (run.status, run.message) == (RunStatus.FAILED, "the worker's disk or network: No space left on device")


def test_a_fault_of_our_own_does_not_leave_a_run_that_nobody_ends(run_in, stage):
    run = run_in(RunStatus.PLAN)
    stage(RunStatus.PLAN, KeyError("secret detail"))
    for _ in range(runner.RETRIES):
        advance(run)
    assert (run.status, run.message) == (RunStatus.FAILED, "an error of Slipway itself: KeyError.")
    assert "secret detail" not in "".join(messages(run))


def test_a_database_that_was_away_for_a_moment_lets_the_stage_be_done_again_at_once(run_in, stage):
    run = run_in(RunStatus.PLAN)
    stage(RunStatus.PLAN, OperationalError("gone"))
    with pytest.raises(OperationalError):
        runner.advance(run.pk)
    run.refresh_from_db()
    assert (run.status, run.lease_token) == (RunStatus.PLAN, None)
    stage(RunStatus.PLAN, GoOn(RunStatus.COST, "planned"))
    assert advance(run) == [run.pk]


def test_a_database_that_stays_away_leaves_the_run_to_its_lease(run_in, stage, monkeypatch):
    run = run_in(RunStatus.PLAN)
    stage(RunStatus.PLAN, OperationalError("gone"))
    with monkeypatch.context() as away:
        away.setattr(Run, "release_lease", classmethod(raising(OperationalError("still gone"))))
        with pytest.raises(OperationalError, match=r"^gone$"):
            runner.advance(run.pk)
    expire_lease(run)
    stage(RunStatus.PLAN, GoOn(RunStatus.COST, "planned"))
    assert advance(run) == [run.pk]


def raising(error):
    def call(*_, **__):
        raise error

    return call


def test_what_the_database_refuses_to_keep_ends_the_run_and_is_not_tried_for_ever(run_in, stage):
    run = run_in(RunStatus.PLAN)
    tries = stage(RunStatus.PLAN, DataError("value too long"))
    for _ in range(runner.RETRIES):
        advance(run)
    assert (run.status, len(tries)) == (RunStatus.FAILED, runner.RETRIES)


@pytest.mark.parametrize("reason", [LeaseLost("taken over"), IllegalTransition("somebody was first")])
def test_a_worker_that_lost_the_run_lets_go_and_says_nothing(run_in, stage, reason):
    run = run_in(RunStatus.PLAN)
    stage(RunStatus.PLAN, reason)
    assert advance(run) == []
    assert (run.status, run.lease_token, messages(run)) == (RunStatus.PLAN, None, [])


def test_what_a_slow_worker_brings_is_thrown_away(run_in, stage):
    run = run_in(RunStatus.PLAN)

    def slow(context):
        expire_lease(run)
        assert Run.claim_lease(run.pk, "another") is not None
        return GoOn(RunStatus.COST, "planned")

    stage(RunStatus.PLAN, slow)
    assert advance(run) == []
    assert (run.status, run.worker) == (RunStatus.PLAN, "another")
    assert run.lease_token is not None


def test_a_run_that_is_delivered_twice_at_once_is_done_once(run_in, stage):
    run = run_in(RunStatus.PREFLIGHT)
    calls = stage(RunStatus.PREFLIGHT, Wait(60, "waits"))
    at_once(*(lambda: runner.advance(run.pk) for _ in range(4)))
    assert len(calls) == 1


@pytest.mark.parametrize("status", [RunStatus.PLAN, RunStatus.POLICY, RunStatus.ENDPOINT, RunStatus.SMOKE])
def test_a_cancelled_run_does_no_further_stage(run_in, stage, status):
    run, calls = run_in(status, cancel_requested_at=timezone.now()), stage(status, GoOn(RunStatus.PLAN, "never"))
    advance(run)
    assert (run.status, calls) == (RunStatus.CANCELLED, [])


def test_an_apply_that_began_is_followed_even_when_cancelled(run_in, stage):
    now = timezone.now()
    run = run_in(RunStatus.APPLY, cancel_requested_at=now, apply_started_at=now)
    calls = stage(RunStatus.APPLY, End(RunStatus.CANCELLED, "Terraform was stopped"))
    advance(run)
    assert (run.message, len(calls)) == ("Terraform was stopped", 1)


def test_lines_of_a_stage_are_kept_in_order(run_in, stage):
    run = run_in(RunStatus.PLAN)

    def work(context):
        for n in range(250):
            context.log(f"line {n}")
            context.pump()
        return End(RunStatus.FAILED, "over")

    stage(RunStatus.PLAN, work)
    advance(run)
    assert messages(run) == [*(f"line {n}" for n in range(250)), "over"]
    assert [event.number for event in run.events.all()] == list(range(1, 252))
