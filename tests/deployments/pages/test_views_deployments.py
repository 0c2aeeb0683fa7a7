"""Pages of deployments: the list, one deployment, destroying it, the test request."""

import json
from datetime import timedelta

import pytest
import yaml
from django.urls import reverse
from django.utils import timezone

from deployments.deployment.specs import parse_spec
from deployments.models import Run, TestRequest
from deployments.runs.statuses import RunKind, RunStatus
from tests.deployments.conftest import make_deployment, make_run
from tests.deployments.page_text import HTMX, page_of, queries
from tests.factories import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
LIST = reverse("deployments:list")


def url(name, deployment, *more):
    return reverse(f"deployments:{name}", args=[deployment.pk, *more])


@pytest.fixture
def live(deployment):
    """The deployment, serving version 3 and just seen."""
    deployment.observed_at = timezone.now()
    deployment.endpoint_id, deployment.ready, deployment.config_update = "e", "READY", "NOT_UPDATING"
    deployment.endpoint_url = "https://w.example.com/serving-endpoints/card-fraud/invocations"
    deployment.endpoint_creator = "service-principal"
    deployment.served = [
        {
            "name": "card_fraud-3",
            "entity_name": "staging.fraud.card_fraud",
            "entity_version": "3",
            "state": "DEPLOYMENT_READY",
            "message": "",
            "traffic": 100,
        }
    ]
    deployment.save()
    return deployment


# -- the list -------------------------------------------------------------------------------------


def test_the_list_shows_the_deployments_of_my_teams(client, live, viewer, stranger):
    make_run(live, RunStatus.SUCCEEDED)
    client.force_login(viewer)
    page = page_of(client, LIST)
    for text in ("card-fraud", "Ready · up to date", "v3", "Succeeded"):
        assert text in page
    client.force_login(stranger)
    assert "No deployments yet" in page_of(client, LIST)


def test_an_empty_list_offers_the_wizard_to_those_who_may(client, deployer, viewer):
    client.force_login(deployer)
    assert f'href="{reverse("deployments:wizard_start")}"' in page_of(client, LIST)
    client.force_login(viewer)
    assert f'href="{reverse("deployments:wizard_start")}"' not in page_of(client, LIST)


def test_the_list_is_narrowed_and_sorted_by_its_url(client, live, model_version, deployer, viewer):
    make_deployment(model_version, deployer, "zebra")
    client.force_login(viewer)
    for query, names in {
        "status=ready": ["card-fraud"],
        "status=unknown": ["zebra"],
        "q=zeb": ["zebra"],
        "environment=staging&team=fraud&ordering=-name": ["zebra", "card-fraud"],
        "model=staging.fraud.none": [],
    }.items():
        assert [row.deployment.name for row in client.get(f"{LIST}?{query}").context["rows"]] == names, query
    assert "No deployments match" in page_of(client, f"{LIST}?q=nothing")
    assert "Invalid filter" in page_of(client, f"{LIST}?ordering=password", 400)


def test_the_list_costs_the_same_for_one_and_for_twenty_deployments(client, live, model_version, viewer):
    make_run(live, RunStatus.SUCCEEDED)
    client.force_login(viewer)
    one = queries(client, LIST)
    for number in range(19):
        other = make_deployment(model_version, UserFactory.create(), f"more-{number}")
        make_run(other, RunStatus.FAILED)
        make_run(other, RunStatus.QUEUED)
    assert queries(client, LIST) == one


def test_the_page_of_a_model_gets_its_deployments(client, live, viewer, stranger):
    address = reverse("deployments:of_model", args=["staging.fraud.card_fraud"])
    client.force_login(viewer)
    page = page_of(client, address, headers=HTMX)
    assert "card-fraud" in page
    assert "<html" not in page
    assert client.get(address).headers["Location"] == f"{LIST}?model=staging.fraud.card_fraud"
    client.force_login(stranger)
    assert "Your teams have not deployed this model" in page_of(client, address, headers=HTMX)


# -- one deployment -------------------------------------------------------------------------------


def test_a_deployment_shows_what_is_live_and_what_was_asked_for(client, live, viewer):
    run = make_run(live, RunStatus.SUCCEEDED)
    client.force_login(viewer)
    page = page_of(client, url("deployment", live))
    for text in ("Ready · up to date", "100 %", "service-principal", live.endpoint_url, f"#{run.pk}", "Small"):
        assert text in page
    assert "https://w.example.com/serving-endpoints/card-fraud/invocations/invocations" not in page


