"""The policy stage, and what apply makes of approvals and freezes: as a worker meets them."""

from contextlib import nullcontext
from datetime import timedelta

import pytest
from django.utils import timezone

from catalog.models import Environment
from deployments.models import Approval, ChangeKind, Freeze, PolicyResult, Run, StageRecord
from deployments.policies import approvals, break_glass, overrides, services
from deployments.policies.approvals import approval_reasons, expects_approval
from deployments.runs.statuses import RunKind, RunStatus
from deployments.stages import runner, stopping, tasks
from deployments.stages.apply import stage as apply
from deployments.stages.outcomes import GoOn
from deployments.tfstate import store as statestore
from tests.deployments.conftest import PLAN_SHA256, claimed, give_plan, make_run
from tests.deployments.policies.holding import freeze, hold, only

# Heartbeats write from a thread of their own: the rows have to be there for it.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.sqlite]


@pytest.fixture
def run(deployment):
    run = make_run(deployment, RunStatus.POLICY)
    give_plan(run)
    StageRecord.objects.create(run=run, stage=RunStatus.POLICY, started_at=timezone.now())
    return run


@pytest.fixture
def applied(monkeypatch):
    """What would start Terraform records the call instead."""
    calls = []

    class Prepared:
        ok = True

    class Nothing:
        def init(self):
            return Prepared()

        def apply(self, planfile, timeout_s):
            calls.append(planfile)

    monkeypatch.setattr(apply, "open_run_directory", lambda context: Nothing())
    monkeypatch.setattr(apply, "_restore_planfile", lambda context: None)
    monkeypatch.setattr(apply, "watch_endpoint", lambda context: nullcontext())
    monkeypatch.setattr(apply, "_judge", lambda context, result: GoOn(RunStatus.ENDPOINT, "applied"))
    return calls


def advance(run):
    Run.objects.filter(pk=run.pk).update(wake_at=None)
    runner.advance(run.pk)
    run.refresh_from_db()
    return run


def log_of(run):
    return "\n".join(f"{event.level} {event.message}" for event in run.events.all())


def decided(run, by, decision="approved", **values):
    given = {"plan_sha256": run.plan.sha256, "model_version": "3", "state_serial": run.plan.state_serial}
    return Approval.objects.create(run=run, decided_by=by, decision=decision, **{**given, **values})


# -- policy ----------------------------------------------------------------------------------------


def test_a_run_that_meets_every_policy_goes_on(run):
    only("owner_team", "mandatory")
    assert advance(run).status == RunStatus.APPLY
    assert "policy Owner: Passed" in log_of(run)
    assert StageRecord.objects.get(run=run, stage=RunStatus.POLICY).detail == {"policies": {"passed": 1}}


def test_an_advisory_failure_is_told_and_stops_nobody(run):
    only("inference_table", "advisory")
    assert advance(run).status == RunStatus.APPLY
    assert "warning policy Inference table: Advisory failed" in log_of(run)


def test_a_mandatory_failure_ends_the_run_with_the_fix(run):
    only("inference_table", "mandatory")
    assert advance(run).status == RunStatus.FAILED
    assert "monitoring.inference_table" in run.message
    assert "error policy Inference table: Mandatory failed" in log_of(run)


def test_an_overridable_failure_holds_the_run_and_no_worker(run):
    only("inference_table")
    hold("monitored")
    assert advance(run).status == RunStatus.POLICY
    assert (run.lease_token, run.waiting_for) == (None, "waiting for an override of Inference table, Monitored")
    assert run.wake_at > timezone.now()


def test_waiting_on_does_not_fill_the_log(run):
    only("inference_table")
    for _ in range(3):
        advance(run)
    assert log_of(run).count("Overridable failed") == 1


def test_an_override_sends_the_run_on_once_the_last_one_is_there(run, owner, sent, django_capture_on_commit_callbacks):
    only("inference_table")
    hold("monitored")
    advance(run)
    first, second = PolicyResult.objects.all()
    with django_capture_on_commit_callbacks(execute=True):
        overrides.override_policy(run=run, result=first, actor=owner, reason="agreed")
    assert sent == []
    assert advance(run).waiting_for == "waiting for an override of Monitored"
    with django_capture_on_commit_callbacks(execute=True):
        overrides.override_policy(run=run, result=second, actor=owner, reason="agreed")
    assert sent == [("advance_run", run.pk)]
    run.refresh_from_db()
    assert run.wake_at is None
    runner.advance(run.pk)
    run.refresh_from_db()
    assert run.status == RunStatus.APPLY


