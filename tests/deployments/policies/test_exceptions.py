"""Going on where the rules say stop: who may, what is kept, and what happens if two do it at once."""

import pytest
from auditlog.models import LogEntry
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from accounts.teams.roles import Role
from deployments.models import Approval, Notice, PolicyResult, Run
from deployments.policies import approvals, break_glass, overrides
from deployments.policies.approvals import may_break_glass, may_override
from deployments.policies.evaluating import evaluate
from deployments.runs.statuses import RunStatus
from tests.deployments.conftest import PLAN_SHA256, give_plan, make_run
from tests.deployments.policies.holding import clear, freeze, only
from tests.deployments.racing import at_once
from tests.factories import member_of
from web.errors import Refused

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
EVERYBODY = ["viewer", "deployer", "approver", "owner", "stranger", "admin"]
MAY = {"owner", "admin"}
REASON = "customers cannot pay"


@pytest.fixture
def cast(viewer, deployer, approver, owner, stranger, admin):
    people = (viewer, deployer, approver, owner, stranger, admin)
    return {person.username: person for person in people}


@pytest.fixture
def asker(team):
    return member_of(team, Role.DEPLOYER, "asker")


def refused(code):
    return pytest.raises(Refused, check=lambda refusal: refusal.code == code and refusal.message)


def audited(run, words):
    entries = LogEntry.objects.get_for_object(run).filter(action=LogEntry.Action.UPDATE)
    return [entry.actor for entry in entries if words in str(entry.changes)]


# -- override --------------------------------------------------------------------------------------


@pytest.fixture
def held(deployment, asker):
    """A run that waits for an override of one policy."""
    only("inference_table")
    run = make_run(deployment, RunStatus.POLICY, requested_by=asker)
    give_plan(run)
    evaluate(run)
    yield run
    clear()


@pytest.fixture
def result(held):
    return PolicyResult.objects.select_related("run__deployment__team").get(run=held)


@pytest.mark.parametrize("name", EVERYBODY)
def test_who_may_override(held, result, cast, name):
    if name in MAY:
        assert may_override(result, cast[name]) == ""
        overrides.override_policy(run=held, result=result, actor=cast[name], reason=" agreed ")
        result.refresh_from_db()
        assert (result.overridden_by, result.override_reason) == (cast[name], "agreed")
        assert result.overridden_at
        assert audited(held, "inference_table") == [cast[name]]
        assert "was overridden" in held.events.last().message
        return
    assert may_override(result, cast[name])
    with pytest.raises(PermissionDenied):
        overrides.override_policy(run=held, result=result, actor=cast[name], reason="mine")
    assert PolicyResult.objects.blocking().exists()


@pytest.mark.parametrize("name", sorted(MAY))
def test_whoever_asked_never_overrides_whatever_the_role(held, result, cast, name):
    held.requested_by = result.run.requested_by = cast[name]
    held.save()
    with pytest.raises(PermissionDenied):
        overrides.override_policy(run=held, result=result, actor=cast[name], reason="mine")
    assert PolicyResult.objects.blocking().exists()


@pytest.mark.parametrize("reason", ["", "  ", "\n"])
def test_an_override_needs_a_reason(held, result, owner, reason):
    with refused("reason_required"):
        overrides.override_policy(run=held, result=result, actor=owner, reason=reason)


def test_only_what_waits_for_it_is_overridden(held, result, owner):
    overrides.override_policy(run=held, result=result, actor=owner, reason="agreed")
    result.refresh_from_db()
    with refused("not_waiting"):
        overrides.override_policy(run=held, result=result, actor=owner, reason="again")
    for outcome in ("passed", "advisory", "mandatory"):
        PolicyResult.objects.update(outcome=outcome, overridden_at=None, overridden_by=None)
        result.refresh_from_db()
        with refused("not_waiting"):
            overrides.override_policy(run=held, result=result, actor=owner, reason="again")


def test_the_result_of_an_older_plan_is_not_overridden(held, result, owner):
    held.plan.sha256 = "6" * 64
    held.plan.save()
    result.run.refresh_from_db()
    with refused("not_waiting"):
        overrides.override_policy(run=held, result=result, actor=owner, reason="agreed")


@pytest.mark.parametrize("status", sorted({*RunStatus} - {RunStatus.POLICY}))
def test_a_run_that_is_elsewhere_is_not_overridden(held, result, owner, status):
    held.status = result.run.status = status
    with refused("not_waiting"):
        overrides.override_policy(run=held, result=result, actor=owner, reason="agreed")


@pytest.mark.django_db(transaction=True)
def test_of_many_overrides_at_once_one_counts(held, team):
    people = [member_of(team, Role.TEAM_ADMIN, f"owner{n}") for n in range(4)]

    def override(person):
        mine = PolicyResult.objects.select_related("run__deployment__team").get(run=held)
        return overrides.override_policy(run=mine.run, result=mine, actor=person, reason=person.username)

    results = at_once(*(lambda person=person: override(person) for person in people))
    assert sorted(type(result).__name__ for result in results) == ["Refused"] * 3 + ["Run"]
    kept = PolicyResult.objects.get(run=held)
    assert kept.overridden_by is not None
    assert kept.override_reason == kept.overridden_by.username