def test_old_news_is_unknown_and_never_green(client, live, viewer):
    live.observed_at = timezone.now() - timedelta(hours=2)
    live.save()
    client.force_login(viewer)
    page = page_of(client, url("deployment_status", live), headers=HTMX)
    assert "Unknown · not seen lately" in page
    assert "2 h ago" in page
    assert "sw-tone-ok" not in page


def test_a_workspace_that_cannot_be_asked_gives_its_reason(client, live, viewer):
    live.observe_error = "connecting: no route to host"
    live.save()
    client.force_login(viewer)
    page = page_of(client, url("deployment", live))
    assert "connecting: no route to host" in page
    assert "Last seen ready" in page


def test_a_failed_update_shows_what_serves_and_what_failed(client, live, viewer):
    live.config_update = "UPDATE_FAILED"
    live.pending = [{"entity_version": "4", "state": "DEPLOYMENT_FAILED", "message": "it crashed", "traffic": 0}]
    live.save()
    client.force_login(viewer)
    page = page_of(client, url("deployment", live))
    assert "Ready · update failed" in page
    assert "it crashed" in page
    assert "Failed update" in page


def test_the_live_part_asks_again_faster_while_a_run_is_at_work(client, live, viewer):
    client.force_login(viewer)
    assert 'hx-trigger="every 15s"' in page_of(client, url("deployment_status", live), headers=HTMX)
    make_run(live, RunStatus.APPLY)
    assert 'hx-trigger="every 2s"' in page_of(client, url("deployment_status", live), headers=HTMX)


def test_a_destroyed_deployment_asks_no_more_and_offers_nothing(client, live, owner):
    live.destroyed_at = timezone.now()
    live.save()
    client.force_login(owner)
    page = page_of(client, url("deployment", live))
    assert "hx-trigger" not in page
    assert "Destroyed" in page
    for name in ("destroy", "test_request"):
        assert url(name, live) not in page


def test_the_live_part_costs_the_same_for_one_and_for_twenty_runs(client, live, viewer):
    make_run(live, RunStatus.SUCCEEDED)
    client.force_login(viewer)
    address = url("deployment_status", live)
    one = queries(client, address, headers=HTMX)
    for _ in range(19):
        make_run(live, RunStatus.SUCCEEDED, requested_by=UserFactory.create())
    assert queries(client, address, headers=HTMX) == one


def test_an_earlier_good_version_is_two_clicks_away(client, live, deployer, viewer):
    before = make_run(live, RunStatus.SUCCEEDED)
    Run.objects.filter(pk=before.pk).update(spec={**live.spec, "version": "2"})
    back = f"{reverse('deployments:wizard_start')}?from_run={before.pk}"
    client.force_login(deployer)
    assert back in page_of(client, url("deployment", live))
    client.force_login(viewer)
    assert back not in page_of(client, url("deployment", live))


def test_the_spec_is_a_yaml_file_that_the_api_takes(client, live, viewer):
    client.force_login(viewer)
    answer = client.get(url("spec_yaml", live))
    assert parse_spec(yaml.safe_load(answer.content)).as_json() == live.spec


# -- destroy --------------------------------------------------------------------------------------


def test_destroying_takes_the_name(client, live, deployer):
    client.force_login(deployer)
    assert "Type <b" in page_of(client, url("destroy", live))
    for typed in ("", "card", "card-fraud2"):
        answer = client.post(url("destroy", live), {"typed_name": typed})
        assert answer.status_code == 422
        assert "Type card-fraud to confirm" in answer.content.decode()
    assert not Run.objects.exists()


def test_destroying_starts_a_run(client, live, deployer, sent, django_capture_on_commit_callbacks):
    client.force_login(deployer)
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(url("destroy", live), {"typed_name": "card-fraud"})
    run = Run.objects.get()
    assert run.kind == RunKind.DESTROY
    assert answer.headers["Location"] == reverse("deployments:run", args=[run.pk])
    assert sent == [("advance_run", run.pk)]


def test_destroying_twice_says_which_run_does_it(client, live, deployer):
    first = make_run(live, RunStatus.PLAN, kind=RunKind.DESTROY)
    client.force_login(deployer)
    answer = client.post(url("destroy", live), {"typed_name": "card-fraud"}, follow=True)
    assert f"Run #{first.pk} already destroys this deployment." in answer.content.decode()
    assert Run.objects.count() == 1


