"""Pages of policies, freezes, overrides and broken glass."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.teams.roles import Role
from deployments.models import Approval, Freeze, Notice, Policy, PolicyResult, StageRecord
from deployments.policies.evaluating import evaluate
from deployments.policies.rules import RULES
from deployments.runs.statuses import RunStatus
from tests.deployments.conftest import PLAN_SHA256, give_plan, make_run
from tests.deployments.page_text import page_of, queries, run_url
from tests.deployments.policies.holding import freeze, hold, only
from tests.factories import member_of

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
POLICIES, FREEZES, HOME = reverse("deployments:policies"), reverse("deployments:freezes"), reverse("home")
REASON = "customers cannot pay"


def at(policy):
    return reverse("deployments:policy", args=[policy.pk])


def new(rule):
    return reverse("deployments:policy_new", args=[rule])


# -- policies --------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", [POLICIES, FREEZES, new("budget")])
def test_nobody_unknown_sees_them(client, url):
    assert client.get(url).headers["Location"].startswith(reverse("login"))


def test_every_rule_is_on_the_page_with_where_it_holds(client, viewer, environment):
    only("workload_size", "overridable", {"max_size": "Medium", "allow_gpu": False}, environment="staging", risk="high")
    client.force_login(viewer)
    page = page_of(client, POLICIES)
    assert all(rule.title in page for rule in RULES.values())
    assert "At most Medium, GPUs allowed: no" in page
    assert "Overridable" in page
    assert "This rule applies nowhere." in page
    assert "Staging" in page
    assert new("budget") not in page


def test_the_page_costs_the_same_for_one_policy_and_for_twenty(client, viewer):
    only("inference_table")
    client.force_login(viewer)
    before = queries(client, POLICIES)
    for number in range(20):
        hold("inference_table", environment=f"e{number}")
    assert queries(client, POLICIES) == before <= 8


def test_an_admin_edits_a_policy_and_reads_who_did(client, admin):
    policy = only("workload_size", "advisory", {"max_size": "Small", "allow_gpu": False})
    client.force_login(admin)
    page = page_of(client, at(policy))
    assert 'name="version" value="1"' in page
    body = {"version": 1, "level": "mandatory", "max_size": "Large", "allow_gpu": "on", "reason": "we grew"}
    assert client.post(at(policy), body).headers["Location"] == at(policy)
    policy.refresh_from_db()
    assert (policy.version, policy.level) == (2, "mandatory")
    assert policy.parameters == {"max_size": "Large", "allow_gpu": True}
    page = page_of(client, at(policy))
    assert "we grew" in page
    assert "by admin" in page


def test_an_edit_of_an_old_page_changes_nothing(client, admin):
    policy = only("owner_team", "advisory")
    client.force_login(admin)
    for level in ("mandatory", "off"):
        answer = client.post(at(policy), {"version": 1, "level": level}, follow=True)
    assert "Another person has edited this policy" in answer.content.decode()
    policy.refresh_from_db()
    assert policy.level == "mandatory"


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"level": "harsh"}, "harsh is not one of"),
        ({"warn_percent": "0"}, "greater than"),
        ({"version": ""}, "required"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(client, admin, values, text):
    policy = only("budget", "advisory")
    client.force_login(admin)
    body = {"version": 1, "level": "off", "warn_percent": "80", "approve_percent": "100", **values}
    assert text in client.post(at(policy), body).content.decode()
    assert client.post(at(policy), body).status_code == 422
    policy.refresh_from_db()
    assert policy.version == 1


def test_an_admin_adds_a_place(client, admin, environment):
    client.force_login(admin)
    assert 'value="team, cost_center"' in page_of(client, new("required_tags"))
    body = {"environment": "staging", "risk": "high", "change": "", "level": "mandatory", "tags": "team,owner  pager"}
    assert client.post(new("required_tags"), body).status_code == 302
    policy = Policy.objects.get()
    assert (policy.environment, policy.risk, policy.change) == ("staging", "high", "")
    assert policy.parameters == {"tags": ["team", "owner", "pager"]}
    again = client.post(new("required_tags"), body)
    assert (again.status_code, "edit that one" in again.content.decode()) == (422, True)


@pytest.mark.parametrize("name", ["viewer", "owner"])
def test_others_read_and_do_not_edit(client, name, request):
    policy = only("owner_team", "advisory")
    client.force_login(request.getfixturevalue(name))
    assert "Save as new version" not in page_of(client, at(policy))
    assert client.post(at(policy), {"version": 1, "level": "off"}).status_code == 403
    assert client.get(new("budget")).status_code == 403
    assert client.post(new("budget"), {"level": "off"}).status_code == 403
    assert Policy.objects.get().level == "advisory"


def test_a_rule_or_policy_that_is_not_there_is_not_found(client, admin):
    client.force_login(admin)
    assert client.get(new("nonsense")).status_code == 404
    assert client.get(reverse("deployments:policy", args=[99999])).status_code == 404


# -- freezes ---------------------------------------------------------------------------------------


def test_an_admin_freezes_and_lifts_and_everybody_is_told_on_every_page(client, admin, viewer, environment):
    client.force_login(admin)
    assert "No freezes" in page_of(client, FREEZES)
    until = (timezone.now() + timedelta(hours=5)).strftime("%Y-%m-%dT%H:%M")
    body = {"environment": environment.pk, "team": "", "ends_at": until, "reason": "end of the year"}
    assert client.post(FREEZES, body).headers["Location"] == FREEZES
    frozen = Freeze.objects.get()
    assert (frozen.scope, frozen.environment, frozen.created_by) == ("environment", environment, admin)
    client.force_login(viewer)
    assert "Staging is frozen until" in page_of(client, HOME)
    assert "end of the year" in page_of(client, reverse("catalog:models"))
    lift = reverse("deployments:freeze_lift", args=[frozen.pk])
    assert lift not in page_of(client, FREEZES)
    assert client.post(lift).status_code == 403
    client.force_login(admin)
    assert "Lift the freeze of Staging?" in page_of(client, lift)
    assert client.post(lift).headers["Location"] == FREEZES
    assert "is frozen until" not in page_of(client, HOME)
    assert "Lifted" in page_of(client, FREEZES)
    assert "over already" in client.post(lift, follow=True).content.decode()


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"reason": ""}, "required"),
        ({"ends_at": "2020-01-01T00:00"}, "Choose a time in the future."),
        ({"ends_at": "x"}, "valid"),
    ],
)
def test_a_freeze_that_cannot_be_is_explained(client, admin, values, text):
    client.force_login(admin)
    until = (timezone.now() + timedelta(hours=5)).strftime("%Y-%m-%dT%H:%M")
    answer = client.post(FREEZES, {"ends_at": until, "reason": "why", **values})
    assert answer.status_code == 422
    assert text in answer.content.decode()
    assert not Freeze.objects.exists()


def test_a_teams_freeze_is_shown_to_the_team_only(client, admin, viewer, stranger, team):
    freeze(admin, team=team, reason="the auditors are here")
    for person, told in ((viewer, True), (stranger, False), (admin, True)):
        client.force_login(person)
        assert ("the auditors are here" in page_of(client, HOME)) is told
        assert ("the auditors are here" in page_of(client, FREEZES)) is told
    assert client.post(FREEZES, {}).status_code == 422
    client.force_login(stranger)
    assert client.post(FREEZES, {}).status_code == 403


def test_freezes_cost_the_same_for_one_and_for_twenty(client, viewer, admin, environment):
    freeze(admin, environment=environment)
    client.force_login(viewer)
    before = queries(client, FREEZES), queries(client, HOME)
    for _ in range(20):
        freeze(admin, environment=environment)
    assert (queries(client, FREEZES), queries(client, HOME)) == before


# -- a run's policies ------------------------------------------------------------------------------


@pytest.fixture
def held(deployment, team):
    only("inference_table")
    hold("owner_team", "mandatory")
    run = make_run(deployment, RunStatus.POLICY, requested_by=member_of(team, Role.DEPLOYER, "asker"))
    give_plan(run)
    evaluate(run)
    return run


def override_url(run):
    blocking = PolicyResult.objects.get(run=run, rule="inference_table")
    return reverse("deployments:run_override", args=[run.pk, blocking.pk])


def tab(run, name):
    return f"{run_url('run', run)}?tab={name}"


def test_the_tab_says_what_each_rule_said_and_offers_the_override(client, held, owner):
    client.force_login(owner)
    page = page_of(client, tab(held, "policy"))
    for text in ("Overridable failed", "Passed", "The model belongs to Fraud.", "monitoring.inference_table"):
        assert text in page
    assert override_url(held) in page


@pytest.mark.parametrize(("name", "told"), [("viewer", "team admin of Fraud"), ("approver", "team admin of Fraud")])
def test_who_may_not_override_reads_who_may(client, held, name, told, request):
    client.force_login(request.getfixturevalue(name))
    page = page_of(client, tab(held, "policy"))
    assert told in page
    assert override_url(held) not in page
    assert client.post(override_url(held), {"reason": "mine"}).status_code == 403


def test_an_override_is_made_and_shown(client, held, owner):
    client.force_login(owner)
    url = override_url(held)
    assert "Override “Inference table”" in page_of(client, url)
    assert client.post(url, {"reason": " "}).status_code == 422
    assert client.post(url, {"reason": "agreed"}).headers["Location"] == run_url("run", held)
    page = page_of(client, tab(held, "policy"))
    assert "Overridden by owner" in page
    assert "agreed" in page
    again = client.post(url, {"reason": "again"}, follow=True)
    assert "does not need an override" in again.content.decode()


def test_a_run_that_waits_for_an_override_is_on_the_home_page_of_those_who_may(client, held, owner, approver, admin):
    for person, told in ((owner, True), (admin, True), (approver, False)):
        client.force_login(person)
        assert (f"{run_url('run', held)}?tab=policy" in page_of(client, HOME)) is told
    PolicyResult.objects.update(overridden_at=timezone.now(), overridden_by=admin)
    client.force_login(owner)
    assert f"{run_url('run', held)}?tab=policy" not in page_of(client, HOME)


def test_the_tab_costs_the_same_for_one_result_and_for_nine(client, deployment, viewer):
    run = make_run(deployment, RunStatus.POLICY)
    give_plan(run)
    only("inference_table")
    evaluate(run)
    client.force_login(viewer)
    before = queries(client, tab(run, "policy"))
    for rule in RULES:
        if rule != "inference_table":
            hold(rule, "advisory")
    evaluate(run)
    assert queries(client, tab(run, "policy")) == before


def test_a_stranger_overrides_and_breaks_nothing(client, held, stranger):
    client.force_login(stranger)
    assert client.post(override_url(held), {"reason": "mine"}).status_code == 404
    assert client.post(run_url("run_break_glass", held), {"reason": REASON}).status_code == 404


# -- breaking the glass ----------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "may"), [("owner", True), ("admin", True), ("approver", False), ("viewer", False)])
def test_the_glass_is_there_for_those_who_may_break_it(client, run_in, name, may, request):
    run = run_in(RunStatus.APPROVAL)
    client.force_login(request.getfixturevalue(name))
    assert (run_url("run_break_glass", run) in page_of(client, tab(run, "approval"))) is may
    body = {"reason": REASON, "plan_sha256": PLAN_SHA256}
    assert client.post(run_url("run_break_glass", run), body).status_code == (302 if may else 403)
    assert Approval.objects.exists() is may


def test_breaking_it_takes_the_plan_that_was_shown_and_a_reason(client, run_in, owner):
    run = run_in(RunStatus.APPROVAL)
    client.force_login(owner)
    assert PLAN_SHA256 in page_of(client, run_url("run_break_glass", run))
    for body in ({}, {"reason": REASON}, {"plan_sha256": PLAN_SHA256}, {"plan_sha256": PLAN_SHA256, "reason": "short"}):
        assert client.post(run_url("run_break_glass", run), body).status_code == 422
    assert not Approval.objects.exists()


def test_the_approvers_read_of_it_until_they_acknowledge(client, run_in, owner, approver, stranger):
    run = run_in(RunStatus.APPROVAL)
    client.force_login(owner)
    client.post(run_url("run_break_glass", run), {"reason": REASON, "plan_sha256": PLAN_SHA256})
    told = f"Run #{run.pk} was applied without a second person by owner: {REASON}"
    assert told not in page_of(client, HOME)
    assert "Applied without a second person by owner" in page_of(client, tab(run, "approval"))
    client.force_login(approver)
    assert told in page_of(client, HOME)
    url = reverse("deployments:notice_acknowledge", args=[Notice.objects.get(user=approver).pk])
    assert client.get(url).status_code == 405
    client.force_login(stranger)
    assert client.post(url).status_code == 404
    client.force_login(approver)
    assert client.post(url).headers["Location"] == HOME
    assert told not in page_of(client, HOME)


def test_a_frozen_run_offers_it_on_its_apply_tab(client, run_in, owner, admin):
    freeze(admin)
    run = run_in(RunStatus.APPLY, waiting_for="everything is frozen")
    for stage in run.stage_order[: run.stage_order.index(RunStatus.APPLY) + 1]:
        StageRecord.objects.create(run=run, stage=stage, started_at=timezone.now())
    client.force_login(owner)
    page = page_of(client, tab(run, "apply"))
    assert run_url("run_break_glass", run) in page
    assert "Nothing is applied until then." in page
    client.post(run_url("run_break_glass", run), {"reason": REASON, "plan_sha256": PLAN_SHA256})
    assert run_url("run_break_glass", run) not in page_of(client, tab(run, "apply"))
    again = client.post(run_url("run_break_glass", run), {"reason": REASON, "plan_sha256": PLAN_SHA256}, follow=True)
    assert "not waiting for an approval or a freeze" in again.content.decode()
