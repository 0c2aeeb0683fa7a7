"""The rollout of one run, look by look: traffic moves, bakes, is judged, and goes back."""

from datetime import timedelta

import pytest
from django.utils import timezone

from deployments.models import Deployment, Notice, RolloutStep, Run
from deployments.rollouts.entities import percents_of
from deployments.rollouts.services import promote, roll_back_run
from deployments.runs.statuses import RunStatus
from deployments.stages import context as stage_context
from deployments.stages import runner
from deployments.stages.stopping import cancel
from tests.deployments.stages.moving_workspace import AWAY, GONE, NEW, OLD, MovingWorkspace
from tests.deployments.stages.rolling import rolling_run

pytestmark = pytest.mark.django_db

GOOD = {OLD: (900, 1, 0, 0), NEW: (300, 0, 0, 0)}
BAD = {OLD: (900, 1, 0, 0), NEW: (300, 40, 20, 0)}


@pytest.fixture
def moving(monkeypatch):
    fake = MovingWorkspace()
    monkeypatch.setattr(stage_context, "connect", lambda row: fake)
    return fake


@pytest.fixture
def roll(deployment, moving):
    """``roll(strategy="shadow")``: a run to version 4 that has passed its smoke test, beside version 3."""
    return lambda **rollout: rolling_run(deployment, **rollout)


def look(run, times=1):
    """What beat and workers do ``times`` times, without the waiting."""
    for _ in range(times):
        Run.objects.filter(pk=run.pk).update(wake_at=None)
        runner.advance(run.pk)
        run.refresh_from_db()
    return run


def to_the_end(run, limit=20):
    for _ in range(limit):
        if look(run).is_finished:
            return run
    raise AssertionError(f"still {run.status}: {run.waiting_for}")


def steps(run):
    return [(step.percent, step.verdict) for step in RolloutStep.of(run)]


def newest(run):
    step = RolloutStep.of(run).last()
    assert step is not None
    return step


def age(run, seconds):
    """As if the newest step had been baking for so long."""
    step = newest(run)
    step.note(moved_at=step.moved_at - timedelta(seconds=seconds))
    if step.sampled_at:
        step.note(sampled_at=step.sampled_at - timedelta(seconds=seconds))


def arrived(run):
    """The first step has its traffic."""
    look(run, 3)
    assert newest(run).moved_at
    return run


def intended_routes(run):
    return percents_of(Deployment.objects.get(pk=run.deployment_id).intended)


# -- forward ---------------------------------------------------------------------------------------


def test_a_good_version_takes_the_traffic_step_by_step(roll, moving):
    run = arrived(roll())
    moving.minute = GOOD
    assert moving.routes == {OLD: 75, NEW: 25}
    age(run, 601)
    look(run, 4)
    assert moving.routes == {OLD: 0, NEW: 100}
    age(run, 601)
    assert to_the_end(run).status == RunStatus.SUCCEEDED
    assert steps(run) == [(25, "passed"), (100, "passed")]
    assert moving.moves == [{OLD: 75, NEW: 25}, {OLD: 0, NEW: 100}]
    assert intended_routes(run) == {OLD: 0, NEW: 100}
    assert "stays to roll back to without a build" in run.message
    said = "\n".join(run.events.values_list("message", flat=True))
    assert f"{NEW}: {NEW} said this" in said


def test_while_it_bakes_the_run_holds_no_worker_and_says_how_far_it_is(roll, moving):
    run = arrived(roll())
    moving.minute = GOOD
    look(run)
    assert run.status == RunStatus.ROLLOUT
    assert run.lease_token is None
    assert run.wake_at is not None
    assert run.waiting_for == "25 % of the traffic: baking for another 10 min, 300 of 200 requests"
    step = newest(run)
    assert step.numbers["new"]["requests"] == 300
    assert (step.expected, step.live) == ({OLD: 75, NEW: 25}, {OLD: 75, NEW: 25})


def test_each_minute_is_counted_once(roll, moving):
    run = arrived(roll())
    moving.minute = GOOD
    look(run, 3)
    assert newest(run).totals == {}
    for _ in range(3):
        age(run, 60)
        look(run, 2)
    assert newest(run).totals["new"]["requests"] == 900
    assert newest(run).totals["old"]["errors_4xx"] == 3


def test_blue_green_moves_everything_in_one_step(roll, moving):
    run = roll(strategy="blue_green", bake_minutes=1)
    look(run, 3)
    assert moving.routes == {OLD: 0, NEW: 100}
    moving.minute = {NEW: (500, 0, 0, 0)}
    age(run, 61)
    assert to_the_end(run).status == RunStatus.SUCCEEDED
    assert steps(run) == [(100, "passed")]


def test_a_minute_may_be_short(roll, moving, settings):
    settings.ROLLOUT_MINUTE_S = 1
    run = arrived(roll(bake_minutes=2))
    moving.minute = GOOD
    age(run, 3)
    look(run, 4)
    age(run, 3)
    assert to_the_end(run).status == RunStatus.SUCCEEDED


