"""The page Fleet as a browser shows it: both themes, a phone, and a head that renews itself under the reader."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import User
from catalog.models import ModelVersion
from deployments.models import Deployment
from deployments.runs.statuses import RunStatus
from monitoring.alerts.reporting import report
from monitoring.models import HealthSource
from monitoring.watched import watch
from monitoring.watched.states import Standing
from tests.browser import THEMES, Complaints, hold_to_the_rules
from tests.deployments.conftest import make_deployment, make_run
from tests.phone import OVERFLOW, PHONE

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("browser")]
SignIn = Callable[[User], None]


@pytest.fixture
def fleet(model_version: ModelVersion, deployer: User) -> list[Deployment]:
    """One that fails, with an alert and a run; one that passes; one that nobody watches."""
    made = [make_deployment(model_version, deployer, f"card-fraud-{number}") for number in range(3)]
    for deployment, standing in zip(made, (Standing.FAILING, Standing.PASSING), strict=False):
        now = timezone.now()
        HealthSource.objects.create(deployment=deployment, minute=now, tried_at=now)
        watch.note(deployment.pk, health=standing, health_reason="6 % of 120 requests end in a 5xx.", requests_24h=120)
    report(made[0], "run", Standing.FAILING, "Run #7 ended: rollback failed.", {"status": "rollback_failed"})
    make_run(made[0], RunStatus.APPROVAL)
    make_run(made[1], RunStatus.ROLLOUT)
    return made


@pytest.mark.parametrize("theme", THEMES)
def test_the_fleet_is_accessible_and_fits_on_a_phone(
    page: Page,
    complaints: Complaints,
    sign_in: SignIn,
    admin: User,
    fleet: list[Deployment],
    theme: Literal["light", "dark"],
) -> None:
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    sign_in(admin)
    for name, url in {"health": "/fleet/", "cost": "/fleet/?lens=cost"}.items():
        page.set_viewport_size({"width": 1440, "height": 900})
        page.goto(url)
        expect(page.get_by_role("region", name="Now")).to_be_visible()
        _picture(page, f"fleet-{name}-{theme}-1440")
        hold_to_the_rules(page)
        page.set_viewport_size(PHONE)
        assert page.evaluate(OVERFLOW) <= 0
        _picture(page, f"fleet-{name}-{theme}-390")
    assert complaints.texts == []


def _picture(page: Page, name: str) -> None:
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def test_the_head_renews_itself_and_keeps_the_focus(
    page: Page, complaints: Complaints, sign_in: SignIn, admin: User, fleet: list[Deployment]
) -> None:
    sign_in(admin)
    page.goto("/fleet/")
    expect(page.locator("#now-runs strong")).to_have_text("1")
    page.locator("#now-approval").focus()
    make_run(fleet[2], RunStatus.PLAN)
    page.evaluate("htmx.ajax('GET', '/fleet/now/', {target: '#fleet-now', swap: 'outerHTML'})")
    expect(page.locator("#now-runs strong")).to_have_text("2")
    expect(page.locator("#now-approval")).to_be_focused()
    assert complaints.texts == []