def test_a_policy_that_is_softened_meanwhile_lets_the_run_go(run, admin):
    policy = only("inference_table")
    advance(run)
    services.edit_policy(policy=policy, version=1, level="advisory", parameters={}, reason="", actor=admin)
    assert advance(run).status == RunStatus.APPLY


def test_a_run_that_nobody_overrides_expires(run, deployment):
    only("inference_table")
    advance(run)
    tasks.expire_approvals()
    run.refresh_from_db()
    assert run.status == RunStatus.POLICY
    hours = deployment.environment.approval_expires_after_hours
    Run.objects.update(stage_started_at=timezone.now() - timedelta(hours=hours, seconds=1))
    tasks.expire_approvals()
    run.refresh_from_db()
    assert run.status == RunStatus.EXPIRED


def test_a_policy_stage_that_merely_takes_long_does_not_expire(run):
    Run.objects.update(stage_started_at=timezone.now() - timedelta(days=9))
    tasks.expire_approvals()
    run.refresh_from_db()
    assert run.status == RunStatus.POLICY


def test_a_run_that_waits_for_an_override_can_be_cancelled(run, deployer):
    only("inference_table")
    advance(run)
    assert stopping.cancel(run=run, actor=deployer).status == RunStatus.CANCELLED


# -- approval --------------------------------------------------------------------------------------


def test_a_policy_can_ask_for_a_second_person_where_the_environment_does_not(run, approver, applied):
    only("second_person", "mandatory")
    assert advance(run).status == RunStatus.APPROVAL
    assert approval_reasons(run) == ["policy second_person"]
    approvals.approve(run=run, actor=approver)
    assert advance(run).status == RunStatus.ENDPOINT
    assert applied == ["plan.tfplan"]


def test_a_run_over_the_budget_asks_a_second_person(run, team):
    team.monthly_budget = 10
    team.save()
    StageRecord.objects.create(
        run=run, stage=RunStatus.COST, started_at=timezone.now(), detail={"estimate": {"high": 11, "currency": "USD"}}
    )
    only("budget", "advisory")
    assert advance(run).status == RunStatus.APPROVAL
    assert "exceeds its monthly budget" in log_of(run)


TRAFFIC_BACK = {"path": "config[0].traffic_config[0].routes[0].traffic_percentage", "before": 0, "after": 100}
BUILT_AGAIN = {"path": "config[0].served_entities[0].entity_version", "before": "4", "after": "3"}


@pytest.mark.parametrize(
    ("kind", "attributes", "reached"),
    [
        (RunKind.ROLLBACK, [TRAFFIC_BACK], RunStatus.ENDPOINT),
        (RunKind.ROLLBACK, [TRAFFIC_BACK, BUILT_AGAIN], RunStatus.APPROVAL),
        (RunKind.DEPLOY, [TRAFFIC_BACK], RunStatus.APPROVAL),
    ],
)
def test_only_a_rollback_that_merely_moves_traffic_needs_no_second_person(run, applied, kind, attributes, reached):
    Environment.objects.update(needs_approval=True)
    Run.objects.update(kind=kind)
    run.plan.changes = [{"type": "databricks_model_serving", "action": "update", "attributes": attributes}]
    run.plan.save()
    advance(run)
    assert advance(run).status == reached
    assert bool(applied) == (reached == RunStatus.ENDPOINT)


def test_what_will_be_asked_for_can_be_told_before(environment):
    assert not expects_approval(environment, "high", ChangeKind.CREATE)
    hold("second_person", "mandatory", environment="staging", risk="high")
    assert expects_approval(environment, "high", ChangeKind.CREATE)
    assert not expects_approval(environment, "low", ChangeKind.CREATE)
    environment.needs_approval = True
    assert expects_approval(environment, "low", ChangeKind.CREATE)


def test_an_approval_that_still_holds_is_not_asked_for_again(run, approver):
    Environment.objects.update(needs_approval=True)
    decided(run, approver)
    assert advance(run).status == RunStatus.APPLY
    assert "approver has already approved this plan" in log_of(run)


VOID = {
    "another plan": {"plan_sha256": "0" * 64},
    "another version": {"model_version": "2"},
    "another state": {"state_serial": 6},
    "a rejection": {"decision": "rejected"},
}


@pytest.mark.parametrize("values", VOID.values(), ids=VOID)
def test_a_void_approval_applies_nothing_and_the_run_asks_again(run_in, approver, applied, values):
    Environment.objects.update(needs_approval=True)
    run = run_in(RunStatus.APPLY)
    decided(run, approver, **values)
    assert advance(run).status == RunStatus.PLAN
    assert applied == []
    assert "planning again" in log_of(run)


