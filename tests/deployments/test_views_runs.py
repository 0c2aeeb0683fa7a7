"""Pages of runs: the list, one run and its log."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.roles import Role
from deployments.models import Approval, Event, Run, StageRecord
from deployments.models.run import Line
from deployments.states import RunKind, RunStatus, StageStatus
from deployments.views import run_log
from tests.deployments.conftest import PLAN_SHA256, give_plan, make_deployment, make_run
from tests.factories import EnvironmentFactory, UserFactory

pytestmark = pytest.mark.django_db
RUNS = reverse("deployments:runs")
HTMX = {"HX-Request": "true"}


def url(name, run):
    return reverse(f"deployments:{name}", args=[run.pk])


def page_of(client, address, status=200, **extra):
    answer = client.get(address, **extra)
    assert answer.status_code == status
    return answer.content.decode()


def queries(client, address, **extra):
    with CaptureQueriesContext(
        connection,
    ) as captured:
        page_of(client, address, **extra)
    return len(captured)


def write(run, count, **line):
    run.log([Line(**{"stage": "plan", "message": f"line {number}", **line}) for number in range(1, count + 1)])
    run.refresh_from_db()


@pytest.fixture
def waiting(deployment, deployer):
    """A run that waits for approval, with its plan and the stages before."""
    run = make_run(deployment, RunStatus.APPROVAL)
    give_plan(
        run,
        changes=[
            {
                "address": "module.endpoint.databricks_model_serving.this",
                "action": "update",
                "attributes": [{"path": "config.served_entities.version", "before": "2", "after": "3"}],
            }
        ],
    )
    now = timezone.now()
    for stage in (RunStatus.PREFLIGHT, RunStatus.PLAN):
        StageRecord.objects.create(
            run=run, stage=stage, status=StageStatus.PASSED, started_at=now - timedelta(seconds=4), finished_at=now
        )
    StageRecord.objects.create(run=run, stage=RunStatus.APPROVAL, started_at=now)
    return run


# -- the list -------------------------------------------------------------------------------------


def test_the_list_shows_the_runs_of_my_teams(client, deployment, viewer, stranger):
    run = make_run(deployment)
    client.force_login(viewer)
    page = page_of(client, RUNS)
    assert f'href="{url("run", run)}"' in page
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
    assert "This filter cannot be applied" in page_of(client, f"{RUNS}?{query}", 400)


def test_the_list_costs_the_same_for_one_and_for_twenty_runs(client, deployment, model_version, viewer):
    make_run(deployment)
    client.force_login(viewer)
    one = queries(client, RUNS)
    for number in range(19):
        person = UserFactory.create()
        make_run(make_deployment(model_version, person, f"more-{number}"), RunStatus.SUCCEEDED)
    assert queries(client, RUNS) == one


# -- one run --------------------------------------------------------------------------------------


def test_a_run_shows_what_it_does_where_and_for_whom(client, deployment, waiting, viewer):
    client.force_login(viewer)
    page = page_of(client, url("run", waiting))
    for text in ("card-fraud", "staging.fraud.card_fraud", "Staging", "deployer", "Waiting for approval"):
        assert text in page
    assert "<title>Waiting for approval · Run" in page


def test_an_update_says_from_which_version_to_which(client, deployment, viewer):
    before = make_run(deployment, RunStatus.SUCCEEDED)
    Run.objects.filter(pk=before.pk).update(spec={**deployment.spec, "version": "2"})
    run = make_run(deployment)
    client.force_login(viewer)
    assert "v2 → v3" in page_of(client, url("run", run))


def test_a_queued_run_names_and_links_the_run_ahead(client, deployment, viewer):
    ahead, run = make_run(deployment, RunStatus.APPLY), make_run(deployment)
    client.force_login(viewer)
    page = page_of(client, url("run", run))
    assert f"Waits for run #{ahead.pk}" in page
    assert f'href="{url("run", ahead)}"' in page


def test_a_run_that_no_worker_takes_says_so(client, deployment, viewer):
    run = make_run(deployment, stage_started_at=timezone.now() - timedelta(seconds=90))
    client.force_login(viewer)
    assert "No worker has taken it for 90 s" in page_of(client, url("run", run))


def test_each_stage_has_its_tab(client, waiting, viewer):
    StageRecord.note(waiting, RunStatus.PREFLIGHT, {"checks": [{"name": "Grant", "result": "warn", "message": "m."}]})
    client.force_login(viewer)
    told = {
        "preflight": "Grant",
        "plan": "config.served_entities.version",
        "approval": PLAN_SHA256,
        "apply": "Nothing applied yet",
        "endpoint": "Not waiting for it yet",
        "smoke": "Not asked yet",
    }
    for tab, text in told.items():
        assert text in page_of(client, f"{url('run', waiting)}?tab={tab}"), tab
    page_of(client, f"{url('run', waiting)}?tab=nowhere", 404)


def test_the_smoke_tab_shows_request_answer_and_latency(client, deployment, viewer):
    run = make_run(deployment, RunStatus.SUCCEEDED, finished_at=timezone.now())
    now = timezone.now()
    for stage in run.stage_order:
        StageRecord.objects.create(
            run=run, stage=stage, status=StageStatus.PASSED, started_at=now, finished_at=now, message="m"
        )
    StageRecord.objects.filter(run=run, stage=RunStatus.ROLLOUT).update(status=StageStatus.SKIPPED)
    answer = {"status_code": 200, "response": '{"predictions": [1]}', "latency_ms": 41.7, "request": {"a": 1}}
    StageRecord.note(run, RunStatus.SMOKE, {**answer, "served_entity": "card_fraud-3"})
    client.force_login(viewer)
    page = page_of(client, url("run", run))
    for text in ("42 ms", "card_fraud-3", "&quot;predictions&quot;: [1]"):
        assert text in page


def test_the_rail_forgets_the_stages_of_an_attempt_before(client, deployment, viewer):
    run = make_run(deployment, RunStatus.PREFLIGHT)
    now = timezone.now()
    for stage, status in (("preflight", "passed"), ("plan", "failed"), ("preflight", "running")):
        finished = None if status == "running" else now
        StageRecord.objects.create(run=run, stage=stage, status=status, started_at=now, finished_at=finished)
    client.force_login(viewer)
    stages = client.get(url("run", run)).context["stages"]
    assert [(stage.key, stage.state) for stage in stages[:2]] == [("preflight", "Running"), ("plan", "Not started")]


def test_a_stage_that_was_skipped_is_not_needed(client, deployment, viewer):
    run = make_run(deployment, RunStatus.APPLY)
    now = timezone.now()
    for stage in ("preflight", "plan", "cost", "policy"):
        StageRecord.objects.create(run=run, stage=stage, status="passed", started_at=now, finished_at=now)
    StageRecord.skip(run, RunStatus.APPROVAL, "Staging needs no approval")
    client.force_login(viewer)
    stages = {stage.key: stage for stage in client.get(url("run", run)).context["stages"]}
    assert (stages["approval"].state, stages["approval"].reason) == ("Not needed", "Staging needs no approval")


def test_the_plan_is_a_file_and_a_fragment(client, waiting, viewer, stranger):
    client.force_login(viewer)
    answer = client.get(url("run_plan", waiting))
    assert answer.json() == {"format_version": "1.2", "resource_changes": []}
    assert "attachment" in answer.headers["Content-Disposition"]
    assert "<html" not in page_of(client, url("run_plan", waiting), headers=HTMX)
    client.force_login(stranger)
    page_of(client, url("run_plan", waiting), 404)


def test_a_run_without_a_plan_has_no_plan_file(client, deployment, viewer):
    client.force_login(viewer)
    page_of(client, url("run_plan", make_run(deployment)), 404)


# -- live -----------------------------------------------------------------------------------------


def test_the_live_part_asks_again_until_the_run_is_over(client, deployment, viewer):
    run = make_run(deployment)
    client.force_login(viewer)
    page = page_of(client, url("run_status", run), headers=HTMX)
    assert "<title>Queued · Run" in page
    assert 'hx-trigger="every 1s"' in page
    Run.objects.filter(pk=run.pk).update(status=RunStatus.FAILED, finished_at=timezone.now())
    page = page_of(client, url("run_status", run), headers=HTMX)
    assert "<title>Failed · Run" in page
    assert "hx-trigger" not in page


def test_the_page_is_told_when_there_is_more_to_see(client, waiting, viewer):
    client.force_login(viewer)
    token = client.get(url("run_status", waiting)).context["token"]
    same = client.get(f"{url('run_status', waiting)}?tab=approval&seen={token}", headers=HTMX)
    other = client.get(f"{url('run_status', waiting)}?tab=approval&seen=old", headers=HTMX)
    assert "HX-Trigger" not in same.headers
    assert other.headers["HX-Trigger"] == '{"run-changed": {}}'


def test_the_live_part_costs_the_same_for_one_and_for_twenty_stages(client, waiting, viewer, approver):
    client.force_login(viewer)
    one = queries(client, url("run_status", waiting), headers=HTMX)
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
    assert queries(client, url("run_status", waiting), headers=HTMX) == one


# -- the log --------------------------------------------------------------------------------------


@pytest.fixture
def short_pages(monkeypatch):
    monkeypatch.setattr(run_log, "PAGE_LINES", 10)


def numbers(page):
    return [int(part.split('"')[0]) for part in page.split('id="L')[1:]]


def test_the_log_is_numbered_and_goes_on_without_gap_or_duplicate(client, deployment, viewer, short_pages):
    run = make_run(deployment, RunStatus.APPLY)
    write(run, 7)
    client.force_login(viewer)
    page = page_of(client, url("run", run))
    seen = numbers(page)
    for count in (3, 0, 25, 1):
        write(run, count)
        while True:
            address = page.split("data-log-more")[0].rsplit('hx-get="', 1)[1].split('"')[0].replace("&amp;", "&")
            answer = client.get(address, headers=HTMX)
            if answer.status_code == 204:
                break
            page = answer.content.decode()
            seen += numbers(page)
    assert seen == list(range(1, 37))


def test_a_finished_log_carries_no_trigger(client, deployment, viewer):
    run = make_run(deployment, RunStatus.APPLY)
    write(run, 3)
    Run.objects.filter(pk=run.pk).update(status=RunStatus.SUCCEEDED, finished_at=timezone.now())
    client.force_login(viewer)
    page = page_of(client, f"{url('run_events', run)}?after=1", headers=HTMX)
    assert numbers(page) == [2, 3]
    assert "hx-trigger" not in page
    assert page_of(client, f"{url('run_events', run)}?after=3", headers=HTMX) == ""
    assert "data-log-more" not in page_of(client, url("run", run))


def test_nothing_new_leaves_the_page_as_it_is(client, deployment, viewer):
    run = make_run(deployment, RunStatus.APPLY)
    client.force_login(viewer)
    assert client.get(f"{url('run_events', run)}?after=0", headers=HTMX).status_code == 204


def test_a_long_log_starts_with_its_last_lines_and_loads_earlier_ones(client, deployment, viewer, short_pages):
    run = make_run(deployment, RunStatus.SUCCEEDED)
    write(run, 25)
    client.force_login(viewer)
    page = page_of(client, url("run", run))
    assert numbers(page) == list(range(16, 26))
    assert "Lines 1\N{EN DASH}15" in page
    earlier = page_of(client, f"{url('run_events', run)}?before=16", headers=HTMX)
    assert numbers(earlier) == list(range(6, 16))
    assert "Lines 1\N{EN DASH}5" in earlier
    first = page_of(client, f"{url('run_events', run)}?before=6", headers=HTMX)
    assert numbers(first) == list(range(1, 6))
    assert "sw-gap" not in first


def test_earlier_lines_are_a_page_of_their_own_without_javascript(client, deployment, viewer, short_pages):
    run = make_run(deployment, RunStatus.SUCCEEDED)
    write(run, 25)
    client.force_login(viewer)
    answer = client.get(f"{url('run_events', run)}?before=16", follow=True)
    assert numbers(answer.content.decode()) == list(range(6, 16))


def test_a_link_to_a_line_shows_the_lines_around_it_and_the_rest_follows(client, deployment, viewer, short_pages):
    run = make_run(deployment, RunStatus.SUCCEEDED)
    write(run, 40)
    client.force_login(viewer)
    page = page_of(client, f"{url('run', run)}?line=20")
    assert 20 in numbers(page)
    assert f"after={max(numbers(page))}" in page


def test_levels_and_stages_are_filtered_by_the_server(client, deployment, viewer):
    run = make_run(deployment, RunStatus.SUCCEEDED)
    write(run, 2)
    write(run, 1, level="error", message="it broke")
    write(run, 1, stage="apply", level="warning", message="slow")
    client.force_login(viewer)
    assert numbers(page_of(client, f"{url('run', run)}?level=warning")) == [3, 4]
    assert numbers(page_of(client, f"{url('run', run)}?stage=apply")) == [4]
    assert numbers(page_of(client, f"{url('run_events', run)}?after=0&level=error", headers=HTMX)) == [3]


@pytest.mark.parametrize("query", ["after=x", "after=-1", "before=" + "9" * 30, "level=loud", "stage=nowhere"])
def test_odd_queries_of_the_log_are_not_found(client, deployment, viewer, query):
    client.force_login(viewer)
    page_of(client, f"{url('run_events', make_run(deployment))}?{query}", 404, headers=HTMX)


def test_the_log_is_a_text_file(client, deployment, viewer):
    run = make_run(deployment, RunStatus.SUCCEEDED)
    write(run, 3)
    client.force_login(viewer)
    answer = client.get(url("run_log", run))
    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert [line.split()[0] for line in lines] == ["1", "2", "3"]
    assert lines[0].endswith("line 1")


def test_lines_are_text_and_never_markup(client, deployment, viewer):
    run = make_run(deployment, RunStatus.SUCCEEDED)
    write(run, 1, message="<script>alert(1)</script>")
    client.force_login(viewer)
    assert "<script>alert" not in page_of(client, url("run", run))


def test_the_page_of_a_run_with_a_hundred_thousand_lines_shows_its_end(client, deployment, viewer):
    run = make_run(deployment, RunStatus.SUCCEEDED)
    now = timezone.now()
    rows = (Event(run=run, number=number, created_at=now, stage="apply", message="x") for number in range(1, 100_001))
    Event.objects.bulk_create(rows, batch_size=5000)
    Run.objects.filter(pk=run.pk).update(event_count=100_000)
    client.force_login(viewer)
    shown = numbers(page_of(client, url("run", run)))
    assert (shown[-1], len(shown)) == (100_000, run_log.PAGE_LINES)


def test_the_log_costs_the_same_for_one_and_for_twenty_lines(client, deployment, viewer):
    run = make_run(deployment, RunStatus.APPLY)
    write(run, 1)
    client.force_login(viewer)
    address = f"{url('run_events', run)}?after=0"
    one = queries(client, address, headers=HTMX)
    write(run, 20)
    assert queries(client, address, headers=HTMX) == one


# -- who ------------------------------------------------------------------------------------------

PAGES = ["run", "run_status", "run_events", "run_log", "run_plan"]


@pytest.mark.parametrize("name", PAGES)
def test_anonymous_visitors_are_sent_to_the_login(client, waiting, name):
    assert client.get(url(name, waiting)).headers["Location"].startswith(reverse("login"))


@pytest.mark.parametrize("name", PAGES)
def test_runs_of_other_teams_are_not_found(client, waiting, stranger, name):
    client.force_login(stranger)
    page_of(client, url(name, waiting), 404)


@pytest.mark.parametrize("number", ["0", "9" * 19, "9" * 40])
def test_a_number_that_no_run_has_is_not_found(client, waiting, viewer, number):
    client.force_login(viewer)
    for end in ("", "status/", "events/", "log.txt", "plan.json", "cancel/"):
        page_of(client, f"{RUNS}{number}/{end}", 404)


# -- home -----------------------------------------------------------------------------------------


def test_home_lists_what_waits_for_my_approval_but_not_my_own(client, waiting, approver, deployer):
    client.force_login(approver)
    page = page_of(client, reverse("home"))
    assert f'href="{url("run", waiting)}?tab=approval"' in page
    deployer.memberships.update(role=Role.TEAM_ADMIN)
    client.force_login(deployer)
    page = page_of(client, reverse("home"))
    assert "Nothing waits for you" in page
    assert f'href="{url("run", waiting)}"' in page


def test_home_lists_deployments_with_trouble(client, deployment, model_version, viewer, stranger):
    now = timezone.now()
    fine = {"observed_at": now, "endpoint_id": "e", "ready": "READY"}
    make_deployment(model_version, viewer, "fine", **fine, config_update="NOT_UPDATING")
    make_deployment(model_version, viewer, "half", **fine, config_update="UPDATE_FAILED")
    deployment.observed_at = now
    deployment.save()
    make_run(deployment, RunStatus.FAILED)
    client.force_login(viewer)
    rows = client.get(reverse("home")).context["trouble"]
    assert sorted(row.deployment.name for row in rows) == ["card-fraud", "half"]
    client.force_login(stranger)
    assert "No trouble is known" in page_of(client, reverse("home"))


def test_a_deployment_that_was_never_seen_is_trouble_unless_a_run_is_at_work(client, deployment, viewer):
    client.force_login(viewer)
    assert [row.deployment for row in client.get(reverse("home")).context["trouble"]] == [deployment]
    make_run(deployment, RunStatus.APPLY)
    assert client.get(reverse("home")).context["trouble"] == []


def test_home_costs_the_same_for_one_and_for_twenty_rows(client, waiting, model_version, approver, workspace):
    make_run(waiting.deployment, RunStatus.FAILED, requested_by=approver)
    client.force_login(approver)
    home = reverse("home")
    one = queries(client, home)
    prod = EnvironmentFactory.create(slug="prod", workspace=workspace)
    for number in range(19):
        other = make_deployment(model_version, UserFactory.create(), f"more-{number}", environment=prod)
        make_run(other, RunStatus.APPROVAL)
        make_run(other, RunStatus.FAILED, requested_by=approver)
    assert queries(client, home) == one
