"""The home page: what waits for a person, and which deployments have trouble."""

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.teams.roles import Role
from deployments.runs.statuses import RunStatus
from tests.deployments.conftest import make_deployment, make_run
from tests.deployments.page_text import page_of, queries, run_url
from tests.factories import EnvironmentFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def test_home_lists_what_waits_for_my_approval_but_not_my_own(client, waiting, approver, deployer):
    client.force_login(approver)
    page = page_of(client, reverse("home"))
    assert f'href="{run_url("run", waiting)}?tab=approval"' in page
    deployer.memberships.update(role=Role.TEAM_ADMIN)
    client.force_login(deployer)
    page = page_of(client, reverse("home"))
    assert "No approvals pending" in page
    assert f'href="{run_url("run", waiting)}"' in page


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
    assert "No known problems" in page_of(client, reverse("home"))


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
