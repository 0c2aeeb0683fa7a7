"""The card of an endpoint's configuration, its two buttons, and the same over the API."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from deployments.models import ConfigCheck, Deployment, Run
from deployments.runs.statuses import RunStatus
from tests.deployments.configuration.endpoints import INTENDED, checked
from tests.deployments.conftest import make_deployment
from tests.deployments.page_text import page_of, queries

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

LIST = reverse("deployments:list")

API = "/api/v1/deployments/"


def url(name: str, deployment: Deployment) -> str:
    return reverse(f"deployments:{name}", args=[deployment.pk])


@pytest.fixture
def drifted(deployment):
    deployment.intended, deployment.intended_spec = INTENDED, deployment.spec
    deployment.save()
    checked(deployment, first_seen_at=timezone.now() - timedelta(hours=3))
    return deployment


def test_the_card_names_each_field_what_was_intended_and_what_is_live(client, drifted, deployer, viewer):
    client.force_login(deployer)
    page = page_of(client, url("deployment", drifted))
    for text in ("Changed by hand", "Workload size", "Small", "Medium", "3 h ago", "Revert", "Accept", "Check now"):
        assert text in page
    client.force_login(viewer)
    page = page_of(client, url("deployment", drifted))
    assert "Workload size" in page
    assert "Check now" in page
    assert url("config_revert", drifted) not in page
    assert url("config_accept", drifted) not in page


def test_an_unknown_is_never_shown_as_in_sync(client, drifted, viewer):
    client.force_login(viewer)
    ConfigCheck.objects.update(status="unknown", error="503: try later", differences=[])
    page = page_of(client, url("deployment", drifted))
    assert "Unknown" in page
    assert "503: try later" in page
    assert "match the last successful run" not in page
    ConfigCheck.objects.update(status="in_sync", error="", checked_at="2020-01-01T00:00:00Z")
    page = page_of(client, url("deployment", drifted))
    assert "Unknown · not checked lately" in page
    ConfigCheck.objects.all().delete()
    assert "Unknown · never checked" in page_of(client, url("deployment", drifted))


def test_the_list_marks_and_finds_what_was_changed_by_hand(client, drifted, model_version, deployer, viewer):
    same = make_deployment(model_version, deployer, "as-asked")
    checked(same, "in_sync")
    never = make_deployment(model_version, deployer, "never-checked")
    old = make_deployment(model_version, deployer, "long-ago")
    checked(old, "in_sync", checked_at="2020-01-01T00:00:00Z")
    client.force_login(viewer)
    assert page_of(client, LIST).count("Changed by hand</span>") == 1
    expected = {"changed": {drifted}, "in_sync": {same}, "unknown": {never, old}}
    for word, rows in expected.items():
        answer = client.get(LIST, {"configuration": word})
        assert {row.deployment for row in answer.context["rows"]} == rows, word


def test_the_list_costs_the_same_with_checks_as_without(client, drifted, model_version, deployer):
    client.force_login(deployer)
    page_of(client, LIST)
    one = queries(client, LIST)
    for number in range(10):
        checked(make_deployment(model_version, deployer, f"e{number}"))
    assert queries(client, LIST) == one


def test_check_now_sends_a_worker(client, drifted, viewer, sent, django_capture_on_commit_callbacks):
    client.force_login(viewer)
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(url("config_check", drifted))
    assert answer.headers["Location"] == url("deployment", drifted)
    assert sent == [("check_config", drifted.pk)]


def test_accepting_asks_first_and_posts_what_was_seen(client, drifted, deployer):
    client.force_login(deployer)
    page = page_of(client, url("config_accept", drifted))
    assert "Workload size: Small → Medium" in page
    assert f'name="fingerprint" value="{"a" * 64}"' in page
    answer = client.post(url("config_accept", drifted), {"fingerprint": "b" * 64}, follow=True)
    assert "has changed again" in answer.content.decode()
    answer = client.post(url("config_accept", drifted), follow=True)
    assert "has changed again" in answer.content.decode()
    drifted.refresh_from_db()
    assert drifted.intended == INTENDED


def test_reverting_leads_to_the_run_that_shows_the_way_back(client, drifted, deployer):
    client.force_login(deployer)
    assert "plans how to restore the endpoint" in page_of(client, url("config_revert", drifted))
    answer = client.post(url("config_revert", drifted))
    assert answer.headers["Location"] == reverse("deployments:run", args=[Run.objects.get().pk])


@pytest.mark.parametrize("action", ["config_accept", "config_revert"])
def test_accepting_and_reverting_are_for_deployers(client, drifted, viewer, stranger, action):
    client.force_login(viewer)
    assert client.post(url(action, drifted)).status_code == 403
    client.force_login(stranger)
    assert client.post(url(action, drifted)).status_code == 404
    client.logout()
    assert client.post(url(action, drifted)).status_code == 302
    assert not Run.objects.exists()


# -- the same over the API ------------------------------------------------------------------------


def test_the_api_tells_what_differs(drifted, viewer, stranger, api_as):
    answer = api_as(viewer).get(f"{API}{drifted.pk}/config-drift/")
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert (body["status"], body["state"], body["fingerprint"]) == ("drifted", "Changed by hand", "a" * 64)
    assert [(row["field"], row["intended"], row["live"]) for row in body["differences"]] == [
        ("Workload size", "Small", "Medium")
    ]
    assert api_as(stranger).get(f"{API}{drifted.pk}/config-drift/").status_code == 404


def test_the_api_says_unknown_before_the_first_check_and_on_old_news(deployment, viewer, api_as):
    body = api_as(viewer).get(f"{API}{deployment.pk}/config-drift/").json()
    assert (body["status"], body["checked_at"], body["differences"]) == ("unknown", None, [])
    checked(deployment, "in_sync", checked_at="2020-01-01T00:00:00Z")
    assert api_as(viewer).get(f"{API}{deployment.pk}/config-drift/").json()["status"] == "unknown"


def test_the_api_checks_reverts_and_refuses(drifted, deployer, viewer, api_as):
    client = api_as(deployer)
    address = f"{API}{drifted.pk}/config-drift/"
    assert client.post(f"{address}check/").status_code == 202
    answer = client.post(f"{address}accept/", {"fingerprint": "b" * 64})
    assert (answer.status_code, answer.json()["code"]) == (409, "changed_again")
    assert client.post(f"{address}accept/", {"fingerprint": "x"}).status_code == 400
    assert api_as(viewer).post(f"{address}revert/").status_code == 403
    answer = client.post(f"{address}revert/")
    assert answer.status_code == 201, answer.content
    assert Run.objects.get().status == RunStatus.QUEUED
    assert answer.json()["id"] == Run.objects.get().pk


def test_the_api_filters_by_configuration(drifted, model_version, deployer, viewer, api_as):
    make_deployment(model_version, deployer, "never-checked")
    found = api_as(viewer).get(API, {"configuration": "changed"}).json()["results"]
    assert [row["name"] for row in found] == ["card-fraud"]
