"""Rollouts and ways back as a browser shows them: both themes, a phone, two clicks, and only the fields that count."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

import pytest
from django.urls import reverse
from playwright.sync_api import Page, ViewportSize, expect

from accounts.models import User
from catalog.models import ModelVersion
from deployments.models import Deployment, Draft, RolloutStep
from tests.browser import THEMES, Complaints, hold_to_the_rules
from tests.deployments.stages.rolling import make_history, moving_run
from tests.deployments.wizard.answering import step_url

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("browser")]
SignIn = Callable[[User], None]
PHONE: ViewportSize = {"width": 390, "height": 844}
OVERFLOW = "document.documentElement.scrollWidth - window.innerWidth"


@pytest.mark.parametrize("theme", THEMES)
def test_a_rollout_and_the_ways_back_are_accessible_and_fit_on_a_phone(
    page: Page,
    complaints: Complaints,
    sign_in: SignIn,
    deployment: Deployment,
    model_version: ModelVersion,
    deployer: User,
    theme: Literal["light", "dark"],
) -> None:
    make_history(deployment, model_version)
    run = moving_run(deployment)
    RolloutStep.objects.update(verdict="breached", rule="error_rate", message="error rate 5 % is above 1 %")
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    sign_in(deployer)
    for address in (reverse("deployments:run", args=[run.pk]), reverse("deployments:deployment", args=[deployment.pk])):
        page.set_viewport_size({"width": 1440, "height": 900})
        page.goto(address)
        hold_to_the_rules(page)
        page.set_viewport_size(PHONE)
        assert page.evaluate(OVERFLOW) <= 0
    assert complaints.texts == []


def test_two_clicks_start_the_rollback_and_the_first_shows_the_difference(
    page: Page, sign_in: SignIn, deployment: Deployment, model_version: ModelVersion, deployer: User
) -> None:
    make_history(deployment, model_version)
    sign_in(deployer)
    page.goto(reverse("deployments:deployment", args=[deployment.pk]))
    page.get_by_role("link", name="Roll back to version 2").click()
    dialog = page.get_by_role("dialog", name="Roll back to version 2?")
    expect(dialog.get_by_role("row", name="version 3 2")).to_be_visible()
    dialog.get_by_role("button", name="Roll back to v2").click()
    expect(page.get_by_role("heading", name="Roll back card-fraud")).to_be_visible()
    newest = deployment.runs.first()
    assert newest is not None
    assert (newest.kind, newest.spec["version"]) == ("rollback", "2")


def test_the_wizard_asks_only_what_the_chosen_strategy_uses(page: Page, sign_in: SignIn, answered: Draft) -> None:
    sign_in(answered.owner)
    page.goto(step_url(answered, "rollout"))
    steps, fewest = page.get_by_label("Steps, in % of the traffic"), page.get_by_label("Minimum requests")
    expect(fewest).to_be_hidden()
    page.get_by_role("radio", name="Blue/green").check()
    expect(fewest).to_be_visible()
    expect(steps).to_be_hidden()
    page.get_by_role("radio", name="Canary").check()
    steps.fill("50, 20, 100")
    hold_to_the_rules(page)
    page.get_by_role("button", name="Next").click()
    expect(steps).to_have_accessible_description(re.compile("Steps must increase and end at 100"))
    steps.fill("20, 50, 100")
    page.get_by_label("Maximum error rate, in %").fill("2.5")
    page.get_by_label("Maximum p99 latency, in ms").fill("300")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("heading", name="Logging and monitoring")).to_be_visible()
    answered.refresh_from_db()
    assert answered.answers["rollout"] == {
        "strategy": "canary",
        "steps": [20, 50, 100],
        "bake_minutes": 10,
        "max_error_rate": 0.025,
        "max_p99_ms": 300,
        "min_requests": 200,
    }
