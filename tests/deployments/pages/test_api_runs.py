"""Runs over the API: how they go, their events and plan, and what people decide."""

import threading
from datetime import timedelta

import pytest
from auditlog.models import LogEntry
from django.db import connection
from django.utils import timezone

from accounts.models import TokenScope
from accounts.teams.roles import Role
from deployments.models import Approval, Run, StageRecord
from deployments.runs.models import Line
from deployments.runs.statuses import Level, RunStatus, StageStatus
from tests.deployments.conftest import PLAN_SHA256, give_plan, make_deployment, make_run
from tests.factories import EnvironmentFactory, member_of

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
RUNS = "/api/v1/runs/"


def at(run, rest=""):
    return f"{RUNS}{run.pk}/{rest}"


def ids(answer):
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["results"]]


def test_a_run_tells_its_stages_plan_and_decisions(run_in, approver, viewer, api_as):
    run = run_in(RunStatus.APPROVAL)
    begun = timezone.now()
    StageRecord.objects.create(
        run=run,
        stage=RunStatus.PREFLIGHT,
        status=StageStatus.PASSED,
        started_at=begun,
        finished_at=begun + timedelta(seconds=2.5),
        message="preflight passed",
        detail={"checks": [{"name": "Grant", "result": "pass"}]},
    )
    StageRecord.objects.create(run=run, stage=RunStatus.PLAN, started_at=begun)
    Approval.objects.create(
        run=run,
        decision="rejected",
        decided_by=approver,
        reason="too big",
        plan_sha256="1" * 64,
        model_version="3",
        state_serial=0,
    )
    body = api_as(viewer, TokenScope.READ).get(at(run)).json()
    first, second = body["stages"]
    assert (first["name"], first["status"], first["duration_s"]) == ("Preflight", "passed", 2.5)
    assert first["detail"]["checks"][0]["name"] == "Grant"
    assert (second["status"], second["duration_s"]) == ("running", None)
    assert body["plan"]["sha256"] == PLAN_SHA256
    assert body["plan"]["summary"]["create"] == 1
    assert body["plan"]["sentences"] == ["The endpoint card-fraud will be created"]
    assert [(row["decided_by"], row["reason"]) for row in body["approvals"]] == [("approver", "too big")]
    assert (body["status_label"], body["tone"], body["is_finished"]) == ("Waiting for approval", "warn", False)
    assert body["blocking_run"] is None
    client = api_as(viewer)
    for name in ("deployment", "events", "plan"):
        assert client.get(body["links"][name]).status_code == 200
    for name in ("approve", "reject", "cancel", "resume"):
        assert client.get(body["links"][name]).status_code == 405


def test_neither_plan_file_nor_lease_nor_credentials_are_shown(run_in, viewer, api_as):
    run = run_in(RunStatus.APPLY, lease_token="0f8fad5b-d9cb-469f-a165-70867728950e", worker="host:1")
    for url in (at(run), RUNS, at(run, "plan/"), at(run, "events/")):
        text = api_as(viewer).get(url).content.decode()
        for secret in ("planfile", "encrypted", "lease_token", "0f8fad5b", "fencing"):
            assert secret not in text


def test_a_queued_run_names_the_run_it_waits_for(run_in, deployment, viewer, api_as):
    active, queued = run_in(RunStatus.SMOKE), make_run(deployment)
    body = api_as(viewer).get(at(queued)).json()
    assert (body["blocking_run"]["id"], body["blocking_run"]["status"]) == (active.pk, "smoke")


def test_the_plan_is_terraforms_own_json(run_in, viewer, api_as):
    answer = api_as(viewer).get(at(run_in(RunStatus.APPROVAL), "plan/"))
    assert answer.json() == {"format_version": "1.2", "resource_changes": []}


def test_a_run_without_a_plan_has_none(run_in, viewer, api_as):
    run = run_in(RunStatus.QUEUED)
    assert api_as(viewer).get(at(run)).json()["plan"] is None
    assert api_as(viewer).get(at(run, "plan/")).status_code == 404


# -- events ----------------------------------------------------------------------------------------


