"""Words of people in a rollout, going back to an earlier version, and rehearsing it: services, pages and API."""

import re
from datetime import timedelta

import pytest
from auditlog.models import LogEntry
from django.core.exceptions import PermissionDenied
from django.urls import reverse
from django.utils import timezone

from deployments.models import Rehearsal, RolloutStep
from deployments.rollouts import rolling_back, services
from deployments.runs.models import Line
from deployments.runs.statuses import Level, RunKind, RunStatus
from tests.deployments.conftest import make_run
from tests.deployments.page_text import HTMX, page_of, queries, run_url
from tests.deployments.stages.rolling import make_history, moving_run
from web.errors import Invalid, Refused

pytestmark = pytest.mark.django_db


def refused(code):
    return pytest.raises(Refused, check=lambda refusal: refusal.code == code)


@pytest.fixture
def history(deployment, model_version):
    """Three good runs: versions 1, 2 and 3; 3 serves, and 2 is still there."""
    return make_history(deployment, model_version)


@pytest.fixture
def rolling(deployment):
    """A run whose first step has its traffic."""
    return moving_run(deployment)


# -- the services ----------------------------------------------------------------------------------


@pytest.mark.parametrize("service", [services.promote, services.roll_back_run])
def test_a_word_in_a_rollout_wakes_the_run_and_stays_in_the_audit_trail(
    rolling, deployer, sent, django_capture_on_commit_callbacks, service
):
    with django_capture_on_commit_callbacks(execute=True):
        service(run=rolling, actor=deployer)
    step = RolloutStep.objects.get()
    assert step.ordered_by == deployer
    assert sent == [("advance_run", rolling.pk)]
    entry = LogEntry.objects.get_for_object(rolling).filter(action=LogEntry.Action.UPDATE).get()
    assert entry.changes == {"rollout": ["25 %", step.order]}


@pytest.mark.parametrize("service", [services.promote, services.roll_back_run])
def test_a_word_in_a_rollout_is_for_deployers_and_counts_once(rolling, viewer, deployer, service):
    with pytest.raises(PermissionDenied):
        service(run=rolling, actor=viewer)
    service(run=rolling, actor=deployer)
    with refused("already_decided"):
        service(run=rolling, actor=deployer)


@pytest.mark.parametrize("service", [services.promote, services.roll_back_run])
def test_there_is_nothing_to_say_where_no_traffic_moves(run_in, rolling, deployer, service):
    RolloutStep.objects.update(back_since=timezone.now())
    with refused("already_going_back"):
        service(run=rolling, actor=deployer)
    rolling.status = RunStatus.SUCCEEDED
    rolling.save()
    with refused("not_rolling_out"):
        service(run=rolling, actor=deployer)
    with refused("not_rolling_out"):
        service(run=run_in(RunStatus.SMOKE), actor=deployer)


def test_versions_to_go_back_to_are_good_ones_that_do_not_serve(deployment, history):
    make_run(deployment, RunStatus.FAILED)
    deployment.spec = {**deployment.spec, "version": "2"}
    newest = make_run(deployment, RunStatus.NO_CHANGE)
    found = rolling_back.rollback_targets(deployment)
    assert [(row.version, row.run, row.is_served) for row in found] == [
        ("2", newest, True),
        ("1", history["1"], False),
    ]


def test_a_rollback_takes_over_what_the_run_deployed_and_all_traffic_at_once(deployment, history, deployer):
    run = rolling_back.request_rollback(deployment=deployment, to_run=history["2"], actor=deployer)
    assert (run.kind, run.spec["version"], run.spec["rollout"]["strategy"]) == ("rollback", "2", "all_at_once")
    deployment.refresh_from_db()
    assert (deployment.spec["version"], deployment.spec["rollout"]["strategy"]) == ("2", "canary")
    assert RunStatus.ROLLOUT not in run.stage_order
    assert "asked to roll back card-fraud" in run.events.get().message


def test_what_serves_and_what_failed_is_nothing_to_go_back_to(deployment, history, deployer, viewer):
    failed = make_run(deployment, RunStatus.FAILED)
    for run in (history["3"], failed):
        with refused("not_a_target"):
            rolling_back.request_rollback(deployment=deployment, to_run=run, actor=deployer)
    with pytest.raises(PermissionDenied):
        rolling_back.request_rollback(deployment=deployment, to_run=history["2"], actor=viewer)


def test_a_version_that_is_gone_from_the_registry_cannot_come_back(deployment, history, deployer):
    deployment.model.versions.filter(version=1).update(removed_at=timezone.now())
    with pytest.raises(Invalid, check=lambda invalid: set(invalid.fields) == {"version"}):
        rolling_back.request_rollback(deployment=deployment, to_run=history["1"], actor=deployer)


