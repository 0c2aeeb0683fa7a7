"""What people may do with deployments and runs, when, and what happens if two do it at once."""

import pytest
from auditlog.models import LogEntry
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from accounts.teams.roles import Role
from deployments.deployment.specs import parse_spec
from deployments.models import Approval, Deployment, Run, TestRequest
from deployments.policies import approvals
from deployments.runs import services as runs_services
from deployments.runs.statuses import ACTIVE, TERMINAL, UNFINISHED, RunKind, RunStatus
from deployments.stages import runner, stopping
from deployments.stages.tasks import advance_run
from deployments.trials import services as trials_services
from tests.deployments.conftest import PLAN_SHA256, claimed, last_message, make_deployment, make_run
from tests.deployments.racing import at_once, expire_lease
from tests.factories import ModelVersionFactory, RegisteredModelFactory, member_of
from web.errors import Invalid, Refused

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

MAY_DEPLOY = {"deployer", "owner", "admin"}
MAY_APPROVE = {"approver", "owner", "admin"}
EVERYBODY = ["viewer", "deployer", "approver", "owner", "stranger", "admin"]


@pytest.fixture
def cast(viewer, deployer, approver, owner, stranger, admin):
    people = (viewer, deployer, approver, owner, stranger, admin)
    return {person.username: person for person in people}


def refused(code):
    return pytest.raises(Refused, check=lambda refusal: refusal.code == code and refusal.message)


# -- deploying -------------------------------------------------------------------------------------