def test_a_worker_that_died_between_two_looks_moves_no_traffic_twice(roll, moving):
    run = roll()
    look(run)
    Run.objects.filter(pk=run.pk).update(lease_token="0" * 32, lease_expires_at=timezone.now() - timedelta(minutes=1))
    look(run, 3)
    assert moving.moves == [{OLD: 75, NEW: 25}]
    assert steps(run) == [(25, "running")]


# -- back ------------------------------------------------------------------------------------------


def test_a_breach_puts_all_traffic_back_in_one_update_before_the_bake_time_is_over(roll, moving):
    run = arrived(roll())
    moving.minute = BAD
    assert to_the_end(run).status == RunStatus.ROLLED_BACK
    assert moving.moves == [{OLD: 75, NEW: 25}, {OLD: 100, NEW: 0}]
    assert moving.routes == {OLD: 100, NEW: 0}
    step = newest(run)
    assert (step.verdict, step.rule) == ("breached", "error_rate")
    assert step.numbers["new"] == {
        "requests": 300,
        "errors_4xx": 40,
        "errors_5xx": 20,
        "error_rate": 0.2,
        "p99_ms": pytest.approx(99),
    }
    assert step.numbers["old"]["requests"] == 900
    assert "error rate 20 % of 300 requests (40 4xx, 20 5xx)" in run.message
    assert f"All traffic is back on {OLD}, " in run.message
    assert run.message.endswith("s after the decision")
    assert step.live == {OLD: 100, NEW: 0}


def test_after_a_rollback_the_deployment_intends_the_old_version_with_the_new_one_beside_it(roll, moving):
    run = arrived(roll())
    moving.minute = BAD
    to_the_end(run)
    assert intended_routes(run) == {OLD: 100, NEW: 0}
    assert Deployment.objects.get(pk=run.deployment_id).intended_spec["version"] == "3"


def test_slowness_is_a_breach_too(roll, moving):
    run = arrived(roll(max_p99_ms=200))
    moving.minute = {OLD: (900, 0, 0, 0), NEW: (300, 0, 0, 200)}
    assert to_the_end(run).status == RunStatus.ROLLED_BACK
    assert newest(run).rule == "p99"


def test_a_version_that_is_no_worse_than_the_one_before_is_not_blamed(roll, moving):
    run = arrived(roll())
    moving.minute = {OLD: (900, 300, 0, 0), NEW: (300, 60, 0, 0)}
    age(run, 601)
    look(run, 2)
    assert steps(run)[0] == (25, "passed")


def test_a_rollback_that_the_workspace_refuses_is_tried_again_and_succeeds(roll, moving):
    run = arrived(roll())
    moving.minute = BAD
    moving.faults = {"set_traffic": AWAY}
    look(run, 2)
    assert run.status == RunStatus.ROLLOUT
    assert "has to go back" in run.waiting_for
    moving.faults = {}
    assert to_the_end(run).status == RunStatus.ROLLED_BACK


def test_a_rollback_that_never_works_ends_red_with_what_to_do_and_tells_people(roll, moving, approver):
    run = arrived(roll())
    moving.minute = BAD
    moving.faults = {"set_traffic": AWAY}
    assert to_the_end(run, 30).status == RunStatus.ROLLBACK_FAILED
    assert run.tone == "bad"
    assert f"Set the routes of card-fraud in the workspace yourself, {OLD} 100 %, {NEW} 0 %" in run.message
    told = set(Notice.objects.filter(run=run).values_list("user__username", flat=True))
    assert {run.requested_by.username, approver.username} <= told
    assert run.events.filter(level="error", message=run.message).exists()


def test_an_update_that_changes_nothing_is_not_taken_for_a_rollback(roll, moving):
    run = arrived(roll())
    moving.minute = BAD
    moving.set_traffic = lambda name, percents: None
    assert to_the_end(run, 30).status == RunStatus.ROLLBACK_FAILED


# -- what cannot be judged -------------------------------------------------------------------------


def test_too_few_requests_are_waited_for_and_never_pass(roll, moving):
    run = arrived(roll())
    moving.minute = {OLD: (900, 0, 0, 0), NEW: (12, 0, 0, 0)}
    age(run, 601)
    look(run, 5)
    assert run.status == RunStatus.ROLLOUT
    assert steps(run) == [(25, "inconclusive")]
    assert "too few requests to judge: 12 of 200" in run.waiting_for
    moving.minute = GOOD
    look(run, 2)
    assert steps(run)[0] == (25, "passed")


@pytest.mark.parametrize("silent", [{"faults": {"metrics": GONE}}, {"minute": {}}, {"minute": {OLD: (900, 0, 0, 0)}}])
def test_metrics_that_are_missing_never_pass(roll, moving, silent):
    run = arrived(roll())
    moving.minute = GOOD
    age(run, 120)
    look(run)
    for name, value in silent.items():
        setattr(moving, name, value)
    age(run, 601)
    look(run, 3)
    assert steps(run) == [(25, "inconclusive")]
    assert "metrics are not available" in run.waiting_for


