"""What people do to a run from its page: approve, reject, cancel, resume."""

import pytest
from django.urls import reverse
from django.utils import timezone

from deployments.models import Approval, Run
from deployments.runs.statuses import RunStatus
from tests.deployments.conftest import PLAN_SHA256, make_run

pytestmark = pytest.mark.django_db
ACTIONS = ["run_cancel", "run_resume", "run_approve", "run_reject"]
BODIES = {"run_approve": {"plan_sha256": PLAN_SHA256, "reason": "fine"}, "run_reject": {"reason": "too big"}}


def url(name, run):
    return reverse(f"deployments:{name}", args=[run.pk])


def act(client, name, run, **body):
    return client.post(url(name, run), {**BODIES.get(name, {}), **body})


def said(client, answer):
    """The messages on the page that the answer leads to."""
    return [str(message) for message in client.get(answer.headers["Location"]).context["messages"]]


# -- approve and reject ---------------------------------------------------------------------------


def test_an_approver_approves_the_plan_that_he_read(client, run_in, approver, sent, django_capture_on_commit_callbacks):
    run = run_in(RunStatus.APPROVAL)
    client.force_login(approver)
    page = client.get(f"{url('run', run)}?tab=approval").content.decode()
    assert f'name="plan_sha256" value="{PLAN_SHA256}"' in page
    assert "The endpoint card-fraud will be created" in page
    with django_capture_on_commit_callbacks(execute=True):
        answer = act(client, "run_approve", run)
    assert answer.headers["Location"] == url("run", run)
    approval = Approval.objects.get()
    assert (approval.decision, approval.decided_by, approval.reason) == ("approved", approver, "fine")
    run.refresh_from_db()
    assert run.status == RunStatus.APPLY
    assert sent == [("advance_run", run.pk)]


def test_an_approver_rejects_with_a_reason(client, run_in, approver):
    run = run_in(RunStatus.APPROVAL)
    client.force_login(approver)
    assert said(client, act(client, "run_reject", run)) == ["Rejected: nothing was changed."]
    run.refresh_from_db()
    assert run.status == RunStatus.REJECTED
    assert "too big" in client.get(f"{url('run', run)}?tab=approval").content.decode()


@pytest.mark.parametrize("reason", ["", "   "])
def test_rejecting_takes_a_reason(client, run_in, approver, reason):
    run = run_in(RunStatus.APPROVAL)
    client.force_login(approver)
    answer = act(client, "run_reject", run, reason=reason)
    assert answer.status_code == 422
    assert "Give a reason" in answer.content.decode()
    assert not Approval.objects.exists()


@pytest.mark.parametrize("sha256", ["", "x", "a" * 63])
def test_an_approval_without_the_hash_of_a_plan_approves_nothing(client, run_in, approver, sha256):
    run = run_in(RunStatus.APPROVAL)
    client.force_login(approver)
    assert act(client, "run_approve", run, plan_sha256=sha256).status_code == 422
    assert not Approval.objects.exists()


def test_an_approval_of_an_older_plan_is_refused(client, run_in, approver):
    run = run_in(RunStatus.APPROVAL)
    client.force_login(approver)
    answer = act(client, "run_approve", run, plan_sha256="0" * 64)
    assert said(client, answer) == ["The plan has changed since you looked at it. Review it again."]
    assert not Approval.objects.exists()


def test_the_second_of_two_approvers_is_told(client, run_in, approver, owner):
    run = run_in(RunStatus.APPROVAL)
    client.force_login(approver)
    said(client, act(client, "run_approve", run))
    client.force_login(owner)
    assert "not waiting for approval" in said(client, act(client, "run_reject", run))[-1]
    assert Approval.objects.count() == 1


def test_who_asked_cannot_decide_and_reads_why(client, run_in, owner):
    run = run_in(RunStatus.APPROVAL, requested_by=owner)
    client.force_login(owner)
    page = client.get(f"{url('run', run)}?tab=approval").content.decode()
    assert "A second person has to decide" in page
    assert 'id="approve-dialog"' not in page
    for name in ("run_approve", "run_reject"):
        answer = act(client, name, run)
        assert answer.status_code == 403
        assert "A second person has to decide" in answer.content.decode()
    assert not Approval.objects.exists()


# -- cancel and resume ----------------------------------------------------------------------------


def test_a_deployer_cancels_a_run(client, run_in, deployer):
    run = run_in(RunStatus.QUEUED)
    client.force_login(deployer)
    assert 'data-dialog="#cancel-dialog"' in client.get(url("run", run)).content.decode()
    act(client, "run_cancel", run)
    run.refresh_from_db()
    assert run.status == RunStatus.CANCELLED


def test_cancelling_a_run_that_is_over_says_so(client, run_in, deployer):
    run = run_in(RunStatus.SUCCEEDED)
    client.force_login(deployer)
    assert said(client, act(client, "run_cancel", run)) == ["The run is over: succeeded."]


def test_a_deployer_resumes_a_run_that_failed(client, run_in, deployer):
    run = run_in(RunStatus.FAILED, finished_at=timezone.now())
    client.force_login(deployer)
    assert 'data-dialog="#resume-dialog"' in client.get(url("run", run)).content.decode()
    act(client, "run_resume", run)
    run.refresh_from_db()
    assert run.status == RunStatus.QUEUED


def test_an_older_run_is_not_resumed(client, run_in, deployment, deployer):
    run, newer = run_in(RunStatus.FAILED), make_run(deployment, RunStatus.SUCCEEDED)
    client.force_login(deployer)
    assert f"Run #{newer.pk} came after this one" in said(client, act(client, "run_resume", run))[0]


# -- asking, and who ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ACTIONS)
def test_each_action_asks_before_it_acts(client, run_in, owner, name):
    run = run_in(RunStatus.APPROVAL)
    client.force_login(owner)
    answer = client.get(url(name, run))
    assert answer.status_code == 200
    assert f'action="{url(name, run)}"' in answer.content.decode()
    run.refresh_from_db()
    assert run.status == RunStatus.APPROVAL


@pytest.mark.parametrize("name", ACTIONS)
def test_viewers_see_no_buttons_and_cannot_act(client, run_in, viewer, name):
    run = run_in(RunStatus.APPROVAL)
    client.force_login(viewer)
    page = client.get(f"{url('run', run)}?tab=approval").content.decode()
    assert f'href="{url(name, run)}"' not in page
    for method in (client.get, client.post):
        answer = method(url(name, run), BODIES.get(name, {}))
        assert answer.status_code == 403
        assert "Permission denied" in answer.content.decode()
    assert Run.objects.get().status == RunStatus.APPROVAL


@pytest.mark.parametrize("name", ACTIONS)
def test_runs_of_other_teams_are_not_found(client, run_in, stranger, name):
    run = run_in(RunStatus.APPROVAL)
    client.force_login(stranger)
    assert client.get(url(name, run)).status_code == 404
    assert act(client, name, run).status_code == 404


@pytest.mark.parametrize("name", ACTIONS)
def test_anonymous_visitors_are_sent_to_the_login(client, run_in, name):
    run = run_in(RunStatus.APPROVAL)
    assert act(client, name, run).headers["Location"].startswith(reverse("login"))
    assert Run.objects.get().status == RunStatus.APPROVAL
