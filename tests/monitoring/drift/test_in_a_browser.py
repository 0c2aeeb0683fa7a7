"""The tab Drift as a browser shows it: both themes, a phone, charts that are drawn, and switches in place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, ViewportSize, expect

from accounts.models import User
from catalog.models import ModelVersion
from deployments.models import Deployment
from monitoring.models import Baseline
from tests.browser import THEMES, Complaints, hold_to_the_rules
from tests.deployments.conftest import make_deployment
from tests.monitoring.drift.drifting import FakeWorkspace, Traffic, give_table, normal, settle, shifted

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("browser")]
SignIn = Callable[[User], None]
URL = reverse("monitoring:drift", args=["staging.fraud.card_fraud"])
PHONE: ViewportSize = {"width": 390, "height": 844}
OVERFLOW = "document.documentElement.scrollWidth - window.innerWidth"


@pytest.fixture
def counted(model_version: ModelVersion, deployer: User, tmp_path: Path) -> Deployment:
    """Two hours ago all was normal; then ``amount`` and ``country`` shifted."""
    now = timezone.now()
    hour: datetime = now.replace(minute=0, second=0, microsecond=0)
    first, second = hour - timedelta(hours=2), hour - timedelta(hours=1)
    deployment = make_deployment(model_version, deployer, "card-fraud")
    Deployment.objects.filter(pk=deployment.pk).update(created_at=first)
    deployment.refresh_from_db()
    give_table(deployment)
    traffic = Traffic(tmp_path / "table")
    traffic.send(1000, first, normal)
    settle(deployment, FakeWorkspace(traffic.path), second)
    traffic.send(1000, second, shifted)
    settle(deployment, FakeWorkspace(traffic.path), now)
    importance = {"amount": 0.5, "age": 0.1, "country": 0.2, "hour": 0.05, "is_new": 0.15}
    Baseline.objects.update(importance=importance)
    return deployment


@pytest.mark.parametrize("theme", THEMES)
def test_the_page_draws_its_charts_is_accessible_and_fits_on_a_phone(
    page: Page,
    complaints: Complaints,
    sign_in: SignIn,
    deployer: User,
    counted: Deployment,
    theme: Literal["light", "dark"],
) -> None:
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    sign_in(deployer)
    page.goto(f"{URL}?range=24h")
    page.wait_for_load_state("networkidle")
    expect(page.locator("figure.is-drawn canvas")).to_have_count(3)
    hold_to_the_rules(page)
    page.set_viewport_size(PHONE)
    assert page.evaluate(OVERFLOW) <= 0
    assert complaints.texts == []


def test_a_feature_is_chosen_and_left_out_in_place(
    page: Page, complaints: Complaints, sign_in: SignIn, deployer: User, counted: Deployment
) -> None:
    sign_in(deployer)
    page.goto(URL)
    page.get_by_role("link", name="age", exact=True).click()
    expect(page.get_by_role("heading", name="Distribution of age")).to_be_visible()
    expect(page.locator("figure.is-drawn canvas")).to_have_count(3)
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="country", exact=True))
    row.get_by_role("button", name="Exclude").click()
    expect(row).to_contain_text("Excluded")
    expect(page.get_by_text("1 of 6 features drift")).to_be_visible()
    amount = page.get_by_label("Threshold of amount")
    amount.fill("500")
    amount.press("Enter")
    expect(page.get_by_text("0 of 6 features drift")).to_be_visible()
    amount = page.get_by_label("Threshold of amount")
    amount.fill("much")
    amount.press("Enter")
    expect(page.get_by_text("Enter a number")).to_be_visible()
    assert complaints.texts == []