@pytest.fixture
def told(run_in):
    """A run in preflight with 7 lines: numbers 1 to 7, of which 3 and 6 are warnings."""
    run = run_in(RunStatus.PREFLIGHT)
    run.log(
        Line("plan" if n > 4 else "preflight", f"line {n}", Level.WARNING if n % 3 == 0 else Level.INFO)
        for n in range(1, 8)
    )
    return run


def numbers(answer):
    assert answer.status_code == 200, answer.content
    return [row["number"] for row in answer.json()["results"]]


def test_events_follow_each_other_without_gap_and_repeat(told, viewer, api_as):
    client, seen, url = api_as(viewer), [], at(told, "events/?limit=3")
    for _ in range(3):
        answer = client.get(url)
        seen += numbers(answer)
        url = answer.json()["next"]
    assert seen == [1, 2, 3, 4, 5, 6, 7]
    assert numbers(client.get(url)) == []
    told.log([Line("plan", "one more")])
    assert numbers(client.get(url)) == [8]


def test_the_end_of_a_finished_run_is_the_end(told, viewer, api_as):
    client = api_as(viewer)
    assert client.get(at(told, "events/?after=7")).json()["next"].endswith("after=7")
    told.transition(RunStatus.FAILED, "no grant", level=Level.ERROR)
    body = client.get(at(told, "events/?after=7")).json()
    assert ([row["message"] for row in body["results"]], body["next"], body["is_finished"]) == (
        ["no grant"],
        None,
        True,
    )
    assert body["next_after"] == 8


@pytest.mark.parametrize(
    ("query", "expected", "next_after"),
    [
        ("after=0", [1, 2, 3, 4, 5, 6, 7], 7),
        ("after=5", [6, 7], 7),
        ("after=7", [], 7),
        ("after=99", [], 99),
        ("after=2147483647", [], 2147483647),
        ("stage=plan", [5, 6, 7], 7),
        ("level=warning", [3, 6], 7),
        ("level=warning&limit=1", [3], 3),
        ("stage=plan&level=error", [], 7),
    ],
)
def test_events_are_narrowed(told, viewer, api_as, query, expected, next_after):
    answer = api_as(viewer).get(at(told, f"events/?{query}"))
    assert numbers(answer) == expected
    assert answer.json()["next_after"] == next_after


@pytest.mark.parametrize(
    "query",
    [
        *("after=-1", "after=x", "after=", "after=99999999999999999999", "after=%00", "after=1e3"),
        *("limit=0", "limit=1001", "stage=nowhere", "level=loud", "stage=%00"),
    ],
)
def test_odd_parameters_of_events_are_refused(told, viewer, api_as, query):
    answer = api_as(viewer).get(at(told, f"events/?{query}"))
    assert answer.status_code == 400
    assert query.partition("=")[0] in answer.json()["fields"]


def test_another_runs_events_never_appear(told, model_version, deployer, viewer, api_as):
    other = make_run(make_deployment(model_version, deployer, "other"), RunStatus.PREFLIGHT)
    other.log([Line("preflight", "of another run")])
    assert "of another run" not in api_as(viewer).get(at(told, "events/")).content.decode()


# -- deciding --------------------------------------------------------------------------------------


def test_an_approval_sends_the_run_on(run_in, approver, api_as, sent, django_capture_on_commit_callbacks):
    run = run_in(RunStatus.APPROVAL)
    with django_capture_on_commit_callbacks(execute=True):
        answer = api_as(approver).post(at(run, "approve/"), {"reason": "fine", "plan_sha256": PLAN_SHA256})
    assert answer.status_code == 200, answer.content
    assert answer.json()["status"] == "apply"
    decision = Approval.objects.get()
    assert (decision.decided_by, decision.plan_sha256, decision.reason) == (approver, PLAN_SHA256, "fine")
    assert sent == [("advance_run", run.pk)]
    assert LogEntry.objects.get_for_object(decision).get().actor == approver


def test_an_approval_needs_no_body(run_in, approver, api_as):
    assert api_as(approver).post(at(run_in(RunStatus.APPROVAL), "approve/")).status_code == 200


def test_an_approval_of_another_plan_is_refused(run_in, approver, api_as):
    answer = api_as(approver).post(at(run_in(RunStatus.APPROVAL), "approve/"), {"plan_sha256": "6" * 64})
    assert (answer.status_code, answer.json()["code"]) == (409, "plan_changed")