def test_an_approval_by_the_person_who_asked_is_none(run_in, deployer, applied):
    Environment.objects.update(needs_approval=True)
    run = run_in(RunStatus.APPLY)
    decided(run, deployer)
    assert advance(run).status == RunStatus.PLAN
    assert applied == []


def test_a_state_that_moved_voids_plan_and_approval_and_a_new_one_is_asked_for(run_in, approver, applied, monkeypatch):
    Environment.objects.update(needs_approval=True)
    run = run_in(RunStatus.APPLY)
    decided(run, approver)
    monkeypatch.setattr(statestore, "current_serial", lambda deployment_id: 8)
    assert advance(run).status == RunStatus.PLAN
    run.plan.state_serial = 8  # The hash may even be the same.
    run.plan.save()
    lease = claimed(run)
    for to in (RunStatus.COST, RunStatus.POLICY):
        run.transition(to, "on", lease=lease)
    Run.release_lease(lease)
    assert advance(run).status == RunStatus.APPROVAL
    approvals.approve(run=run, actor=approver)
    assert advance(run).status == RunStatus.ENDPOINT
    assert applied == ["plan.tfplan"]
    assert [row.plan_sha256 for row in Approval.objects.all()] == [PLAN_SHA256] * 2


# -- freeze ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [RunKind.DEPLOY, RunKind.DESTROY])
def test_a_frozen_run_plans_and_is_approved_and_applies_nothing(run_in, admin, applied, kind):
    frozen = freeze(admin, reason="end of the year")
    run = run_in(RunStatus.APPLY, kind=kind)
    assert advance(run).status == RunStatus.APPLY
    assert (run.lease_token, run.apply_started_at, applied) == (None, None, [])
    assert run.waiting_for.startswith("everything is frozen until ")
    assert run.waiting_for.endswith(" by admin: end of the year")
    Freeze.objects.filter(pk=frozen.pk).update(ends_at=timezone.now())
    assert advance(run).status == RunStatus.ENDPOINT


def test_a_freeze_holds_where_it_says_and_nowhere_else(run_in, environment, team, other_team, admin, applied):
    elsewhere = Environment.objects.create(
        slug="prod", name="Production", workspace=environment.workspace, catalog_name="prod"
    )
    freeze(admin, environment=elsewhere)
    freeze(admin, team=other_team)
    freeze(admin, lifted_at=timezone.now(), lifted_by=admin)
    freeze(admin, hours=-1)
    run = run_in(RunStatus.APPLY)
    assert advance(run).status == RunStatus.ENDPOINT


@pytest.mark.parametrize("scope", ["environment", "team"])
def test_environments_and_teams_are_frozen_on_their_own(run_in, environment, team, admin, applied, scope):
    freeze(admin, **{scope: {"environment": environment, "team": team}[scope]})
    run = run_in(RunStatus.APPLY)
    assert advance(run).status == RunStatus.APPLY
    assert applied == []


def test_an_apply_that_has_begun_is_finished(run_in, admin, monkeypatch):
    freeze(admin)
    run = run_in(RunStatus.APPLY, apply_started_at=timezone.now())
    monkeypatch.setattr(apply, "_take_over", lambda context: GoOn(RunStatus.ENDPOINT, "applied"))
    assert advance(run).status == RunStatus.ENDPOINT


def test_a_freeze_that_comes_while_terraform_prepares_holds_too(run_in, admin, applied, monkeypatch):
    run = run_in(RunStatus.APPLY)
    monkeypatch.setattr(apply, "_restore_planfile", lambda context: freeze(admin))
    assert advance(run).status == RunStatus.APPLY
    assert (run.apply_started_at, applied) == (None, [])


def test_a_void_plan_is_planned_again_also_under_a_freeze(run_in, admin, applied):
    Environment.objects.update(needs_approval=True)
    freeze(admin)
    assert advance(run_in(RunStatus.APPLY)).status == RunStatus.PLAN


def test_breaking_the_glass_passes_a_freeze_for_this_plan_only(run_in, owner, admin, applied):
    freeze(admin)
    run = run_in(RunStatus.APPLY)
    advance(run)
    decided(run, owner, "break_glass", plan_sha256="0" * 64)
    assert advance(run).status == RunStatus.APPLY
    break_glass.break_glass(run=run, actor=owner, reason="customers cannot pay")
    assert advance(run).status == RunStatus.ENDPOINT
    assert applied == ["plan.tfplan"]
