"""Policies, freezes and notices over the API, and what a run's API says of them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.teams.roles import Role
from deployments.models import Approval, Freeze, Notice, PolicyResult
from deployments.policies.evaluating import evaluate
from deployments.policies.rules import RULES
from deployments.runs.statuses import RunStatus
from tests.deployments.conftest import PLAN_SHA256, give_plan, make_run
from tests.deployments.policies.holding import freeze, hold, only
from tests.factories import member_of

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
POLICIES, FREEZES, NOTICES = "/api/v1/policies/", "/api/v1/freezes/", "/api/v1/notices/"
SIZE = {"max_size": "Medium", "allow_gpu": True}


def post(client, url, body):
    return client.post(url, body, format="json")


# -- policies --------------------------------------------------------------------------------------


def test_everybody_reads_what_holds(viewer, api_as):
    policy = only("workload_size", "overridable", SIZE, environment="prod")
    hold("budget", "advisory")
    client = api_as(viewer)
    assert [row["rule"] for row in client.get(POLICIES).json()["results"]] == ["budget", "workload_size"]
    row = client.get(f"{POLICIES}{policy.pk}/").json()
    assert (row["title"], row["environment"], row["risk"], row["change"]) == ("Size limit", "prod", "", "")
    assert (row["level"], row["parameters"], row["version"]) == ("overridable", SIZE, 1)
    assert len(client.get(f"{POLICIES}?rule=budget").json()["results"]) == 1
    assert len(client.get(f"{POLICIES}?environment=prod&level=overridable").json()["results"]) == 1
    assert client.get(f"{POLICIES}?level=harsh").status_code == 400


def test_an_admin_makes_and_edits_a_policy(admin, environment, api_as):
    client = api_as(admin)
    body = {"rule": "workload_size", "environment": "staging", "level": "advisory", "parameters": SIZE}
    made = post(client, POLICIES, body)
    assert made.status_code == 201
    assert made.headers["Location"] == made.json()["url"]
    versions = f"{made.json()['url']}versions/"
    edited = post(client, versions, {"version": 1, "level": "off", "parameters": SIZE, "reason": "no need"})
    assert (edited.status_code, edited.json()["version"], edited.json()["level"]) == (201, 2, "off")
    history = client.get(versions).json()
    assert [(row["number"], row["level"], row["created_by"]) for row in history] == [
        (2, "off", "admin"),
        (1, "advisory", "admin"),
    ]
    assert history[0]["reason"] == "no need"
    stale = post(client, versions, {"version": 1, "level": "mandatory", "parameters": SIZE})
    assert (stale.status_code, stale.json()["code"]) == (409, "policy_changed")


@pytest.mark.parametrize("name", ["viewer", "deployer", "approver", "owner", "stranger"])
def test_nobody_else_does(name, api_as, request):
    client = api_as(request.getfixturevalue(name))
    policy = only("owner_team")
    assert post(client, POLICIES, {"rule": "budget", "level": "off"}).status_code == 403
    assert post(client, f"{POLICIES}{policy.pk}/versions/", {"version": 1, "level": "off"}).status_code == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"rule": "nonsense", "level": "off"}, "rule"),
        ({"rule": "owner_team", "level": "harsh"}, "level"),
        ({"rule": "owner_team", "level": "off", "environment": "mars"}, "environment"),
        ({"rule": "owner_team", "level": "off", "change": "explode"}, "change"),
        ({"rule": "owner_team", "level": "off", "more": 1}, "more"),
        ({"rule": "workload_size", "level": "off", "parameters": {"max_size": 3}}, "parameters.max_size"),
        ({"rule": "owner_team", "level": "off", "parameters": []}, "parameters"),
    ],
)
def test_what_is_wrong_is_said_by_field(admin, api_as, body, field):
    answer = post(api_as(admin), POLICIES, body)
    assert answer.status_code == 400
    assert field in answer.json()["fields"]


def test_every_rule_can_be_named(admin, api_as):
    answer = post(api_as(admin), POLICIES, {"rule": "x", "level": "off"}).json()
    assert all(rule in answer["fields"]["rule"][0] for rule in RULES)


# -- freezes ---------------------------------------------------------------------------------------


def in_hours(hours):
    return (timezone.now() + timedelta(hours=hours)).isoformat()


def test_an_admin_freezes_and_lifts(admin, environment, team, api_as):
    client = api_as(admin)
    for more, scope in (({}, "all"), ({"environment": "staging"}, "environment"), ({"team": "fraud"}, "team")):
        made = post(client, FREEZES, {"reason": "end of the year", "ends_at": in_hours(2), **more})
        assert (made.status_code, made.json()["scope"], made.json()["is_active"]) == (201, scope, True)
    lifted = post(client, f"{made.json()['url']}lift/", {})
    assert (lifted.status_code, lifted.json()["is_active"], lifted.json()["lifted_by"]) == (200, False, "admin")
    again = post(client, f"{made.json()['url']}lift/", {})
    assert (again.status_code, again.json()["code"]) == (409, "not_active")
    assert len(client.get(f"{FREEZES}?active=true").json()["results"]) == 2
    assert len(client.get(f"{FREEZES}?active=false").json()["results"]) == 1


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"reason": ""}, "reason"),
        ({"reason": "   "}, "reason"),
        ({"ends_at": "tomorrow"}, "ends_at"),
        ({"ends_at": 4102444800}, "ends_at"),
        ({"ends_at": "2026-11-23T10:00:00"}, "ends_at"),
        ({"ends_at": in_hours(-1)}, "ends_at"),
        ({"ends_at": in_hours(31 * 24)}, "ends_at"),
        ({"environment": "mars"}, "environment"),
        ({"team": "nobody"}, "team"),
        ({"environment": "staging", "team": "fraud"}, "team"),
    ],
)
def test_a_freeze_that_cannot_be_is_refused(admin, environment, team, api_as, values, field):
    answer = post(api_as(admin), FREEZES, {"reason": "why", "ends_at": in_hours(1), **values})
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == [field]
    assert not Freeze.objects.exists()


@pytest.mark.parametrize("name", ["viewer", "owner"])
def test_the_team_reads_its_freeze_and_cannot_lift_it(name, admin, team, stranger, api_as, request):
    url = f"{FREEZES}{freeze(admin, team=team).pk}/"
    client = api_as(request.getfixturevalue(name))
    assert client.get(url).json()["team"] == "fraud"
    assert post(client, f"{url}lift/", {}).status_code == 403
    assert post(client, FREEZES, {"reason": "why", "ends_at": in_hours(1)}).status_code == 403
    assert api_as(stranger).get(url).status_code == 404


# -- notices ---------------------------------------------------------------------------------------


def test_people_read_and_acknowledge_their_own_notices(run_in, approver, owner, api_as):
    notice = Notice.objects.create(user=approver, run=run_in(RunStatus.APPLY), message="told")
    mine, other = api_as(approver), api_as(owner)
    assert [row["message"] for row in mine.get(f"{NOTICES}?acknowledged=false").json()["results"]] == ["told"]
    assert other.get(NOTICES).json()["results"] == []
    assert post(other, f"{NOTICES}{notice.pk}/acknowledge/", {}).status_code == 404
    assert post(mine, f"{NOTICES}{notice.pk}/acknowledge/", {}).json()["acknowledged_at"]
    assert mine.get(f"{NOTICES}?acknowledged=false").json()["results"] == []


# -- runs ------------------------------------------------------------------------------------------


@pytest.fixture
def held(deployment, team):
    only("inference_table")
    run = make_run(deployment, RunStatus.POLICY, requested_by=member_of(team, Role.DEPLOYER, "asker"))
    give_plan(run)
    evaluate(run)
    return run


def test_a_run_shows_its_results_and_takes_an_override(held, viewer, approver, owner, api_as):
    url = f"/api/v1/runs/{held.pk}/"
    (row,) = api_as(viewer).get(url).json()["policy_results"]
    assert (row["rule"], row["outcome"], row["policy_version"]) == ("inference_table", "overridable", 1)
    assert row["message"]
    assert row["fix"]
    body = {"result": row["id"], "reason": "agreed"}
    assert post(api_as(approver), f"{url}override/", body).status_code == 403
    answer = post(api_as(owner), f"{url}override/", body)
    assert answer.status_code == 200
    assert answer.json()["policy_results"][0]["overridden_by"] == "owner"
    assert post(api_as(owner), f"{url}override/", body).json()["code"] == "not_waiting"


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "result"), ({"result": 0, "reason": "x"}, "result"), ({"result": 9, "reason": ""}, "reason")],
)
def test_an_override_that_names_nothing_is_refused(held, owner, api_as, body, field):
    answer = post(api_as(owner), f"/api/v1/runs/{held.pk}/override/", body)
    assert answer.status_code == 400
    assert field in answer.json()["fields"]


def test_the_result_of_another_run_is_none_of_this(held, deployment, owner, api_as):
    other = make_run(deployment, RunStatus.SUCCEEDED)
    result = PolicyResult.objects.get()
    answer = post(api_as(owner), f"/api/v1/runs/{other.pk}/override/", {"result": result.pk, "reason": "agreed"})
    assert answer.json()["fields"] == {"result": ["This run has no such policy result."]}


def test_the_glass_is_broken_over_the_api(run_in, owner, approver, api_as):
    run = run_in(RunStatus.APPROVAL)
    url = f"/api/v1/runs/{run.pk}/break-glass/"
    assert post(api_as(approver), url, {"reason": "customers cannot pay"}).status_code == 403
    assert "reason" in post(api_as(owner), url, {"reason": "short"}).json()["fields"]
    blank = post(api_as(owner), url, {"reason": " " * 12})
    assert (blank.status_code, blank.json()["code"]) == (409, "reason_required")
    changed = post(api_as(owner), url, {"reason": "customers cannot pay", "plan_sha256": "0" * 64})
    assert (changed.status_code, changed.json()["code"]) == (409, "plan_changed")
    done = post(api_as(owner), url, {"reason": "customers cannot pay", "plan_sha256": PLAN_SHA256})
    assert (done.status_code, done.json()["status"]) == (200, "apply")
    assert done.json()["approvals"][0]["decision"] == Approval.Decision.BREAK_GLASS