@pytest.mark.parametrize("who", ["viewer", "approver"])
def test_those_who_may_not_deploy_cannot_destroy(client, live, request, who):
    client.force_login(request.getfixturevalue(who))
    assert url("destroy", live) not in page_of(client, url("deployment", live))
    assert client.post(url("destroy", live), {"typed_name": "card-fraud"}).status_code == 403
    assert not Run.objects.exists()


# -- the test request -----------------------------------------------------------------------------


def test_the_box_starts_with_the_input_example_of_the_live_version(client, live, viewer):
    client.force_login(viewer)
    context = client.get(url("deployment", live)).context
    assert json.loads(context["form"]["body"].value()) == {"dataframe_split": {"columns": ["amount"], "data": [[12.5]]}}
    assert [sample["label"] for sample in context["samples"]] == ["curl", "Python"]
    for sample in context["samples"]:
        assert live.endpoint_url in sample["code"]
        assert "DATABRICKS_TOKEN" in sample["code"]
    compile(context["samples"][1]["code"], "sample", "exec")


def test_a_request_is_sent_and_asks_for_its_answer(client, live, viewer, sent, django_capture_on_commit_callbacks):
    client.force_login(viewer)
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(url("test_request", live), {"body": '{"inputs": [1]}'}, headers=HTMX)
    request = TestRequest.objects.get()
    page = answer.content.decode()
    assert (request.body, request.requested_by) == ({"inputs": [1]}, viewer)
    assert sent == [("run_test_request", request.pk)]
    result = url("test_result", live, request.pk)
    assert f'hx-get="{result}" hx-trigger="every 1s"' in page
    assert "every 1s" in page_of(client, result, headers=HTMX)


def test_the_answer_ends_the_asking(client, live, viewer):
    request = TestRequest.objects.create(
        deployment=live,
        requested_by=viewer,
        body={},
        status="answered",
        status_code=200,
        response='{"predictions": [1]}',
        served_entity="card_fraud-3",
        latency_ms=12.4,
    )
    client.force_login(viewer)
    page = page_of(client, url("test_result", live, request.pk), headers=HTMX)
    for text in ("200 OK", "12 ms", "card_fraud-3", "predictions"):
        assert text in page
    assert "hx-trigger" not in page
    assert "card_fraud-3" in page_of(client, url("test_result", live, request.pk))


def test_an_endpoint_that_could_not_be_asked_gives_the_reason(client, live, viewer):
    request = TestRequest.objects.create(
        deployment=live, requested_by=viewer, body={}, status="failed", response="querying: no answer in 60 s"
    )
    client.force_login(viewer)
    page = page_of(client, url("test_result", live, request.pk), headers=HTMX)
    assert "querying: no answer in 60 s" in page
    assert "hx-trigger" not in page


@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("", "Enter a JSON object"),
        ("{", "This is not valid JSON"),
        ("[1]", "Send a JSON object"),
        ('{"a": NaN}', "This JSON cannot be sent"),
        ("[" * 100_000, "This JSON cannot be read"),
        ('{"a": "\\u0000"}', "Null characters"),
    ],
)
def test_a_body_that_is_no_json_object_is_told_beside_the_field(client, live, viewer, body, told, headers):
    client.force_login(viewer)
    answer = client.post(url("test_request", live), {"body": body}, headers=headers)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert told in page
    assert 'id="id_body_error"' in page
    assert ("<html" in page) == (not headers)
    assert not TestRequest.objects.exists()


def test_without_javascript_the_answer_has_a_page(client, live, viewer):
    client.force_login(viewer)
    answer = client.post(url("test_request", live), {"body": "{}"})
    assert answer.headers["Location"] == url("test_result", live, TestRequest.objects.get().pk)


def test_a_test_request_of_another_deployment_is_not_found(client, live, model_version, viewer):
    other = make_deployment(model_version, viewer, "other")
    request = TestRequest.objects.create(deployment=other, requested_by=viewer, body={})
    client.force_login(viewer)
    page_of(client, url("test_result", live, request.pk), 404, headers=HTMX)


# -- who ------------------------------------------------------------------------------------------

PAGES = ["deployment", "deployment_status", "spec_yaml", "destroy"]


@pytest.mark.parametrize("name", PAGES)
def test_anonymous_visitors_are_sent_to_the_login(client, live, name):
    assert client.get(url(name, live)).headers["Location"].startswith(reverse("login"))


@pytest.mark.parametrize("name", PAGES)
def test_deployments_of_other_teams_are_not_found(client, live, stranger, name):
    client.force_login(stranger)
    page_of(client, url(name, live), 404)
    assert client.post(url("test_request", live), {"body": "{}"}).status_code == 404