def test_a_rehearsal_is_a_run_back_and_a_run_forward(deployment, history, deployer):
    before = deployment.spec
    rehearsal = rolling_back.rehearse_rollback(deployment=deployment, actor=deployer)
    assert (rehearsal.rollback_run.spec["version"], rehearsal.return_run.spec["version"]) == ("2", "3")
    assert rehearsal.return_run.blocking_run() == rehearsal.rollback_run
    assert (rehearsal.seconds, rehearsal.tone) == (None, "busy")
    deployment.refresh_from_db()
    assert deployment.spec == before
    Rehearsal.objects.update(answered_at=rehearsal.started_at + timedelta(seconds=7))
    deployment.runs.filter(kind=RunKind.ROLLBACK).update(status=RunStatus.SUCCEEDED)
    rehearsal = Rehearsal.objects.get()
    assert (rehearsal.seconds, rehearsal.tone) == (7.0, "ok")
    deployment.runs.filter(pk=rehearsal.return_run_id).update(status=RunStatus.FAILED)
    assert Rehearsal.objects.get().tone == "bad"


def test_rehearsing_is_refused_where_it_would_hurt_or_tell_nothing(deployment, history, deployer, viewer):
    with pytest.raises(PermissionDenied):
        rolling_back.rehearse_rollback(deployment=deployment, actor=viewer)
    busy = make_run(deployment, RunStatus.PLAN)
    with refused("busy"):
        rolling_back.rehearse_rollback(deployment=deployment, actor=deployer)
    busy.delete()
    deployment.environment.needs_approval = True
    with refused("not_here"):
        rolling_back.rehearse_rollback(deployment=deployment, actor=deployer)
    deployment.environment.needs_approval = False
    deployment.runs.update(status=RunStatus.FAILED)
    with refused("no_target"):
        rolling_back.rehearse_rollback(deployment=deployment, actor=deployer)


# -- the pages -------------------------------------------------------------------------------------


def test_the_tab_of_a_rollout_shows_both_versions_the_rule_the_routes_and_the_way_out(client, rolling, deployer):
    client.force_login(deployer)
    page = page_of(client, run_url("run", rolling) + "?tab=rollout")
    for words in ("<strong>v3</strong>", "<strong>v4</strong>", "1.0 %", "5.0 %", "41 ms", "25 % of the traffic"):
        assert words in page
    assert "At most 1 % errors (4xx and 5xx), or no more than the previous version" in page
    assert "Observed" in page
    assert run_url("run_promote", rolling) in page
    assert run_url("run_rollback", rolling) in page


def test_the_page_is_told_when_the_numbers_change(client, rolling, viewer):
    client.force_login(viewer)
    address = run_url("run_status", rolling)
    token = client.get(address, headers=HTMX).context["token"]
    same = client.get(address, {"seen": token, "tab": "rollout"}, headers=HTMX)
    assert "HX-Trigger" not in same.headers
    RolloutStep.objects.update(message="12 of 200 requests")
    changed = client.get(address, {"seen": token, "tab": "rollout"}, headers=HTMX)
    assert changed.headers["HX-Trigger"] == '{"run-changed": {}}'


def test_a_viewer_gets_no_buttons(client, rolling, viewer):
    client.force_login(viewer)
    page = page_of(client, run_url("run", rolling) + "?tab=rollout")
    assert f'href="{run_url("run_promote", rolling)}"' not in page
    assert client.post(run_url("run_promote", rolling)).status_code == 403


@pytest.mark.parametrize(("name", "order"), [("run_promote", "promote"), ("run_rollback", "roll_back")])
def test_promote_and_roll_back_ask_and_then_act(client, rolling, deployer, stranger, name, order):
    client.force_login(stranger)
    assert client.post(run_url(name, rolling)).status_code == 404
    client.force_login(deployer)
    assert "<form" in page_of(client, run_url(name, rolling))
    assert client.post(run_url(name, rolling)).status_code == 302
    assert RolloutStep.objects.get().order == order


def test_two_clicks_roll_back_and_the_first_shows_what_changes(client, deployment, history, deployer):
    client.force_login(deployer)
    page = page_of(client, reverse("deployments:deployment", args=[deployment.pk]))
    address = reverse("deployments:rollback", args=[deployment.pk, history["2"].pk])
    assert f'href="{address}" data-dialog="#rollback-{history["2"].pk}-dialog"' in " ".join(page.split())
    assert "Still served: only traffic changes" in page
    for asked in (page, page_of(client, address)):
        row = '<th scope="row" class="sw-mono">version</th><td>3</td><td><strong>2</strong></td>'
        assert row in re.sub(r">\s+<", "><", asked)
    answer = client.post(address)
    newest = deployment.runs.first()
    assert answer.headers["Location"] == run_url("run", newest)
    assert (newest.kind, newest.spec["version"]) == ("rollback", "2")
    page = page_of(client, run_url("run", newest))
    assert "Roll back card-fraud" in page
    assert "v3 → v2" in page


def test_rolling_back_is_refused_in_words(client, deployment, history, viewer, deployer):
    address = reverse("deployments:rollback", args=[deployment.pk, history["3"].pk])
    client.force_login(viewer)
    assert client.post(address).status_code == 403
    client.force_login(deployer)
    answer = client.post(address, follow=True)
    assert "Choose an earlier successful run" in answer.content.decode()


