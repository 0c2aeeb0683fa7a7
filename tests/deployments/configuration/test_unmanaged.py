"""Endpoints that no deployment manages: how they are listed, who sees them, and which cannot be adopted."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.urls import reverse

from deployments.configuration import adopting, listing, tasks
from deployments.models import Deployment, EndpointListing, Run, UnmanagedEndpoint
from deployments.runs.statuses import RunKind, RunStatus
from integrations.databricks import decoding
from integrations.errors import IntegrationError
from tests.deployments.conftest import make_deployment, make_run
from tests.deployments.page_text import page_of, queries
from tests.factories import EnvironmentFactory
from web.errors import Invalid, Refused

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
LIST = reverse("deployments:unmanaged")
API = "/api/v1/endpoints/"


def answer(name: str = "by-hand", **changes: Any) -> Any:
    entity = {
        "name": "card_fraud-3",
        "entity_name": "staging.fraud.card_fraud",
        "entity_version": "3",
        "workload_size": "Small",
        "scale_to_zero_enabled": True,
        **changes.pop("entity", {}),
    }
    row = {
        "name": name,
        "id": f"id-of-{name}",
        "creator": "eva@example.com",
        "state": {"ready": "READY", "config_update": "NOT_UPDATING"},
        "config": {"served_entities": [entity]},
        "tags": [{"key": "owner", "value": "eva"}],
        **changes,
    }
    return decoding.endpoint(row)


@pytest.fixture
def list_now(model_version, monkeypatch):
    """``list_now(*endpoints)``: a worker lists the workspace, which has these."""

    def listed(*endpoints: Any, error: IntegrationError | None = None) -> None:
        class Answering:
            def list_endpoints(self) -> Any:
                if error:
                    raise error
                return list(endpoints)

            def get_endpoint(self, name: str) -> Any:
                return next((row for row in endpoints if row.name == name), None)

        monkeypatch.setattr(listing, "connect", lambda workspace: Answering())
        tasks.list_endpoints(model_version.model.workspace_id)

    return listed


def adopt(actor, team, environment, name="by-hand"):
    return adopting.adopt_endpoint(name=name, environment=environment, team=team, actor=actor)


# -- listing --------------------------------------------------------------------------------------


def test_a_list_leaves_out_ours_and_those_of_databricks_itself(list_now, model_version, deployer):
    make_deployment(model_version, deployer, "ours")
    list_now(answer(), answer("ours"), answer("databricks-llama"), answer("no-id", id=""))
    assert [row.name for row in UnmanagedEndpoint.objects.all()] == ["by-hand"]
    assert EndpointListing.objects.get().listed_at


def test_what_is_gone_from_the_workspace_is_gone_from_the_list(list_now):
    list_now(answer(), answer("second"))
    list_now(answer("second"))
    assert [row.name for row in UnmanagedEndpoint.objects.all()] == ["second"]


def test_a_workspace_that_does_not_answer_keeps_the_old_list_with_the_reason(list_now):
    list_now(answer())
    first = EndpointListing.objects.get().listed_at
    list_now(error=IntegrationError("503: try later", permanent=False))
    found = EndpointListing.objects.get()
    assert (found.listed_at, found.error) == (first, "503: try later")
    assert UnmanagedEndpoint.objects.exists()


def test_values_of_variables_are_encrypted(list_now):
    list_now(answer(entity={"environment_vars": {"DB_PASSWORD": "canary-value"}}))
    found = UnmanagedEndpoint.objects.get()
    assert b"canary-value" not in bytes(found.live)
    assert "canary-value" not in str(found.served)


# -- adopting -------------------------------------------------------------------------------------


def test_adopting_starts_a_run_of_its_kind(list_now, deployer, team, environment):
    list_now(answer())
    run = adopt(deployer, team, environment)
    assert (run.kind, run.status, run.deployment.name, run.deployment.team) == (
        RunKind.ADOPT,
        RunStatus.QUEUED,
        "by-hand",
        team,
    )
    assert run.spec["tags"] == {"owner": "eva"}
    assert not UnmanagedEndpoint.objects.unmanaged().exists()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"config": {"served_entities": []}}, "no versions"),
        ({"config": {"served_entities": [{"name": "a", "entity_name": "x.y.z"}] * 2}}, "2 versions"),
        ({"entity": {"entity_name": "gpt-4"}}, "no model of Unity Catalog"),
        ({"state": {"ready": "READY", "config_update": "UPDATE_FAILED"}}, "not ready"),
    ],
)
def test_what_is_no_deployment_is_refused_in_words(list_now, admin, team, environment, changes, text):
    list_now(answer(**changes))
    with pytest.raises(Refused, match=text):
        adopt(admin, team, environment)
    assert not Deployment.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"entity": {"entity_name": "staging.fraud.unknown"}}, "model"),
        ({"entity": {"entity_version": "99"}}, "version"),
        ({"entity": {"entity_name": "prod.fraud.card_fraud"}}, "model"),
        ({"entity": {"workload_size": ""}}, "compute.workload_size"),
        ({"entity": {"environment_vars": {"DB_PASSWORD": "canary"}}}, "env_vars"),
    ],
)
def test_what_the_catalog_or_a_spec_does_not_know_is_refused_by_field(
    list_now, admin, team, environment, changes, field
):
    list_now(answer(**changes))
    with pytest.raises(Invalid) as refused:
        adopt(admin, team, environment)
    assert set(refused.value.fields) == {field}
    assert "canary" not in str(refused.value)


def test_an_endpoint_of_a_model_that_one_may_not_see_is_not_there(list_now, stranger, other_team, environment):
    list_now(answer())
    with pytest.raises(Invalid, match="no endpoint by-hand"):
        adopt(stranger, other_team, environment)


def test_nobody_takes_an_endpoint_of_a_model_that_he_may_not_deploy(list_now, viewer, team, other_team, environment):
    list_now(answer())
    with pytest.raises(PermissionDenied):
        adopt(viewer, team, environment)
    other_team.memberships.create(user=viewer, role="deployer")
    with pytest.raises(Invalid, match="not deploy it"):
        adopt(viewer, other_team, environment)
    assert not Run.objects.exists()


def test_an_endpoint_is_adopted_once(list_now, deployer, team, environment):
    list_now(answer())
    run = adopt(deployer, team, environment)
    with pytest.raises(Invalid, match="nobody has"):
        adopt(deployer, team, environment)
    Run.objects.filter(pk=run.pk).update(status=RunStatus.FAILED)
    again = adopt(deployer, team, environment)
    assert again.deployment_id != run.deployment_id
    run.deployment.refresh_from_db()
    assert run.deployment.destroyed_at


# -- pages and API --------------------------------------------------------------------------------


def test_the_page_lists_what_my_teams_may_see_with_what_is_in_the_way(
    client, list_now, deployer, viewer, stranger, admin
):
    list_now(answer(), answer("two", entity={"entity_name": "x.y.z"}), answer("broken", state={"ready": "NOT_READY"}))
    client.force_login(deployer)
    page = page_of(client, LIST)
    for text in ("by-hand", "eva@example.com", "owner=eva", "v3", "Adopt", "Refresh", "broken", "It is not ready"):
        assert text in page
    assert "x.y.z" not in page
    client.force_login(viewer)
    page = page_of(client, LIST)
    assert "by-hand" in page
    assert "Refresh" not in page
    client.force_login(stranger)
    assert "No unmanaged endpoints" in page_of(client, LIST)
    client.force_login(admin)
    assert "x.y.z" in page_of(client, LIST)


def test_the_list_costs_the_same_for_one_and_for_twenty(client, list_now, deployer):
    list_now(answer())
    client.force_login(deployer)
    page_of(client, LIST)
    one = queries(client, LIST)
    list_now(*(answer(f"e{number}") for number in range(20)))
    assert queries(client, LIST) == one


def test_the_form_adopts_and_says_what_is_wrong(client, list_now, deployer, team, environment):
    list_now(answer(), answer("secret", entity={"environment_vars": {"DB_PASSWORD": "canary"}}))
    EnvironmentFactory.create(slug="prod", name="Production", catalog_name="prod", workspace=environment.workspace)
    client.force_login(deployer)
    good, bad = UnmanagedEndpoint.objects.order_by("name")
    page = page_of(client, reverse("deployments:adopt", args=[good.pk]))
    assert "Staging" in page
    assert "Production" not in page
    chosen = {"team": team.pk, "environment": environment.pk}
    refused = client.post(reverse("deployments:adopt", args=[bad.pk]), chosen)
    assert refused.status_code == 422
    assert "DB_PASSWORD looks like a secret" in refused.content.decode()
    assert "canary" not in refused.content.decode()
    done = client.post(reverse("deployments:adopt", args=[good.pk]), chosen)
    assert done.headers["Location"] == reverse("deployments:run", args=[Run.objects.get().pk])
    assert "Adopt by-hand" in page_of(client, done.headers["Location"])


def test_the_form_is_not_for_strangers_and_viewers(client, list_now, viewer, stranger):
    list_now(answer())
    address = reverse("deployments:adopt", args=[UnmanagedEndpoint.objects.get().pk])
    for user, status in ((viewer, 403), (stranger, 404)):
        client.force_login(user)
        assert client.post(address).status_code == status


def test_before_the_first_listing_the_page_and_the_api_answer(client, environment, deployer, api_as):
    client.force_login(deployer)
    assert "never" in page_of(client, LIST)
    assert api_as(deployer).get(f"{API}unmanaged/").json()["results"] == []


def test_refresh_sends_a_worker(
    client, list_now, deployer, viewer, sent, environment, api_as, django_capture_on_commit_callbacks
):
    client.force_login(deployer)
    with django_capture_on_commit_callbacks(execute=True):
        client.post(reverse("deployments:unmanaged_refresh", args=[environment.workspace_id]))
        answered = api_as(deployer).post(f"{API}unmanaged/refresh/", {"environment": "staging"})
    assert answered.status_code == 202, answered.content
    assert sent == [("list_endpoints", environment.workspace_id)] * 2
    client.force_login(viewer)
    assert client.post(reverse("deployments:unmanaged_refresh", args=[environment.workspace_id])).status_code == 403
    assert api_as(viewer).post(f"{API}unmanaged/refresh/", {"environment": "staging"}).status_code == 403


def test_the_api_lists_and_adopts(list_now, deployer, stranger, team, api_as):
    list_now(answer(), answer("broken", state={"ready": "NOT_READY"}))
    body = api_as(deployer).get(f"{API}unmanaged/").json()
    assert [(row["name"], row["obstacle"] == "") for row in body["results"]] == [("broken", False), ("by-hand", True)]
    assert api_as(deployer).get(f"{API}unmanaged/", {"q": "hand"}).json()["results"][0]["tags"] == {"owner": "eva"}
    assert api_as(stranger).get(f"{API}unmanaged/").json()["results"] == []
    asked = {"name": "by-hand", "environment": "staging", "team": team.slug}
    refused = api_as(deployer).post(f"{API}adopt/", {**asked, "name": "broken"})
    assert (refused.status_code, refused.json()["code"]) == (409, "not_adoptable")
    for wrong in ({"environment": "nowhere"}, {"team": "pricing"}, {"name": "unknown"}):
        refused = api_as(deployer).post(f"{API}adopt/", {**asked, **wrong})
        assert refused.status_code == 400, refused.content
        assert set(refused.json()["fields"]) == set(wrong)
    made = api_as(deployer).post(f"{API}adopt/", asked)
    assert made.status_code == 201, made.content
    assert (made.json()["kind"], made.json()["status"]) == ("adopt", "queued")


def test_a_given_up_adoption_is_not_one_that_is_at_work(model_version, deployer, list_now):
    deployment = make_deployment(model_version, deployer, "by-hand")
    run = make_run(deployment, RunStatus.PLAN, kind=RunKind.ADOPT)
    list_now(answer())
    assert not UnmanagedEndpoint.objects.exists()
    Run.objects.filter(pk=run.pk).update(status=RunStatus.CANCELLED)
    list_now(answer())
    assert UnmanagedEndpoint.objects.unmanaged().exists()
    make_run(deployment, RunStatus.FAILED, kind=RunKind.DEPLOY)
    assert not UnmanagedEndpoint.objects.unmanaged().exists()