def test_a_rejection_says_why(run_in, approver, api_as):
    run, client = run_in(RunStatus.APPROVAL), api_as(approver)
    assert set(client.post(at(run, "reject/"), {}).json()["fields"]) == {"reason"}
    blank = client.post(at(run, "reject/"), {"reason": "  "})
    assert (blank.status_code, blank.json()["code"]) == (409, "reason_required")
    answer = client.post(at(run, "reject/"), {"reason": "not on a Friday"})
    assert (answer.json()["status"], answer.json()["message"]) == ("rejected", "rejected by approver: not on a Friday")


@pytest.mark.parametrize("role", [Role.DEPLOYER, Role.TEAM_ADMIN])
def test_whoever_asked_never_decides(run_in, team, api_as, role):
    person = member_of(team, role, "asker")
    run = run_in(RunStatus.APPROVAL, requested_by=person)
    for verb in ("approve", "reject"):
        assert api_as(person).post(at(run, f"{verb}/"), {"reason": "mine"}).status_code == 403
    assert not Approval.objects.exists()


def test_not_even_a_platform_admin_decides_about_his_own_run(run_in, admin, api_as):
    run = run_in(RunStatus.APPROVAL, requested_by=admin)
    assert api_as(admin).post(at(run, "approve/")).status_code == 403


def test_a_decision_comes_too_late(run_in, approver, api_as):
    for status in (RunStatus.QUEUED, RunStatus.SUCCEEDED):
        answer = api_as(approver).post(at(run_in(status), "approve/"))
        assert (answer.status_code, answer.json()["code"]) == (409, "not_waiting")


def test_a_cancelled_run_is_over(run_in, deployer, api_as):
    run, client = run_in(RunStatus.APPROVAL), api_as(deployer)
    answer = client.post(at(run, "cancel/"), {})
    assert (answer.status_code, answer.json()["status"], answer.json()["message"]) == (
        200,
        "cancelled",
        "cancelled by deployer",
    )
    again = client.post(at(run, "cancel/"))
    assert (again.status_code, again.json()["code"]) == (409, "finished")


def test_a_failed_run_is_resumed(run_in, deployer, api_as):
    run, client = run_in(RunStatus.FAILED, message="no grant", finished_at=timezone.now()), api_as(deployer)
    body = client.post(at(run, "resume/")).json()
    assert (body["status"], body["message"], body["finished_at"]) == ("queued", "", None)
    again = client.post(at(run, "resume/"))
    assert (again.status_code, again.json()["code"]) == (409, "not_resumable")


@pytest.mark.parametrize("verb", ["approve", "reject", "cancel", "resume"])
@pytest.mark.parametrize("body", [{"force": True}, [], "yes", {"reason": 7}, {"plan_sha256": None}])
def test_an_action_takes_nothing_it_does_not_know(run_in, owner, api_as, verb, body):
    run = run_in(RunStatus.FAILED if verb == "resume" else RunStatus.APPROVAL)
    answer = api_as(owner).post(at(run, f"{verb}/"), body, format="json")
    assert answer.status_code == 400
    assert Run.objects.get().status == run.status


@pytest.mark.parametrize("verb", ["approve", "reject", "cancel", "resume"])
def test_a_viewer_decides_nothing_and_a_stranger_finds_nothing(run_in, viewer, stranger, api_as, verb):
    run = run_in(RunStatus.FAILED if verb == "resume" else RunStatus.APPROVAL)
    assert api_as(viewer).post(at(run, f"{verb}/"), {"reason": "x"} if verb == "reject" else {}).status_code == 403
    assert api_as(stranger).post(at(run, f"{verb}/"), {}).status_code == 404
    assert Run.objects.get().status == run.status