def test_a_workspace_that_stays_away_ends_with_the_traffic_put_back(roll, moving):
    run = arrived(roll())
    broken, looks = moving.get_endpoint, []

    def away_for_a_while(name):
        looks.append(name)
        if len(looks) <= 5:
            raise AWAY
        return broken(name)

    moving.get_endpoint = away_for_a_while
    assert to_the_end(run).status == RunStatus.ROLLED_BACK
    assert "the rollout could not go on: 503" in run.message
    assert moving.routes == {OLD: 100, NEW: 0}


def test_traffic_that_somebody_moved_outside_of_slipway_is_left_alone(roll, moving):
    run = arrived(roll())
    moving.minute = GOOD
    moving.routes = {OLD: 90, NEW: 10}
    assert to_the_end(run).status == RunStatus.FAILED
    assert "the traffic was changed outside of Slipway" in run.message
    assert moving.routes == {OLD: 90, NEW: 10}


# -- people ----------------------------------------------------------------------------------------


def test_a_cancelled_rollout_ends_only_after_the_traffic_is_back(roll, moving, deployer):
    run = arrived(roll())
    moving.polls = 2
    cancel(run=run, actor=deployer)
    run.refresh_from_db()
    assert run.status == RunStatus.ROLLOUT
    look(run)
    assert run.status == RunStatus.ROLLOUT
    assert to_the_end(run).status == RunStatus.CANCELLED
    assert moving.routes == {OLD: 100, NEW: 0}
    assert f"cancelled by {deployer.display_name}" in run.message


def test_promoting_skips_the_rest_of_a_step(roll, moving, deployer):
    run = arrived(roll())
    promote(run=run, actor=deployer)
    look(run, 3)
    assert moving.routes == {OLD: 0, NEW: 100}
    assert steps(run) == [(25, "skipped"), (100, "running")]
    promote(run=run, actor=deployer)
    assert to_the_end(run).status == RunStatus.SUCCEEDED


def test_promoting_what_cannot_be_judged_goes_to_all_traffic_and_is_still_watched(roll, moving, deployer):
    run = arrived(roll(steps=[5, 25, 50, 100]))
    age(run, 601)
    look(run)
    assert steps(run) == [(5, "inconclusive")]
    promote(run=run, actor=deployer)
    look(run, 3)
    assert moving.routes == {OLD: 0, NEW: 100}
    moving.minute = BAD
    assert to_the_end(run).status == RunStatus.ROLLED_BACK


def test_a_person_takes_the_traffic_back(roll, moving, deployer):
    run = arrived(roll())
    roll_back_run(run=run, actor=deployer)
    assert to_the_end(run).status == RunStatus.ROLLED_BACK
    assert moving.routes == {OLD: 100, NEW: 0}
    assert f"rolled back by {deployer.display_name}" in run.message
    assert steps(run) == [(25, "skipped")]


def test_going_back_wins_over_a_promotion(roll, moving, deployer):
    run = arrived(roll())
    promote(run=run, actor=deployer)
    roll_back_run(run=run, actor=deployer)
    assert to_the_end(run).status == RunStatus.ROLLED_BACK


# -- shadow ----------------------------------------------------------------------------------------


@pytest.fixture
def example(model_version):
    """Versions 3 and 4 with an input example."""
    body = {"dataframe_split": {"columns": ["amount"], "data": [[1.5]]}}
    type(model_version).objects.filter(pk=model_version.pk).update(input_example=body)
    model_version.refresh_from_db()
    model_version.pk, model_version.version = None, 4
    model_version.save()
    return body


def test_a_shadow_compares_both_versions_without_traffic_and_waits_for_a_person(roll, moving, example):
    moving.answers = {OLD: [0.5], NEW: [0.75]}
    run = roll(strategy="shadow", min_requests=20)
    look(run, 3)
    assert run.status == RunStatus.ROLLOUT
    assert moving.moves == []
    assert moving.asked.count(OLD) == moving.asked.count(NEW) == 20
    step = newest(run)
    assert (step.percent, step.verdict) == (0, "passed")
    assert (step.numbers["new"]["requests"], step.numbers["differing"]) == (20, 20)
    assert run.waiting_for == "the shadow test is over: promote the new version or roll back"


def test_a_shadow_that_fails_ends_without_ever_having_had_traffic(roll, moving, example):
    moving.answers = {OLD: [0.5], NEW: 500}
    run = roll(strategy="shadow", min_requests=20)
    assert to_the_end(run).status == RunStatus.ROLLED_BACK
    assert moving.moves == []
    assert newest(run).numbers["new"]["errors_5xx"] == 20


def test_a_shadow_without_anything_to_replay_says_so(roll, moving):
    run = look(roll(strategy="shadow"), 2)
    assert steps(run) == [(0, "inconclusive")]
    assert "there is nothing to replay" in run.waiting_for


def test_a_shadow_that_is_promoted_takes_the_traffic_and_is_watched(roll, moving, example, deployer):
    run = roll(strategy="shadow", min_requests=20)
    look(run, 2)
    promote(run=run, actor=deployer)
    look(run, 3)
    assert moving.routes == {OLD: 0, NEW: 100}
    assert steps(run) == [(0, "passed"), (100, "running")]
