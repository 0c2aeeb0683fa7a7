"""Drift, adoption, states and clean-up as a browser shows them: both themes, and a phone."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Literal

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, ViewportSize, expect

from accounts.models import User
from deployments.models import ConfigCheck, Deployment, EndpointListing, Run, StageRecord, StateLock, UnmanagedEndpoint
from deployments.runs.statuses import RunStatus
from tests.browser import THEMES, Complaints, hold_to_the_rules
from tests.deployments.configuration.endpoints import INTENDED, checked
from tests.deployments.conftest import make_run
from tests.deployments.tfstate.versions import write
from web.crypto import encrypt

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("browser")]
SignIn = Callable[[User], None]
PHONE: ViewportSize = {"width": 390, "height": 844}
OVERFLOW = "document.documentElement.scrollWidth - window.innerWidth"


@pytest.fixture
def run(deployment: Deployment) -> Run:
    """The newest run of a deployment that has everything these pages show; it failed and left an endpoint."""
    deployment.intended = INTENDED
    deployment.save()
    checked(deployment, first_seen_at=timezone.now(), changed_at=timezone.now())
    run = make_run(deployment, RunStatus.FAILED, message="applying: the workspace did not answer.")
    now = timezone.now()
    StageRecord.objects.create(
        run=run,
        stage=RunStatus.APPLY,
        status="failed",
        started_at=now,
        finished_at=now,
        created=["module.endpoint.databricks_model_serving.this", "serving endpoint card-fraud"],
    )
    write(deployment, 1, run=run)
    write(deployment, 2, "Large", "changed", run=run)
    StateLock.objects.create(deployment=deployment, run=run, fencing=1, lock_id="b7e3b0de")
    EndpointListing.objects.create(workspace=deployment.workspace, listed_at=now)
    for name in ("by-hand", "an-endpoint-with-a-rather-long-name-that-somebody-made-in-a-hurry"):
        UnmanagedEndpoint.objects.create(
            workspace=deployment.workspace,
            name=name,
            endpoint_id="e",
            creator="eva@example.com",
            ready="READY",
            config_update="NOT_UPDATING",
            model_name="staging.fraud.card_fraud",
            served=[
                {
                    "entity_name": "staging.fraud.card_fraud",
                    "entity_version": "3",
                    "workload_type": "CPU",
                    "workload_size": "Small",
                    "scale_to_zero": True,
                    "traffic": 100,
                }
            ],
            tags={"owner": "eva", "cost_center": "1234"},
            made_at=now,
            live=encrypt(b"{}"),
        )
    return run


def addresses(run: Run) -> dict[str, str]:
    deployment, version = run.deployment_id, run.state_versions.first()
    assert version is not None
    return {
        "deployment": reverse("deployments:deployment", args=[deployment]),
        "list": reverse("deployments:list"),
        "unmanaged": reverse("deployments:unmanaged"),
        "adopt": reverse("deployments:adopt", args=[UnmanagedEndpoint.objects.all()[0].pk]),
        "states": f"{reverse('deployments:states', args=[deployment])}?version={version.pk}",
        "run": reverse("deployments:run", args=[run.pk]),
        "unlock": reverse("deployments:force_unlock", args=[deployment]),
    }


@pytest.mark.parametrize("theme", THEMES)
def test_the_pages_are_accessible_and_fit_on_a_phone(
    page: Page, complaints: Complaints, sign_in: SignIn, admin: User, run: Run, theme: Literal["light", "dark"]
) -> None:
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    sign_in(admin)
    for name, address in addresses(run).items():
        page.set_viewport_size({"width": 1440, "height": 900})
        page.goto(address)
        page.wait_for_load_state("networkidle")
        hold_to_the_rules(page)
        page.set_viewport_size(PHONE)
        assert page.evaluate(OVERFLOW) <= 0, name
    assert complaints.texts == []


def test_clean_up_is_a_dialog_that_lists_what_goes(page: Page, sign_in: SignIn, deployer: User, run: Run) -> None:
    sign_in(deployer)
    page.goto(reverse("deployments:run", args=[run.pk]))
    page.get_by_role("link", name="Clean up").click()
    dialog = page.get_by_role("dialog", name=f"Clean up after run #{run.pk}?")
    expect(dialog.get_by_role("listitem")).to_have_text(
        ["module.endpoint.databricks_model_serving.this", "serving endpoint card-fraud"]
    )
    dialog.get_by_role("button", name="Clean up").click()
    expect(page.get_by_text("cleans up after run")).to_be_visible()


def test_a_change_by_hand_is_accepted_with_two_clicks(page: Page, sign_in: SignIn, deployer: User, run: Run) -> None:
    variables = {**INTENDED, "served_entities": [{**INTENDED["served_entities"][0], "workload_size": "Medium"}]}
    ConfigCheck.objects.update(live=encrypt(json.dumps(variables).encode()))
    sign_in(deployer)
    page.goto(reverse("deployments:deployment", args=[run.deployment_id]))
    page.get_by_role("link", name="Accept").click()
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_text("In sync")).to_be_visible()
    assert Deployment.objects.get().spec["compute"]["workload_size"] == "Medium"