@pytest.mark.parametrize("verb", ["approve", "reject", "cancel", "resume"])
def test_an_action_sent_twice_with_one_key_is_done_once(run_in, owner, api_as, verb):
    run = run_in(RunStatus.FAILED if verb == "resume" else RunStatus.APPROVAL)
    client, body = api_as(owner), {"reason": "x"} if verb in ("approve", "reject") else {}
    first, again = (client.post(at(run, f"{verb}/"), body, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200), first.content
    assert again.json() == first.json()


@pytest.mark.django_db(transaction=True)
def test_of_two_approvers_at_once_one_decides(run_in, team, approver, api_as):
    run = run_in(RunStatus.APPROVAL)
    clients = [api_as(approver), api_as(member_of(team, Role.APPROVER, "second"))]
    verbs, start, codes = ["approve", "reject"], threading.Barrier(2), []

    def decide(client, verb):
        start.wait()
        try:
            codes.append(client.post(at(run, f"{verb}/"), {"reason": "now"}).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=decide, args=pair) for pair in zip(clients, verbs, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [200, 409]
    decision = Approval.objects.get()
    run.refresh_from_db()
    assert run.status == {"approved": "apply", "rejected": "rejected"}[decision.decision]


# -- lists -----------------------------------------------------------------------------------------


@pytest.fixture
def some_runs(deployment, model_version, deployer, owner, environment):
    """succeeded (deploy), queued (destroy, by owner) of card-fraud; failed of other in prod."""
    prod = EnvironmentFactory(slug="prod", catalog_name="prod", workspace=environment.workspace)
    other = make_deployment(model_version, deployer, "other", environment=prod)
    return {
        "succeeded": make_run(deployment, RunStatus.SUCCEEDED, message="live").pk,
        "queued": make_run(deployment, kind="destroy", requested_by=owner).pk,
        "failed": make_run(other, RunStatus.FAILED, message="no grant").pk,
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["failed", "queued", "succeeded"]),
        ("ordering=created_at", ["succeeded", "queued", "failed"]),
        ("status=failed", ["failed"]),
        ("status=unfinished", ["queued"]),
        ("status=finished", ["failed", "succeeded"]),
        ("kind=destroy", ["queued"]),
        ("environment=prod", ["failed"]),
        ("team=fraud", ["failed", "queued", "succeeded"]),
        ("model=staging.fraud.card_fraud&environment=staging", ["queued", "succeeded"]),
        ("requested_by=owner", ["queued"]),
        ("q=grant", ["failed"]),
        ("q=card-fraud+live", ["succeeded"]),
    ],
)
def test_lists_are_searched_filtered_and_ordered(some_runs, viewer, api_as, query, expected):
    assert ids(api_as(viewer).get(f"{RUNS}?{query}")) == [some_runs[name] for name in expected]


@pytest.mark.parametrize(
    "query", ["status=green", "kind=shrink", "team=pricing", "ordering=message", "requested_by=%00"]
)
def test_a_filter_value_that_does_not_exist_is_refused(some_runs, viewer, api_as, query):
    assert query.partition("=")[0] in api_as(viewer).get(f"{RUNS}?{query}").json()["fields"]


def test_strangers_see_no_runs(some_runs, stranger, api_as):
    assert ids(api_as(stranger).get(RUNS)) == []


def test_lists_and_details_cost_the_same_for_one_row_and_for_twenty(
    run_in, model_version, deployer, approver, viewer, api_as, django_assert_num_queries
):
    run, client = run_in(RunStatus.APPROVAL), api_as(viewer)
    client.get(RUNS)
    with django_assert_num_queries(2):
        client.get(RUNS)
    with django_assert_num_queries(6):
        client.get(at(run))
    with django_assert_num_queries(3):
        client.get(at(run, "events/"))
    for number in range(19):
        give_plan(make_run(make_deployment(model_version, deployer, f"e{number}"), RunStatus.APPROVAL))
        StageRecord.objects.create(run=run, stage=RunStatus.PLAN, started_at=timezone.now())
        sha256 = f"{number:064x}"
        given = {"decided_by": approver, "plan_sha256": sha256, "model_version": "3", "state_serial": 0}
        Approval.objects.create(run=run, decision="approved", **given)
    run.log(Line("plan", str(number)) for number in range(300))
    with django_assert_num_queries(2):
        assert len(ids(client.get(RUNS))) == 20
    with django_assert_num_queries(6):
        assert len(client.get(at(run)).json()["stages"]) == 19
    with django_assert_num_queries(3):
        assert len(numbers(client.get(at(run, "events/")))) == 200