# -- breaking the glass ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERYBODY)
def test_who_may_break_the_glass(run_in, asker, cast, name):
    run = run_in(RunStatus.APPROVAL, requested_by=asker)
    if name in MAY:
        assert may_break_glass(run, cast[name]) == ""
        break_glass.break_glass(run=run, actor=cast[name], reason=f" {REASON} ", plan_sha256=PLAN_SHA256)
        assert run.status == RunStatus.APPLY
        return
    assert may_break_glass(run, cast[name])
    with pytest.raises(PermissionDenied):
        break_glass.break_glass(run=run, actor=cast[name], reason=REASON)
    assert not Approval.objects.exists()


@pytest.mark.parametrize("name", sorted(MAY))
def test_also_for_a_run_of_ones_own(run_in, cast, name):
    run = run_in(RunStatus.APPROVAL, requested_by=cast[name])
    assert break_glass.break_glass(run=run, actor=cast[name], reason=REASON).status == RunStatus.APPLY


def test_what_it_leaves_behind(
    run_in, owner, approver, admin, deployer, viewer, stranger, sent, django_capture_on_commit_callbacks
):
    run = run_in(RunStatus.APPROVAL)
    with django_capture_on_commit_callbacks(execute=True):
        break_glass.break_glass(run=run, actor=owner, reason=REASON)
    assert sent == [("advance_run", run.pk)]
    decision = Approval.objects.get()
    assert (decision.decision, decision.decided_by, decision.reason) == ("break_glass", owner, REASON)
    assert (decision.plan_sha256, decision.model_version, decision.state_serial) == (PLAN_SHA256, "3", 0)
    line = run.events.last()
    assert (line.level, line.message) == ("error", f"applied without a second person by owner: {REASON}")
    assert audited(run, "break_glass") == [owner]
    told = Notice.objects.filter(run=run)
    assert {notice.user for notice in told} == {approver, admin}
    assert {notice.message for notice in told} == {
        f"Run #{run.pk} was applied without a second person by owner: {REASON}"
    }


@pytest.mark.parametrize("reason", ["", "   ", "too short", "  short  \n"])
def test_a_reason_of_some_length_is_needed(run_in, owner, reason):
    run = run_in(RunStatus.APPROVAL)
    with refused("reason_required"):
        break_glass.break_glass(run=run, actor=owner, reason=reason)
    assert not Approval.objects.exists()


def test_the_plan_has_to_be_the_one_that_was_read(run_in, owner):
    with refused("plan_changed"):
        break_glass.break_glass(run=run_in(RunStatus.APPROVAL), actor=owner, reason=REASON, plan_sha256="0" * 64)


@pytest.mark.parametrize("status", sorted({*RunStatus} - {RunStatus.APPROVAL}))
def test_a_run_that_waits_for_nobody_needs_no_broken_glass(run_in, owner, status):
    with refused("not_waiting"):
        break_glass.break_glass(run=run_in(status), actor=owner, reason=REASON)


def test_a_frozen_run_is_sent_on_once(run_in, owner, admin, approver, sent, django_capture_on_commit_callbacks):
    freeze(admin)
    run = run_in(RunStatus.APPLY, wake_at=timezone.now(), waiting_for="frozen")
    Approval.objects.create(
        run=run,
        decided_by=approver,
        decision="approved",
        plan_sha256=PLAN_SHA256,
        model_version="3",
        state_serial=0,
    )
    with django_capture_on_commit_callbacks(execute=True):
        break_glass.break_glass(run=run, actor=owner, reason=REASON)
    assert sent == [("advance_run", run.pk)]
    assert (run.status, run.wake_at, run.waiting_for) == (RunStatus.APPLY, None, "")
    assert run.events.last().level == "error"
    with refused("not_waiting"):
        break_glass.break_glass(run=run, actor=owner, reason=REASON)


def test_an_apply_that_has_begun_is_past_all_glass(run_in, owner, admin):
    freeze(admin)
    with refused("not_waiting"):
        break_glass.break_glass(
            run=run_in(RunStatus.APPLY, apply_started_at=timezone.now()), actor=owner, reason=REASON
        )


@pytest.mark.django_db(transaction=True)
def test_of_an_approval_a_rejection_and_a_broken_glass_at_once_one_decides(run_in, team, owner):
    run = run_in(RunStatus.APPROVAL)
    people = [member_of(team, Role.APPROVER, f"approver{n}") for n in range(2)]

    def fetched():
        return Run.objects.select_related("deployment__team").get(pk=run.pk)

    results = at_once(
        lambda: approvals.approve(run=fetched(), actor=people[0]),
        lambda: approvals.reject(run=fetched(), actor=people[1], reason="no"),
        lambda: break_glass.break_glass(run=fetched(), actor=owner, reason=REASON),
    )
    assert sorted(type(result).__name__ for result in results) == ["Refused"] * 2 + ["Run"]
    decision = Approval.objects.get()
    run.refresh_from_db()
    assert run.status == (RunStatus.REJECTED if decision.decision == "rejected" else RunStatus.APPLY)
    assert Notice.objects.exists() is (decision.decision == "break_glass")


# -- notices ---------------------------------------------------------------------------------------


def test_a_notice_is_acknowledged_by_the_one_it_is_for(run_in, approver, owner):
    notice = Notice.objects.create(user=approver, run=run_in(RunStatus.APPLY), message="told")
    with pytest.raises(PermissionDenied):
        break_glass.acknowledge_notice(notice=notice, actor=owner)
    first = break_glass.acknowledge_notice(notice=notice, actor=approver).acknowledged_at
    assert first
    assert break_glass.acknowledge_notice(notice=notice, actor=approver).acknowledged_at == first
