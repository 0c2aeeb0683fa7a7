"""The lease, the one writer of a run's status, its numbered log, and one active run for each deployment."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from deployments.deployment.models import STALE_AFTER
from deployments.models import Deployment, Event, IllegalTransition, LeaseLost, Run, StageRecord
from deployments.runs.models import Line
from deployments.runs.statuses import ACTIVE, WORKABLE, RunStatus, StageStatus
from tests.deployments.conftest import claimed, make_deployment, make_run
from tests.deployments.racing import at_once, expire_lease

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

# -- the lease -------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_at_once_exactly_one_gets_the_lease(run_in):
    run = run_in(RunStatus.PLAN)
    leases = at_once(*(lambda n=n: Run.claim_lease(run.pk, f"worker {n}") for n in range(8)))
    won = [lease for lease in leases if lease is not None]
    assert len(won) == 1
    run.refresh_from_db()
    assert (run.lease_token, run.claim, run.stage_tries) == (won[0].token, 1, 1)


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_at_once_exactly_one_recovers_a_dead_ones_lease(run_in):
    run = run_in(RunStatus.APPLY)
    dead = claimed(run, "dead")
    expire_lease(run)
    leases = at_once(*(lambda: Run.claim_lease(run.pk, "alive") for _ in range(8)))
    won = [lease for lease in leases if lease is not None]
    assert len(won) == 1
    assert won[0].recovered
    assert won[0].claim == dead.claim + 1


def test_a_lease_that_is_alive_is_not_taken(run_in):
    run = run_in(RunStatus.PLAN)
    first = claimed(run, "first")
    assert not first.recovered
    assert Run.claim_lease(run.pk, "second") is None
    Run.release_lease(first)
    again = claimed(run, "second")
    assert not again.recovered
    assert again.claim == 2


def test_a_run_that_waits_is_taken_when_its_time_has_come(run_in):
    run = run_in(RunStatus.ENDPOINT)
    Run.release_lease(claimed(run), wake_in_s=60, waiting_for="the endpoint")
    assert Run.objects.get().waiting_for == "the endpoint"
    assert Run.claim_lease(run.pk, "w") is None
    Run.objects.update(wake_at=timezone.now() - timedelta(seconds=1))
    assert Run.claim_lease(run.pk, "w") is not None


@pytest.mark.parametrize("status", RunStatus)
def test_only_a_run_with_work_to_do_is_taken(run_in, status):
    assert (Run.claim_lease(run_in(status).pk, "w") is not None) == (status in WORKABLE)


def test_a_run_that_does_not_exist_is_not_taken(db):
    assert Run.claim_lease(4711, "w") is None


def test_a_stale_token_renews_and_releases_nothing(run_in):
    run = run_in(RunStatus.PLAN)
    stale = claimed(run, "slow")
    expire_lease(run)
    fresh = claimed(run, "next")
    before = Run.objects.values().get()
    assert Run.renew_lease(stale) is False
    Run.release_lease(stale, wake_in_s=5, waiting_for="nothing")
    assert Run.objects.values().get() == before
    assert Run.renew_lease(fresh) is True
    assert Run.objects.filter(lease_expires_at__gt=before["lease_expires_at"]).exists()


# -- status ----------------------------------------------------------------------------------------


def test_a_worker_that_lost_its_lease_writes_nothing(run_in):
    run = run_in(RunStatus.PLAN)
    stale = claimed(run, "slow")
    expire_lease(run)
    Run.claim_lease(run.pk, "next")
    with pytest.raises(LeaseLost):
        run.transition(RunStatus.COST, "too late", lease=stale)
    assert Run.objects.get().status == RunStatus.PLAN
    assert not Event.objects.exists()


def test_nobody_without_a_lease_writes_while_a_worker_is_alive(run_in):
    run = run_in(RunStatus.PLAN)
    Run.claim_lease(run.pk, "busy")
    with pytest.raises(IllegalTransition):
        run.transition(RunStatus.CANCELLED, "by a person")
    expire_lease(run)
    run.transition(RunStatus.CANCELLED, "by a person")
    assert run.status == RunStatus.CANCELLED


def test_a_worker_that_holds_the_lease_still_cannot_jump(run_in):
    run = run_in(RunStatus.PREFLIGHT)
    lease = claimed(run)
    with pytest.raises(IllegalTransition):
        run.transition(RunStatus.SUCCEEDED, "magic", lease=lease)


@pytest.mark.django_db(transaction=True)
def test_of_two_transitions_at_once_one_wins(run_in):
    run = run_in(RunStatus.APPROVAL)
    first, second = Run.objects.get(pk=run.pk), Run.objects.get(pk=run.pk)
    results = at_once(
        lambda: first.transition(RunStatus.APPLY, "approved"),
        lambda: second.transition(RunStatus.REJECTED, "rejected"),
    )
    assert sorted(type(result).__name__ for result in results) == ["IllegalTransition", "NoneType"]
    assert Event.objects.count() == 1


def test_an_end_frees_the_lease_and_says_when_and_why(run_in):
    run = run_in(RunStatus.PLAN)
    lease = claimed(run)
    run.transition(RunStatus.FAILED, "no grant", lease=lease)
    assert (run.lease_token, run.message, run.is_finished) == (None, "no grant", True)
    assert run.finished_at is not None


def test_tries_are_counted_anew_in_each_stage(run_in):
    run = run_in(RunStatus.ENDPOINT)
    for _ in range(7):
        Run.release_lease(claimed(run))
    run.refresh_from_db()
    assert run.stage_tries == 7
    lease = claimed(run)
    run.transition(RunStatus.SMOKE, "ready", lease=lease)
    assert run.stage_tries == 0


def test_a_stage_is_closed_with_how_it_ended(run_in):
    run = run_in(RunStatus.QUEUED)
    run.transition(RunStatus.PREFLIGHT, "started")
    run.transition(RunStatus.PLAN, "passed")
    run.transition(RunStatus.FAILED, "syntax")
    rows = list(run.stages.values_list("stage", "status", "message"))
    assert rows == [("preflight", StageStatus.PASSED, "passed"), ("plan", StageStatus.FAILED, "syntax")]
    assert [event.stage for event in run.events.all()] == ["preflight", "plan", "plan"]
    assert not StageRecord.objects.filter(finished_at=None).exists()


def test_a_resumed_run_starts_clean_and_keeps_its_first_start(run_in):
    started = timezone.now() - timedelta(hours=1)
    run = run_in(RunStatus.FAILED, message="no grant", started_at=started, finished_at=started)
    run.transition(RunStatus.QUEUED, "resumed")
    assert (run.message, run.finished_at) == ("", None)
    run.transition(RunStatus.PREFLIGHT, "started")
    assert run.started_at == started


# -- the log ---------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_concurrent_writers_leave_no_gap_and_share_no_number(run_in):
    run = run_in(RunStatus.PLAN)

    def write(n):
        for batch in range(5):
            Run.objects.get(pk=run.pk).log([Line("plan", f"{n}.{batch}.{line}") for line in range(3)])

    assert at_once(*(lambda n=n: write(n) for n in range(4))) == [None] * 4
    assert list(run.events.values_list("number", flat=True)) == list(range(1, 61))
    run.refresh_from_db()
    assert run.event_count == 60
    messages = list(run.events.values_list("message", flat=True))
    assert all(messages[i][:-1] == messages[i + 2][:-1] for i in range(0, 60, 3)), "a batch was torn apart"


def test_foreign_output_is_kept_whatever_it_holds(run_in):
    run = run_in(RunStatus.PLAN)
    run.log([Line("plan", "a\x00b"), Line("plan", "half \ud800 pair"), Line("plan", "\x1b[1mbold \U0001f600")])
    run.transition(RunStatus.FAILED, "bad\x00end")
    assert [event.message for event in run.events.all()][:2] == ["a\ufffdb", "half ? pair"]
    assert Run.objects.get().message == "bad\ufffdend"


def test_nothing_to_log_writes_nothing(run_in, django_assert_num_queries):
    run = run_in(RunStatus.PLAN)
    with django_assert_num_queries(0):
        run.log([])


# -- one active run --------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ACTIVE)
def test_a_deployment_has_one_active_run(run_in, deployment, status):
    run_in(status)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_run(deployment, RunStatus.PREFLIGHT)
    make_run(deployment, RunStatus.QUEUED)
    make_run(deployment, RunStatus.SUCCEEDED)


@pytest.mark.django_db(transaction=True)
def test_of_two_queued_runs_at_once_one_starts(deployment):
    runs = [make_run(deployment), make_run(deployment)]
    results = at_once(*(lambda run=run: run.transition(RunStatus.PREFLIGHT, "started") for run in runs))
    assert sorted(type(result).__name__ for result in results) == ["IntegrityError", "NoneType"]
    assert Run.objects.filter(status=RunStatus.PREFLIGHT).count() == 1


def test_a_queued_run_waits_for_the_active_one_else_for_the_one_before_it(run_in, deployment):
    first, second = make_run(deployment), make_run(deployment)
    assert first.blocking_run() is None
    assert second.blocking_run() == first
    active = run_in(RunStatus.SMOKE)
    assert first.blocking_run() == active
    assert active.blocking_run() is None


# -- visibility and the endpoint -------------------------------------------------------------------


def test_a_run_is_due_again_when_it_was_cancelled_while_its_worker_let_go(run_in):
    run = run_in(RunStatus.APPROVAL)
    assert not Run.objects.due().exists()
    Run.objects.update(cancel_requested_at=timezone.now())
    assert Run.objects.due().get() == run


def test_people_see_the_runs_and_deployments_of_their_teams(run_in, viewer, stranger, admin, django_user_model):
    run = run_in(RunStatus.PLAN)
    for person, sees in ((viewer, True), (stranger, False), (admin, True), (django_user_model(), False)):
        person.save()
        assert Run.objects.visible_to(person).filter(pk=run.pk).exists() is sees
        assert Deployment.objects.visible_to(person).exists() is sees


def test_a_name_is_taken_once_among_the_living(deployment, model_version, deployer):
    with pytest.raises(IntegrityError), transaction.atomic():
        make_deployment(model_version, deployer, deployment.name)
    Deployment.objects.update(destroyed_at=timezone.now())
    make_deployment(model_version, deployer, deployment.name)


NOW = timezone.now()

SEEN = {"observed_at": NOW, "endpoint_id": "e", "ready": "READY", "config_update": "NOT_UPDATING"}


@pytest.mark.parametrize(
    ("values", "tone", "label"),
    [
        ({}, "unknown", "Unknown · never seen"),
        (SEEN, "ok", "Ready · up to date"),
        ({**SEEN, "observed_at": NOW - STALE_AFTER - timedelta(seconds=1)}, "unknown", "Unknown · not seen lately"),
        ({**SEEN, "observe_error": "403"}, "unknown", "Unknown · not seen lately"),
        ({**SEEN, "endpoint_id": ""}, "idle", "Not deployed"),
        ({**SEEN, "destroyed_at": NOW}, "idle", "Destroyed"),
        ({**SEEN, "config_update": "UPDATE_FAILED"}, "warn", "Ready · update failed"),
        ({**SEEN, "config_update": "IN_PROGRESS"}, "busy", "Ready · updating"),
        ({**SEEN, "ready": "NOT_READY", "config_update": "UPDATE_FAILED"}, "bad", "Not ready · update failed"),
        ({**SEEN, "ready": "NEW_WORD"}, "unknown", "Unknown · unexpected answer"),
    ],
)
def test_an_endpoint_is_green_only_when_it_was_seen_ready_lately(values, tone, label):
    state = Deployment(**values).endpoint_state(NOW)
    assert (state.tone, state.label) == (tone, label)


def test_the_live_version_is_the_one_with_most_of_the_traffic():
    rows = [{"entity_version": "2", "traffic": 10}, {"entity_version": "3", "traffic": 90}, {"entity_version": "4"}]
    assert Deployment(served=rows).live_version == "3"
    assert Deployment(served=[{"entity_version": "4", "traffic": 0}]).live_version == ""


def test_a_lease_of_nobody_is_not_held(run_in):
    run = run_in(RunStatus.PLAN, lease_token=uuid.uuid4(), lease_expires_at=NOW - timedelta(seconds=1))
    assert Run.objects.without_lease().get() == run
