"""The pages of costs as a browser shows them: both themes, a phone, a chart that is drawn, and filters in place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Literal

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import User
from catalog.models import ModelVersion
from deployments.models import Budget, Deployment
from monitoring.models import BillingSource, Reconciliation
from tests.browser import THEMES, Complaints, hold_to_the_rules
from tests.deployments.conftest import make_deployment
from tests.monitoring.cost.costs import spent
from tests.phone import OVERFLOW, PHONE

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("browser")]

SignIn = Callable[[User], None]

URL = reverse("monitoring:cost")

PAGES = [URL, reverse("monitoring:budgets"), reverse("monitoring:model_cost", args=["staging.fraud.card_fraud"])]


@pytest.fixture
def billed(model_version: ModelVersion, deployer: User) -> Deployment:
    """A week of costs up to now, some of nobody and some without a price, with access that was lost since."""
    today = timezone.now().date()
    deployment = make_deployment(model_version, deployer, "card-fraud", endpoint_id="e1")
    other = make_deployment(model_version, deployer, "chargeback", endpoint_id="e2")
    for day in range(7):
        spent(deployment, today - timedelta(days=day), "12.34")
        spent(other, today - timedelta(days=day), "1")
    spent(None, today, "3", workspace=deployment.workspace, endpoint_name="by-hand")
    spent(deployment, today, None, unit="GB", sku="STORAGE")
    BillingSource.objects.create(
        workspace=deployment.workspace,
        newest_usage=today,
        error="not allowed",
        grant="GRANT SELECT ON SCHEMA system.billing TO `portal@example.com`;",
    )
    Budget.objects.create(team=deployment.team, environment=deployment.environment, monthly_amount=10)
    Reconciliation.objects.create(
        workspace=deployment.workspace,
        month=today.replace(day=1),
        currency="USD",
        source_total=Decimal(96),
        our_total=Decimal(96),
        checked_at=timezone.now(),
    )
    return deployment


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("address", PAGES)
def test_the_pages_are_accessible_and_fit_on_a_phone(
    page: Page,
    complaints: Complaints,
    sign_in: SignIn,
    admin: User,
    billed: Deployment,
    address: str,
    theme: Literal["light", "dark"],
) -> None:
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    sign_in(admin)
    page.goto(address)
    if address != reverse("monitoring:budgets"):
        expect(page.locator("figure.sw-chart canvas").first).to_be_visible()
    hold_to_the_rules(page)
    page.set_viewport_size(PHONE)
    assert page.evaluate(OVERFLOW) <= 0
    hold_to_the_rules(page)
    assert complaints.texts == []


def test_a_filter_changes_chart_table_and_csv_in_place(
    page: Page, complaints: Complaints, sign_in: SignIn, admin: User, billed: Deployment
) -> None:
    sign_in(admin)
    page.goto(URL)
    expect(page.get_by_role("link", name="chargeback")).to_be_visible()
    page.get_by_label("Search").fill("card-fraud")
    expect(page.get_by_role("link", name="chargeback")).to_have_count(0)
    expect(page.locator("figure.sw-chart canvas").first).to_be_visible()
    csv_link = page.get_by_role("link", name="CSV").get_attribute("href")
    assert csv_link is not None
    assert "q=card-fraud" in csv_link
    page.get_by_label("Group by").select_option("kind")
    expect(page.get_by_label("Clear the filter Group by: Kind")).to_be_visible()
    page.get_by_text("Show as table").click()
    expect(page.get_by_role("columnheader", name="Serving")).to_be_visible()
    assert complaints.texts == []
