"""Prices and estimates as a browser shows them: both themes, a phone, and an estimate that is made again in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import pytest
from django.urls import reverse
from playwright.sync_api import Page, ViewportSize, expect

from accounts.models import User
from deployments.models import Draft
from tests.browser import THEMES, Complaints, hold_to_the_rules
from tests.deployments.pricing.price_tables import only_prices
from tests.deployments.wizard.answering import step_url

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("browser")]
SignIn = Callable[[User], None]
PAGES = [reverse("deployments:prices"), reverse("deployments:prices_new")]
PHONE: ViewportSize = {"width": 390, "height": 844}
OVERFLOW = "document.documentElement.scrollWidth - window.innerWidth"


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("address", PAGES)
def test_the_pages_are_accessible_and_fit_on_a_phone(
    page: Page, complaints: Complaints, sign_in: SignIn, admin: User, address: str, theme: Literal["light", "dark"]
) -> None:
    only_prices()
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    sign_in(admin)
    page.goto(address)
    page.wait_for_load_state("networkidle")
    hold_to_the_rules(page)
    page.set_viewport_size(PHONE)
    assert page.evaluate(OVERFLOW) <= 0
    assert complaints.texts == []


def test_what_is_wrong_with_a_rate_is_read_with_its_input(page: Page, sign_in: SignIn, admin: User) -> None:
    only_prices()
    sign_in(admin)
    page.goto(reverse("deployments:prices_new"))
    most = page.get_by_label("CPU Medium, maximum concurrency")
    most.fill("2")
    page.get_by_role("button", name="Save price table").click()
    expect(most).to_have_accessible_description("The maximum cannot be less than the minimum, 8.")
    expect(page.get_by_role("alert")).to_be_focused()
    hold_to_the_rules(page)


@pytest.mark.parametrize("theme", THEMES)
def test_the_review_estimates_again_in_place(
    page: Page,
    complaints: Complaints,
    sign_in: SignIn,
    answered: Draft,
    deployer: User,
    theme: Literal["light", "dark"],
) -> None:
    only_prices()
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    sign_in(deployer)
    page.goto(step_url(answered, "review"))
    price = page.locator("#price")
    expect(price).to_contain_text("98.56\N{EN DASH}817.60 USD")
    price.get_by_label("Hours in use a day").fill("2")
    price.get_by_role("button", name="Recalculate").click()
    # 8 DBU/h x 0.07 x 2 h x 22
    expect(price).to_contain_text("24.64\N{EN DASH}817.60 USD")
    hold_to_the_rules(page)
    page.set_viewport_size(PHONE)
    assert page.evaluate(OVERFLOW) <= 0
    assert complaints.texts == []