def test_a_rehearsal_starts_from_the_page_and_shows_its_age(client, deployment, history, deployer):
    client.force_login(deployer)
    page_url, address = (reverse(f"deployments:{name}", args=[deployment.pk]) for name in ("deployment", "rehearse"))
    assert "the rollback time is unknown" in page_of(client, page_url)
    assert "Rehearse the rollback?" in page_of(client, address)
    assert client.post(address).headers["Location"] == run_url("run", Rehearsal.objects.get().rollback_run)
    Rehearsal.objects.update(answered_at=Rehearsal.objects.get().started_at + timedelta(seconds=7))
    assert "v2 responded 7 s after the click" in page_of(client, page_url)
    assert "Rehearse when it has" in client.post(address, follow=True).content.decode()


def test_more_versions_cost_no_more_queries(client, deployment, history, deployer):
    client.force_login(deployer)
    address = reverse("deployments:deployment", args=[deployment.pk])
    before = queries(client, address)
    for number in range(5, 15):
        deployment.spec = {**deployment.spec, "version": str(number)}
        make_run(deployment, RunStatus.SUCCEEDED)
    assert queries(client, address) == before


def test_an_update_that_failed_stays_on_the_page_with_the_end_of_its_build_log(client, deployment, viewer):
    run = make_run(deployment, RunStatus.FAILED)
    run.log([Line("apply", "no space left", Level.ERROR, "build")])
    deployment.served = [{"name": "a", "entity_version": "7", "traffic": 100, "state": "DEPLOYMENT_READY"}]
    deployment.pending = [{"name": "b", "entity_version": "8", "traffic": 0, "state": "DEPLOYMENT_FAILED"}]
    deployment.ready, deployment.config_update, deployment.endpoint_id = "READY", "UPDATE_FAILED", "e1"
    deployment.observed_at = timezone.now()
    deployment.save()
    client.force_login(viewer)
    page = page_of(client, reverse("deployments:deployment", args=[deployment.pk]))
    assert "v7 still serving, v8 failed" in page
    assert "no space left" in page
    assert "Ready · update failed" in page


# -- the API ---------------------------------------------------------------------------------------


def test_the_api_tells_which_rule_and_which_numbers(api_as, rolling, viewer):
    RolloutStep.objects.update(verdict="breached", rule="error_rate", message="error rate 5 %")
    step = api_as(viewer).get(f"/api/v1/runs/{rolling.pk}/").json()["rollout"][0]
    assert (step["percent"], step["verdict"], step["rule"]) == (25, "breached", "error_rate")
    assert step["numbers"]["new"] == {
        "requests": 300,
        "errors_4xx": 0,
        "errors_5xx": 15,
        "error_rate": 0.05,
        "p99_ms": None,
    }
    assert step["live"] == {"card_fraud-3": 75, "card_fraud-4": 25}


@pytest.mark.parametrize(("action", "order"), [("promote", "promote"), ("rollback", "roll_back")])
def test_the_api_promotes_and_rolls_back(api_as, rolling, viewer, deployer, action, order):
    address = f"/api/v1/runs/{rolling.pk}/{action}/"
    assert api_as(viewer).post(address).status_code == 403
    answer = api_as(deployer).post(address)
    assert answer.status_code == 200
    assert answer.json()["rollout"][0]["order"] == order
    again = api_as(deployer).post(address)
    assert (again.status_code, again.json()["code"]) == (409, "already_decided")


def test_the_api_rolls_a_deployment_back(api_as, deployment, history, viewer, deployer):
    address = f"/api/v1/deployments/{deployment.pk}/rollback/"
    targets = api_as(viewer).get(address).json()["results"]
    assert [(row["version"], row["is_served"], row["run"]["id"]) for row in targets] == [
        ("2", True, history["2"].pk),
        ("1", False, history["1"].pk),
    ]
    assert api_as(viewer).post(address, {"run": history["2"].pk}, format="json").status_code == 403
    answer = api_as(deployer).post(address, {"run": history["2"].pk}, format="json")
    assert (answer.status_code, answer.json()["kind"], answer.json()["version"]) == (201, "rollback", "2")
    wrong = api_as(deployer).post(address, {"run": history["3"].pk}, format="json")
    assert (wrong.status_code, wrong.json()["code"]) == (409, "not_a_target")
    assert api_as(deployer).post(address, {"run": 10**9}, format="json").status_code == 404
    assert api_as(deployer).post(address, {"run": "2"}, format="json").status_code == 400


def test_the_api_rehearses(api_as, deployment, history, viewer, deployer):
    address = f"/api/v1/deployments/{deployment.pk}/rehearsals/"
    assert api_as(viewer).post(address).status_code == 403
    answer = api_as(deployer).post(address)
    assert (answer.status_code, answer.json()["version"], answer.json()["seconds"]) == (201, "2", None)
    listed = api_as(viewer).get(address).json()["results"]
    assert [row["id"] for row in listed] == [answer.json()["id"]]
    assert api_as(deployer).post(address).json()["code"] == "busy"