def test_a_request_writes_deployment_run_and_event_and_tells_a_worker(
    model_version, spec, deployer, sent, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        run = runs_services.request_deployment(spec=parse_spec(spec), actor=deployer)
        assert sent == []
    assert sent == [("advance_run", run.pk)]
    deployment = run.deployment
    assert (deployment.name, deployment.team.slug, deployment.created_by) == ("card-fraud", "fraud", deployer)
    assert (run.kind, run.status, run.spec) == (RunKind.DEPLOY, RunStatus.QUEUED, deployment.spec)
    assert "deployer asked to deploy card-fraud" in run.events.get().message


def test_a_broker_that_is_away_loses_no_request(
    model_version, spec, deployer, monkeypatch, django_capture_on_commit_callbacks
):
    def away(run_id):
        raise ConnectionError

    monkeypatch.setattr(advance_run, "delay", away)
    with django_capture_on_commit_callbacks(execute=True):
        run = runs_services.request_deployment(spec=parse_spec(spec), actor=deployer)
    assert Run.objects.due().get() == run


@pytest.mark.parametrize("name", EVERYBODY)
def test_who_may_deploy(model_version, spec, cast, name):
    if name in MAY_DEPLOY:
        assert runs_services.request_deployment(spec=parse_spec(spec), actor=cast[name])
        return
    with pytest.raises(Invalid, check=lambda refusal: set(refusal.fields) == {"model"}):
        runs_services.request_deployment(spec=parse_spec(spec), actor=cast[name])
    assert not Deployment.objects.exists()


def test_what_a_stranger_may_not_see_is_not_told_apart_from_what_is_not_there(model_version, spec, stranger):
    texts = []
    for model in (spec["model"], "staging.fraud.nothing"):
        with pytest.raises(Invalid) as refusal:
            runs_services.request_deployment(spec=parse_spec({**spec, "model": model}), actor=stranger)
        texts.append(refusal.value.fields["model"][0].replace(model, "X"))
    assert texts[0] == texts[1]


def test_a_version_that_is_not_ready_is_refused(registered_model, spec, deployer):
    ModelVersionFactory(model=registered_model, version=3, status="PENDING_REGISTRATION")
    with pytest.raises(Invalid) as refusal:
        runs_services.request_deployment(spec=parse_spec(spec), actor=deployer)
    assert refusal.value.fields == {"version": ["Version 3 is not ready: Registering."]}


def test_a_model_of_no_team_is_not_deployed(environment, spec, admin):
    lonely = RegisteredModelFactory(team=None, workspace=environment.workspace, name="lonely")
    ModelVersionFactory(model=lonely, version=3)
    with pytest.raises(Invalid, check=lambda refusal: set(refusal.fields) == {"model"}):
        runs_services.request_deployment(spec=parse_spec({**spec, "model": lonely.full_name}), actor=admin)


@pytest.mark.django_db(transaction=True)
def test_of_two_requests_for_one_name_at_once_one_gets_it(model_version, spec, deployer, owner):
    wanted = parse_spec(spec)
    results = at_once(
        lambda: runs_services.request_deployment(spec=wanted, actor=deployer),
        lambda: runs_services.request_deployment(spec=wanted, actor=owner),
    )
    assert sorted(type(result).__name__ for result in results) == ["Invalid", "Run"]
    assert Deployment.objects.count() == Run.objects.count() == 1


@pytest.mark.parametrize("name", EVERYBODY)
@pytest.mark.parametrize("verb", ["update", "destroy", "cancel", "resume"])
def test_who_may_change_a_deployment(deployment, spec, cast, verb, name):
    run = make_run(deployment, RunStatus.FAILED if verb == "resume" else RunStatus.QUEUED)
    calls = {
        "update": lambda: runs_services.request_update(deployment=deployment, spec=parse_spec(spec), actor=cast[name]),
        "destroy": lambda: runs_services.request_destroy(deployment=deployment, actor=cast[name]),
        "cancel": lambda: stopping.cancel(run=run, actor=cast[name]),
        "resume": lambda: stopping.resume(run=run, actor=cast[name]),
    }
    if name in MAY_DEPLOY:
        assert calls[verb]()
        return
    before = list(Run.objects.values())
    with pytest.raises(PermissionDenied):
        calls[verb]()
    assert list(Run.objects.values()) == before


def test_an_update_keeps_the_new_wish(deployment, registered_model, spec, deployer):
    ModelVersionFactory(model=registered_model, version=4, aliases=["champion"])
    run = runs_services.request_update(
        deployment=deployment, spec=parse_spec({**spec, "version": "@champion"}), actor=deployer
    )
    deployment.refresh_from_db()
    assert run.spec["version"] == deployment.spec["version"] == "4"


@pytest.mark.parametrize("strategy", ["canary", "blue_green", "shadow"])
def test_an_update_of_what_lives_may_take_its_traffic_step_by_step(deployment, spec, deployer, strategy):
    deployment.served = [{"entity_version": "2", "traffic": 100}]
    asked = parse_spec({**spec, "rollout": {"strategy": strategy, "steps": [5, 100]}})
    run = runs_services.request_update(deployment=deployment, spec=asked, actor=deployer)
    assert run.spec["rollout"]["strategy"] == strategy


def test_a_destroyed_deployment_takes_nothing_more(deployment, spec, deployer):
    run = make_run(deployment, RunStatus.FAILED)
    deployment.destroyed_at = timezone.now()
    deployment.save()
    with refused("destroyed"):
        runs_services.request_update(deployment=deployment, spec=parse_spec(spec), actor=deployer)
    with refused("destroyed"):
        runs_services.request_destroy(deployment=deployment, actor=deployer)
    with refused("destroyed"):
        stopping.resume(run=run, actor=deployer)
    with refused("destroyed"):
        trials_services.request_test(deployment=deployment, body={}, actor=deployer)


def test_a_deployment_is_destroyed_once_and_not_updated_meanwhile(deployment, spec, deployer):
    run = runs_services.request_destroy(deployment=deployment, actor=deployer)
    assert run.kind == RunKind.DESTROY
    with refused("already_requested"):
        runs_services.request_destroy(deployment=deployment, actor=deployer)
    with refused("being_destroyed"):
        runs_services.request_update(deployment=deployment, spec=parse_spec(spec), actor=deployer)
    stopping.cancel(run=run, actor=deployer)
    assert runs_services.request_update(deployment=deployment, spec=parse_spec(spec), actor=deployer)


# -- deciding --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERYBODY)
@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_who_may_decide(run_in, team, cast, verb, name):
    run = run_in(RunStatus.APPROVAL, requested_by=member_of(team, Role.DEPLOYER, "asker"))
    decide = getattr(approvals, verb)
    if name in MAY_APPROVE:
        assert approvals.may_decide(run, cast[name]) == ""
        decide(run=run, actor=cast[name], reason="because")
        assert run.status == (RunStatus.APPLY if verb == "approve" else RunStatus.REJECTED)
        return
    assert approvals.may_decide(run, cast[name])
    with pytest.raises(PermissionDenied):
        decide(run=run, actor=cast[name], reason="because")
    assert not Approval.objects.exists()


@pytest.mark.parametrize("name", sorted(MAY_APPROVE))
def test_whoever_asked_never_decides_whatever_the_role(run_in, cast, name):
    run = run_in(RunStatus.APPROVAL, requested_by=cast[name])
    for decide in (approvals.approve, approvals.reject):
        with pytest.raises(PermissionDenied):
            decide(run=run, actor=cast[name], reason="mine")
    assert Run.objects.get().status == RunStatus.APPROVAL


def test_an_approval_binds_plan_version_and_state(run_in, approver):
    run = run_in(RunStatus.APPROVAL)
    run.plan.state_serial = 7
    run.plan.save()
    approvals.approve(run=run, actor=approver, reason=" fine ")
    decision = Approval.objects.get()
    assert (decision.plan_sha256, decision.model_version, decision.state_serial) == (PLAN_SHA256, "3", 7)
    assert decision.reason == "fine"


def test_an_approval_of_a_plan_that_is_gone_is_refused(run_in, approver):
    with refused("plan_changed"):
        approvals.approve(run=run_in(RunStatus.APPROVAL), actor=approver, plan_sha256="0" * 64)
    assert not Approval.objects.exists()


@pytest.mark.parametrize("reason", ["", "  ", "\n"])
def test_a_rejection_needs_a_reason(run_in, approver, reason):
    with refused("reason_required"):
        approvals.reject(run=run_in(RunStatus.APPROVAL), actor=approver, reason=reason)


@pytest.mark.parametrize("status", sorted({*RunStatus} - {RunStatus.APPROVAL}))
def test_only_a_run_that_waits_for_it_is_decided(run_in, approver, status):
    run = run_in(status)
    with refused("not_waiting"):
        approvals.approve(run=run, actor=approver)


def test_a_decision_on_an_old_page_is_refused(run_in, team, approver):
    run = run_in(RunStatus.APPROVAL)
    seen_before = Run.objects.select_related("deployment__team").get(pk=run.pk)
    approvals.reject(run=run, actor=approver, reason="no")
    with refused("already_decided"):
        approvals.approve(run=seen_before, actor=member_of(team, Role.APPROVER, "late"))
    assert Approval.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_approvers_at_once_one_decides(run_in, team):
    run = run_in(RunStatus.APPROVAL)
    people = [member_of(team, Role.APPROVER, f"approver{n}") for n in range(4)]

    def decide(person):
        mine = Run.objects.select_related("deployment__team").get(pk=run.pk)
        verb = approvals.approve if person.username[-1] in "02" else approvals.reject
        return verb(run=mine, actor=person, reason="now")

    results = at_once(*(lambda person=person: decide(person) for person in people))
    assert sorted(type(result).__name__ for result in results) == ["Refused"] * 3 + ["Run"]
    decision = Approval.objects.get()
    run.refresh_from_db()
    assert run.status == {"approved": RunStatus.APPLY, "rejected": RunStatus.REJECTED}[decision.decision]


def test_a_rejection_lets_the_next_run_go(run_in, deployment, approver, sent, django_capture_on_commit_callbacks):
    run, queued = run_in(RunStatus.APPROVAL), make_run(deployment)
    with django_capture_on_commit_callbacks(execute=True):
        approvals.reject(run=run, actor=approver, reason="no")
    assert sent == [("advance_run", queued.pk)]


# -- cancelling ------------------------------------------------------------------------------------


# A rollout puts traffic back before it ends: see test_rollout_stage.
ENDED_AT_ONCE = [status for status in UNFINISHED if status != RunStatus.ROLLOUT]


@pytest.mark.parametrize("status", ENDED_AT_ONCE)
def test_a_run_that_no_worker_holds_ends_at_once(run_in, deployer, status):
    run = stopping.cancel(run=run_in(status), actor=deployer)
    assert (run.status, run.message, run.cancel_requested_by) == (
        RunStatus.CANCELLED,
        "cancelled by deployer",
        deployer,
    )
    entry = LogEntry.objects.get_for_object(run).filter(action=LogEntry.Action.UPDATE).get()
    assert (entry.actor, entry.changes) == (deployer, {"cancel_requested_by": ["None", "deployer"]})


@pytest.mark.parametrize("status", [status for status in UNFINISHED if status != RunStatus.APPROVAL])
def test_a_run_that_a_worker_holds_is_asked_to_stop(run_in, deployer, status):
    run = run_in(status)
    Run.claim_lease(run.pk, "worker")
    run = stopping.cancel(run=run, actor=deployer)
    assert run.status == status
    assert run.cancel_requested_at is not None
    assert last_message(run) == "cancelled by deployer: stopping"
    with refused("already_cancelling"):
        stopping.cancel(run=run, actor=deployer)


def test_a_run_whose_terraform_may_be_at_work_is_not_declared_over(run_in, deployer):
    run = run_in(RunStatus.APPLY, apply_started_at=timezone.now())
    assert stopping.cancel(run=run, actor=deployer).status == RunStatus.APPLY


@pytest.mark.parametrize("status", TERMINAL)
def test_a_finished_run_is_not_cancelled(run_in, deployer, status):
    with refused("finished"):
        stopping.cancel(run=run_in(status), actor=deployer)


@pytest.mark.parametrize("status", [status for status in ACTIVE if status != RunStatus.ROLLOUT])
def test_a_cancelled_run_lets_the_next_one_go(
    run_in, deployment, deployer, sent, django_capture_on_commit_callbacks, status
):
    run, queued = run_in(status), make_run(deployment)
    with django_capture_on_commit_callbacks(execute=True):
        stopping.cancel(run=run, actor=deployer)
    assert sent == [("advance_run", queued.pk)]


def test_a_run_that_was_cancelled_just_before_it_began_to_wait_for_a_person_ends(run_in, deployer):
    run = run_in(RunStatus.POLICY)
    lease = claimed(run)
    run.transition(RunStatus.APPROVAL, "the plan is ready", lease=lease)
    stopping.cancel(run=run, actor=deployer)
    Run.release_lease(lease)
    assert Run.objects.get().status == RunStatus.APPROVAL
    runner.advance(run.pk)
    assert Run.objects.get().status == RunStatus.CANCELLED


@pytest.mark.django_db(transaction=True)
def test_a_run_that_is_cancelled_and_approved_at_once_is_one_of_both(run_in, deployer, approver):
    run = run_in(RunStatus.APPROVAL)

    def fetched():
        return Run.objects.select_related("deployment__team").get(pk=run.pk)

    results = at_once(
        lambda: stopping.cancel(run=fetched(), actor=deployer), lambda: approvals.approve(run=fetched(), actor=approver)
    )
    assert {type(result) for result in results} <= {Run, Refused}
    run.refresh_from_db()
    assert run.status == RunStatus.CANCELLED


# -- resuming --------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", RunStatus)
def test_only_what_failed_or_was_interrupted_is_resumed(run_in, deployer, status):
    run = run_in(status, apply_started_at=timezone.now(), cancel_requested_at=timezone.now())
    if status not in (RunStatus.FAILED, RunStatus.INTERRUPTED):
        with refused("not_resumable"):
            stopping.resume(run=run, actor=deployer)
        return
    resumed = stopping.resume(run=run, actor=deployer)
    assert (resumed.status, resumed.apply_started_at, resumed.cancel_requested_at) == (RunStatus.QUEUED, None, None)
    assert last_message(resumed) == "resumed by deployer"


def test_only_the_newest_run_is_resumed(run_in, deployment, deployer):
    run = run_in(RunStatus.FAILED)
    make_run(deployment, RunStatus.SUCCEEDED)
    with refused("superseded"):
        stopping.resume(run=run, actor=deployer)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_resume_at_once_one_does(run_in, deployer, owner):
    run = run_in(RunStatus.INTERRUPTED)

    def resume(actor):
        return stopping.resume(run=Run.objects.select_related("deployment__team").get(pk=run.pk), actor=actor)

    results = at_once(lambda: resume(deployer), lambda: resume(owner))
    assert sorted(type(result).__name__ for result in results) == ["Refused", "Run"]
    assert run.events.count() == 1


# -- trying out ------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [None, [], "x", 1, {"a": float("nan")}, {"a": "\x00"}, {"\x00": 1}])
def test_what_cannot_be_sent_to_an_endpoint_is_refused(deployment, viewer, body):
    with pytest.raises(Invalid, check=lambda refusal: set(refusal.fields) == {"body"}):
        trials_services.request_test(deployment=deployment, body=body, actor=viewer)
    assert not TestRequest.objects.exists()


def test_a_stranger_tries_nothing(deployment, stranger):
    with pytest.raises(PermissionDenied):
        trials_services.request_test(deployment=deployment, body={}, actor=stranger)


def test_a_lease_that_ran_out_does_not_keep_a_run_from_its_end(run_in, deployer):
    run = run_in(RunStatus.PLAN)
    Run.claim_lease(run.pk, "dead")
    expire_lease(run)
    assert stopping.cancel(run=run, actor=deployer).status == RunStatus.CANCELLED


def test_two_deployments_do_not_wait_for_each_other(run_in, model_version, deployer):
    run_in(RunStatus.APPLY)
    other = make_run(make_deployment(model_version, deployer, "other"))
    assert other.blocking_run() is None
