"""Pages of runs: the list, one run while it goes on, and who may see them."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from deployments.models import Approval, Run, StageRecord
from deployments.runs.statuses import RunKind, RunStatus, StageStatus
from tests.deployments.conftest import PLAN_SHA256, make_deployment, make_run
from tests.deployments.page_text import HTMX, page_of, queries, run_url, write
from tests.factories import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
RUNS = reverse("deployments:runs")


# -- the list --------------------------------------------------------------------------------------


def test_the_list_shows_the_runs_of_my_teams(client, deployment, viewer, stranger):
    run = make_run(deployment)
    client.force_login(viewer)
    page = page_of(client, RUNS)
    assert f'href="{run_url("run", run)}"' in page
    assert "Queued" in page
    client.force_login(stranger)
    assert "No runs yet" in page_of(client, RUNS)


def test_the_list_is_narrowed_by_its_url(client, deployment, model_version, deployer, owner):
    failed = make_run(deployment, RunStatus.FAILED, message="no capacity")
    destroyed = make_run(
        make_deployment(model_version, owner, "other"), RunStatus.SUCCEEDED, kind=RunKind.DESTROY, requested_by=owner
    )
    client.force_login(deployer)
    for query, shown in {
        "status=failed": failed,
        "status=finished&kind=destroy": destroyed,
        "mine=me": failed,
        "q=capacity": failed,
        "q=other": destroyed,
        "model=staging.fraud.card_fraud&kind=deploy": failed,
    }.items():
        assert [row.pk for row in client.get(f"{RUNS}?{query}").context["page"]] == [shown.pk], query
    assert "No runs match" in page_of(client, f"{RUNS}?q=nothing-like-it")
    assert [row.pk for row in client.get(f"{RUNS}?ordering=number").context["page"]] == [failed.pk, destroyed.pk]


@pytest.mark.parametrize("query", ["status=x", "kind=x", "mine=you", "environment=x", "ordering=password", "q=%00"])
def test_a_filter_that_cannot_be_applied_says_so(client, deployment, viewer, query):
    client.force_login(viewer)
    assert "Invalid filter" in page_of(client, f"{RUNS}?{query}", 400)


def test_the_list_costs_the_same_for_one_and_for_twenty_runs(client, deployment, model_version, viewer):
    make_run(deployment)
    client.force_login(viewer)
    one = queries(client, RUNS)
    for number in range(19):
        person = UserFactory.create()
        make_run(make_deployment(model_version, person, f"more-{number}"), RunStatus.SUCCEEDED)
    assert queries(client, RUNS) == one


# -- one run ---------------------------------------------------------------------------------------


def test_a_run_shows_what_it_does_where_and_for_whom(client, deployment, waiting, viewer):
    client.force_login(viewer)
    page = page_of(client, run_url("run", waiting))
    for text in ("card-fraud", "staging.fraud.card_fraud", "Staging", "deployer", "Waiting for approval"):
        assert text in page
    assert "<title>Waiting for approval · Run" in page


def test_an_update_says_from_which_version_to_which(client, deployment, viewer):
    before = make_run(deployment, RunStatus.SUCCEEDED)
    Run.objects.filter(pk=before.pk).update(spec={**deployment.spec, "version": "2"})
    run = make_run(deployment)
    client.force_login(viewer)
    assert "v2 → v3" in page_of(client, run_url("run", run))


def test_a_queued_run_names_and_links_the_run_ahead(client, deployment, viewer):
    ahead, run = make_run(deployment, RunStatus.APPLY), make_run(deployment)
    client.force_login(viewer)
    page = page_of(client, run_url("run", run))
    assert f"Waiting for run #{ahead.pk}" in page
    assert f'href="{run_url("run", ahead)}"' in page


def test_a_run_that_no_worker_takes_says_so(client, deployment, viewer):
    run = make_run(deployment, stage_started_at=timezone.now() - timedelta(seconds=90))
    client.force_login(viewer)
    assert "No worker has taken the run for 90 s" in page_of(client, run_url("run", run))


def test_each_stage_has_its_tab(client, waiting, viewer):
    StageRecord.note(
        waiting.pk, RunStatus.PREFLIGHT, {"checks": [{"name": "Grant", "result": "warn", "message": "m."}]}
    )
    client.force_login(viewer)
    told = {
        "preflight": "Grant",
        "plan": "served_entities.<wbr>version",
        "approval": PLAN_SHA256,
        "apply": "Not applied yet",
        "endpoint": "Not started yet",
        "smoke": "Not tested yet",
    }
    for tab, text in told.items():
        assert text in page_of(client, f"{run_url('run', waiting)}?tab={tab}"), tab
    page_of(client, f"{run_url('run', waiting)}?tab=nowhere", 404)


def test_the_smoke_tab_shows_request_answer_and_latency(client, deployment, viewer):
    run = make_run(deployment, RunStatus.SUCCEEDED, finished_at=timezone.now())
    now = timezone.now()
    for stage in run.stage_order:
        StageRecord.objects.create(
            run=run, stage=stage, status=StageStatus.PASSED, started_at=now, finished_at=now, message="m"
        )
    StageRecord.objects.filter(run=run, stage=RunStatus.ROLLOUT).update(status=StageStatus.SKIPPED)
    answer = {"status_code": 200, "response": '{"predictions": [1]}', "latency_ms": 41.7, "request": {"a": 1}}
    StageRecord.note(run.pk, RunStatus.SMOKE, {**answer, "served_entity": "card_fraud-3"})
    client.force_login(viewer)
    page = page_of(client, run_url("run", run))
    for text in ("42 ms", "card_fraud-3", "&quot;predictions&quot;: [1]"):
        assert text in page


def test_the_rail_forgets_the_stages_of_an_attempt_before(client, deployment, viewer):
    run = make_run(deployment, RunStatus.PREFLIGHT)
    now = timezone.now()
    for stage, status in (("preflight", "passed"), ("plan", "failed"), ("preflight", "running")):
        finished = None if status == "running" else now
        StageRecord.objects.create(run=run, stage=stage, status=status, started_at=now, finished_at=finished)
    client.force_login(viewer)
    stages = client.get(run_url("run", run)).context["stages"]
    assert [(stage.key, stage.state) for stage in stages[:2]] == [("preflight", "Running"), ("plan", "Not started")]


def test_a_stage_that_was_skipped_is_not_needed(client, deployment, viewer):
    run = make_run(deployment, RunStatus.APPLY)
    now = timezone.now()
    for stage in ("preflight", "plan", "cost", "policy"):
        StageRecord.objects.create(run=run, stage=stage, status="passed", started_at=now, finished_at=now)
    StageRecord.skip(run.pk, RunStatus.APPROVAL, "Staging needs no approval")
    client.force_login(viewer)
    stages = {stage.key: stage for stage in client.get(run_url("run", run)).context["stages"]}
    assert (stages["approval"].state, stages["approval"].reason) == ("Not needed", "Staging needs no approval")


def test_the_plan_is_a_file_and_a_fragment(client, waiting, viewer, stranger):
    client.force_login(viewer)
    answer = client.get(run_url("run_plan", waiting))
    assert answer.json() == {"format_version": "1.2", "resource_changes": []}
    assert "attachment" in answer.headers["Content-Disposition"]
    assert "<html" not in page_of(client, run_url("run_plan", waiting), headers=HTMX)
    client.force_login(stranger)
    page_of(client, run_url("run_plan", waiting), 404)


def test_a_run_without_a_plan_has_no_plan_file(client, deployment, viewer):
    client.force_login(viewer)
    page_of(client, run_url("run_plan", make_run(deployment)), 404)


# -- live ------------------------------------------------------------------------------------------


def test_the_live_part_asks_again_until_the_run_is_over(client, deployment, viewer):
    run = make_run(deployment)
    client.force_login(viewer)
    page = page_of(client, run_url("run_status", run), headers=HTMX)
    assert "<title>Queued · Run" in page
    assert 'hx-trigger="every 1s"' in page
    Run.objects.filter(pk=run.pk).update(status=RunStatus.FAILED, finished_at=timezone.now())
    page = page_of(client, run_url("run_status", run), headers=HTMX)
    assert "<title>Failed · Run" in page
    assert "hx-trigger" not in page


def test_the_page_is_told_when_there_is_more_to_see(client, waiting, viewer):
    client.force_login(viewer)
    token = client.get(run_url("run_status", waiting)).context["token"]
    same = client.get(f"{run_url('run_status', waiting)}?tab=approval&seen={token}", headers=HTMX)
    other = client.get(f"{run_url('run_status', waiting)}?tab=approval&seen=old", headers=HTMX)
    assert "HX-Trigger" not in same.headers
    assert other.headers["HX-Trigger"] == '{"run-changed": {}}'


def test_the_live_part_costs_the_same_for_one_and_for_twenty_stages(client, waiting, viewer, approver):
    client.force_login(viewer)
    one = queries(client, run_url("run_status", waiting), headers=HTMX)
    now = timezone.now()
    for number in range(20):
        StageRecord.objects.create(run=waiting, stage="plan", status="passed", started_at=now, finished_at=now)
        Approval.objects.create(
            run=waiting,
            decision="approved",
            decided_by=approver,
            plan_sha256=f"{number:064}",
            model_version="3",
            state_serial=0,
        )
    write(waiting, 20)
    assert queries(client, run_url("run_status", waiting), headers=HTMX) == one


# -- who -------------------------------------------------------------------------------------------


PAGES = ["run", "run_status", "run_events", "run_log", "run_plan"]


@pytest.mark.parametrize("name", PAGES)
def test_anonymous_visitors_are_sent_to_the_login(client, waiting, name):
    assert client.get(run_url(name, waiting)).headers["Location"].startswith(reverse("login"))


@pytest.mark.parametrize("name", PAGES)
def test_runs_of_other_teams_are_not_found(client, waiting, stranger, name):
    client.force_login(stranger)
    page_of(client, run_url(name, waiting), 404)


@pytest.mark.parametrize("number", ["0", "9" * 19, "9" * 40])
def test_a_number_that_no_run_has_is_not_found(client, waiting, viewer, number):
    client.force_login(viewer)
    for end in ("", "status/", "events/", "log.txt", "plan.json", "cancel/"):
        page_of(client, f"{RUNS}{number}/{end}", 404)
