"""The pages of alerts as a browser shows them: both themes, a phone, and alerts that are chosen and acknowledged."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import User
from catalog.models import ModelVersion
from deployments.models import Deployment
from monitoring.alerts.reporting import report
from monitoring.alerts.states import AlertState
from monitoring.models import Alert, Delivery, Receiver
from monitoring.watched.states import Standing
from tests.browser import THEMES, Complaints, hold_to_the_rules
from tests.deployments.conftest import make_deployment
from tests.monitoring.alerts.reporting_alerts import make_receiver
from tests.phone import OVERFLOW, PHONE

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("browser")]
SignIn = Callable[[User], None]
INBOX = reverse("monitoring:alerts")


@pytest.fixture
def deployment(model_version: ModelVersion, deployer: User) -> Deployment:
    """Three alerts, one of them acknowledged, and a receiver that one message could not reach."""
    deployment = make_deployment(model_version, deployer, "card-fraud")
    receiver: Receiver = make_receiver(deployment)
    report(deployment, "run", Standing.FAILING, "Run #7 ended: rollback failed.", {"status": "rollback_failed"})
    report(deployment, "drift", Standing.FAILING, "PSI of amount is 0.41, allowed is 0.2.", {"psi": 0.41}, key="amount")
    known = report(deployment, "cost", Standing.AT_RISK, "82 % of the budget are spent.", {})
    assert known is not None
    known.transition(AlertState.ACKNOWLEDGED, "Somebody looks after it.", actor=deployer)
    Delivery.objects.update(status="sent", attempts=1, sent_at=timezone.now())
    Delivery.objects.create(receiver=receiver, status="failed", error="The receiver said 404.", next_at=timezone.now())
    return deployment


@pytest.mark.parametrize("theme", THEMES)
def test_the_pages_are_accessible_and_fit_on_a_phone(
    page: Page,
    complaints: Complaints,
    sign_in: SignIn,
    admin: User,
    deployment: Deployment,
    theme: Literal["light", "dark"],
) -> None:
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    sign_in(admin)
    pages = {
        "inbox": INBOX,
        "alert": reverse("monitoring:alert", args=[Alert.objects.latest("pk").pk]),
        "rules": reverse("monitoring:alert_rules", args=[deployment.pk]),
        "receivers": reverse("monitoring:receivers"),
    }
    for name, address in pages.items():
        page.set_viewport_size({"width": 1440, "height": 900})
        page.goto(address)
        hold_to_the_rules(page)
        _shoot(page, f"{name}-{theme}-1440")
        page.set_viewport_size(PHONE)
        assert page.evaluate(OVERFLOW) <= 0, name
        hold_to_the_rules(page)
        _shoot(page, f"{name}-{theme}-390")
    assert complaints.texts == []


def _shoot(page: Page, name: str) -> None:
    if folder := os.environ.get("SHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def test_two_alerts_are_chosen_and_acknowledged_at_once(
    page: Page, complaints: Complaints, sign_in: SignIn, deployer: User, deployment: Deployment
) -> None:
    sign_in(deployer)
    page.goto(f"{INBOX}?state=firing")
    boxes = page.get_by_role("checkbox")
    expect(boxes).to_have_count(2)
    for box in boxes.all():
        box.check()
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_text("2 alerts acknowledged.")).to_be_visible()
    assert page.url.endswith("?state=firing")
    assert set(Alert.objects.values_list("state", flat=True)) == {"acknowledged"}
    assert complaints.texts == []
