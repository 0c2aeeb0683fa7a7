"""Views of the fleet in a browser: saved after filtering, found again, renamed, deleted; both themes, a phone."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from accounts.models import Team, User
from catalog.models import ModelVersion
from tests.browser import THEMES, Complaints, hold_to_the_rules
from tests.deployments.conftest import make_deployment
from tests.monitoring.fleet.keeping_views import keep
from tests.phone import OVERFLOW, PHONE

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("browser")]
SignIn = Callable[[User], None]


@pytest.fixture
def fleet(model_version: ModelVersion, deployer: User) -> None:
    for name in ("card-fraud", "chargeback"):
        make_deployment(model_version, deployer, name)


def test_a_filtered_view_is_saved_and_opened_in_a_second_visit(
    page: Page, complaints: Complaints, sign_in: SignIn, viewer: User, fleet: None
) -> None:
    keep(viewer, "Taken")
    sign_in(viewer)
    page.goto("/fleet/")
    page.get_by_role("searchbox", name="Search").fill("charge")
    expect(page.get_by_role("link", name="card-fraud", exact=True)).to_have_count(0)
    expect(page.locator("#save-view")).to_have_attribute("href", "/fleet/views/new/?q=charge&lens=health")
    _save(page, "taken")
    expect(page.get_by_text("You already have a view with the name Taken.").first).to_be_visible()
    expect(page.get_by_role("textbox", name="Name")).to_have_value("taken")
    _picture(page, "views-taken")
    page.get_by_role("textbox", name="Name").fill("Chargebacks")
    page.get_by_role("textbox", name="Name").press("Enter")
    expect(page.get_by_text("View Chargebacks saved.")).to_be_visible()

    page.goto("/")
    page.goto("/fleet/")
    page.get_by_role("navigation", name="Views").get_by_role("link", name="Chargebacks").click()
    expect(page.get_by_role("link", name="chargeback", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="card-fraud", exact=True)).to_have_count(0)
    expect(page.get_by_role("link", name="Chargebacks")).to_have_attribute("aria-current", "page")
    expect(page.get_by_role("searchbox", name="Search")).to_have_value("charge")
    # The console tells of the name that was refused.
    assert [text for text in complaints.texts if "422" not in text] == []


def test_a_view_is_renamed_opens_first_and_is_deleted(
    page: Page, complaints: Complaints, sign_in: SignIn, viewer: User, fleet: None
) -> None:
    keep(viewer, "Chargebacks", {"lens": "health", "q": "charge"})
    sign_in(viewer)
    page.goto("/fleet/?lens=cost")
    page.get_by_role("link", name="Manage views").click()
    page.get_by_role("link", name="Edit Chargebacks").click()
    page.get_by_role("textbox", name="Name").fill("Disputes")
    page.get_by_label("Default view").check()
    page.get_by_role("button", name="Save changes").click()
    page.goto("/fleet/")
    expect(page.get_by_role("link", name="Disputes default")).to_have_attribute("aria-current", "page")
    page.get_by_role("navigation", name="Views").get_by_role("link", name="All", exact=True).click()
    expect(page.get_by_role("link", name="card-fraud", exact=True)).to_be_visible()

    page.goto("/fleet/views/")
    page.get_by_role("link", name="Delete Disputes").click()
    page.get_by_role("button", name="Delete view").click()
    expect(page.get_by_text("View Disputes deleted.")).to_be_visible()
    expect(page.get_by_role("link", name="Disputes", exact=True)).to_have_count(0)
    assert complaints.texts == []


def _save(page: Page, name: str) -> None:
    page.locator("#save-view").click()
    expect(page.get_by_role("textbox", name="Name")).to_be_focused()
    page.keyboard.type(name)
    page.keyboard.press("Enter")


def test_what_is_marked_follows_the_filter_and_an_open_form_outlives_the_renewal_of_the_list(
    page: Page, complaints: Complaints, sign_in: SignIn, viewer: User, fleet: None
) -> None:
    sign_in(viewer)
    page.goto("/fleet/?status=failing")
    views = page.get_by_role("navigation", name="Views")
    expect(views.get_by_role("link", name="Failing")).to_have_attribute("aria-current", "page")
    page.locator("#save-view").click()
    page.get_by_role("textbox", name="Name").fill("half a na")
    page.evaluate("htmx.ajax('GET', '/fleet/?status=failing&q=x', {target: '#results', select: '#results'})")
    expect(views.locator("[aria-current]")).to_have_count(0)
    expect(page.get_by_role("textbox", name="Name")).to_have_value("half a na")
    expect(page.get_by_role("navigation", name="Lenses").get_by_role("link", name="Cost")).to_have_attribute(
        "href", "?q=x&lens=cost"
    )
    assert complaints.texts == []


@pytest.mark.parametrize("theme", THEMES)
def test_views_are_accessible_and_fit_on_a_phone(
    page: Page,
    complaints: Complaints,
    sign_in: SignIn,
    viewer: User,
    deployer: User,
    team: Team,
    fleet: None,
    theme: Literal["light", "dark"],
) -> None:
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    sign_in(viewer)
    page.goto("/fleet/views/")
    _look(page, f"views-none-{theme}")
    first = keep(viewer, "Payment models with many errors, first", is_default=True)
    keep(viewer, "W" * 60, {"lens": "health", "q": "w" * 60, "team": "fraud", "ordering": "-p99"})
    for number in range(5):
        keep(deployer, f"Night shift {number}", team=team)
    _look(page, f"views-{theme}", "/fleet/views/")
    _look(page, f"views-fleet-{theme}", "/fleet/?status=failing")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto("/fleet/?status=failing")
    page.locator("#save-view").click()
    expect(page.get_by_role("textbox", name="Name")).to_be_focused()
    _look(page, f"views-form-{theme}")
    _look(page, f"views-edit-{theme}", f"/fleet/views/{first.pk}/edit/")
    assert complaints.texts == []


def _look(page: Page, name: str, url: str = "") -> None:
    """At the page as it is, or at another; wide and on a phone."""
    page.set_viewport_size({"width": 1440, "height": 900})
    if url:
        page.goto(url)
    assert page.evaluate(OVERFLOW) <= 0
    _picture(page, f"{name}-1440")
    hold_to_the_rules(page)
    page.set_viewport_size(PHONE)
    assert page.evaluate(OVERFLOW) <= 0
    _picture(page, f"{name}-390")


def _picture(page: Page, name: str) -> None:
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
