"""The tab Quality as a browser shows it: both themes, a phone, drawn charts, and a form that says what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, ViewportSize, expect

from accounts.models import User
from catalog.models import ModelVersion
from deployments.models import Deployment
from monitoring.models import LabelSource
from monitoring.quality import counting as quality
from tests.browser import THEMES, Complaints, hold_to_the_rules
from tests.deployments.conftest import make_deployment
from tests.monitoring.drift.drifting import give_table
from tests.monitoring.quality.labelling import DAY, FakeWorkspace, name_labels, report_of, requests

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("browser")]
SignIn = Callable[[User], None]
URL = reverse("monitoring:quality", args=["staging.fraud.card_fraud"])
PHONE: ViewportSize = {"width": 390, "height": 844}
OVERFLOW = "document.documentElement.scrollWidth - window.innerWidth"


@pytest.fixture
def deployment(model_version: ModelVersion, deployer: User) -> Deployment:
    made = make_deployment(model_version, deployer, "card-fraud")
    give_table(made)
    return made


def count(deployment: Deployment, now: datetime) -> None:
    """20 days of predictions, of which those of the last days have few labels or none."""
    made = requests(2000, days=20, last=now)
    known = {one.id: one.at + 5 * DAY for index, one in enumerate(made) if (now - one.at).days > 5 or index % 12 == 0}
    workspace = FakeWorkspace(report_of(made, known))
    row = Deployment.objects.select_related("workspace", "model").get(pk=deployment.pk)
    for _ in range(2):
        quality.step(row, connect=lambda _: workspace, now=now)  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize("theme", THEMES)
def test_the_page_draws_its_charts_is_accessible_and_fits_on_a_phone(
    page: Page,
    complaints: Complaints,
    sign_in: SignIn,
    deployer: User,
    deployment: Deployment,
    theme: Literal["light", "dark"],
) -> None:
    name_labels(deployment, deployer, delay_days=4, metric="recall", limit=0.9)
    count(deployment, timezone.now() - timedelta(minutes=5))
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    sign_in(deployer)
    page.goto(URL)
    page.wait_for_load_state("networkidle")
    expect(page.locator("figure.is-drawn canvas")).to_have_count(3)
    standing = page.get_by_role("region", name="Current quality")
    expect(standing).to_contain_text("Failing")
    expect(standing).to_contain_text("Recall of 1 is")
    hold_to_the_rules(page)
    page.set_viewport_size(PHONE)
    assert page.evaluate(OVERFLOW) <= 0
    assert complaints.texts == []


def test_labels_are_named_where_they_are_missing_and_what_is_wrong_stands_beside_its_field(
    page: Page, sign_in: SignIn, deployer: User, deployment: Deployment
) -> None:
    sign_in(deployer)
    page.goto(URL)
    expect(page.get_by_text("No label table")).to_be_visible()
    hold_to_the_rules(page)
    for label, text in (("Label table", "chargebacks"), ("Id column", "order_id"), ("Label column", "fraud")):
        page.get_by_label(label).fill(text)
    page.get_by_role("button", name="Save and count").click()
    expect(page.get_by_role("alert")).to_contain_text("Enter the full name: catalog.schema.table.")
    hold_to_the_rules(page)
    page.get_by_label("Label table").fill("main.risk.chargebacks")
    page.get_by_role("combobox", name="Watch").select_option("f1")
    page.get_by_label("Limit").fill("0.8")
    page.get_by_role("button", name="Save and count").click()
    expect(page.get_by_role("alert")).to_contain_text("Watched metric: This metric does not apply to these labels")
    hold_to_the_rules(page)
    page.get_by_role("combobox", name="Watch").select_option("accuracy")
    page.get_by_role("button", name="Save and count").click()
    expect(page.get_by_text("Not counted yet")).to_be_visible()
    expect(page.get_by_role("region", name="Current quality")).to_contain_text("Labels were never counted.")
    source = LabelSource.objects.get()
    assert (source.table, source.metric, source.limit) == ("main.risk.chargebacks", "accuracy", 0.8)
    page.set_viewport_size(PHONE)
    assert page.evaluate(OVERFLOW) <= 0
