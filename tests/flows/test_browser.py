"""What a person does with a browser: from the login to an endpoint that answers, and to its end."""

from __future__ import annotations

import re
from collections.abc import Iterator

import orjson
import pytest
from playwright.sync_api import Page, expect

from tests.flows.walking import DESKTOP, PHONE, Open, go_on, log_in, watch_to_the_end, watched
from tests.product import Product

NAME = "flow-browser"
MODEL = "staging.fraud.credit_default"

pytestmark = [pytest.mark.stack, pytest.mark.browser, pytest.mark.xdist_group("product"), pytest.mark.timeout(600)]


# -- the wizard, step by step ------------------------------------------------------------------------


def start_draft(page: Page) -> None:
    page.get_by_role("link", name="New deployment").and_(page.locator(".btn")).click()
    page.get_by_role("button", name="Start").click()
    page.wait_for_url("**/model/")


def choose_model(page: Page) -> None:
    page.get_by_label("Environment", exact=True).select_option("staging")
    page.get_by_label("Search models").fill("credit")
    page.get_by_role("radio", name=MODEL).check()
    page.get_by_role("group", name="Version").get_by_role("radio", name="Version 1").check()


def answered_steps(page: Page, name: str) -> Iterator[str]:
    """The address of each step once it is answered, while it is open. Ends on the review page."""
    choose_model(page)
    yield page.url
    go_on(page, "target")
    page.get_by_label("Endpoint name").fill(name)
    page.get_by_role("radio", name="Small").check()
    yield page.url
    go_on(page, "rollout")
    page.get_by_role("radio", name="All at once").check()
    yield page.url
    go_on(page, "monitoring")
    yield page.url
    go_on(page, "review")
    yield page.url


def deploy(page: Page, name: str) -> int:
    """Send the review page; the id of the run whose page is open then."""
    expect(page.get_by_role("heading", name="Deploy to Staging")).to_be_visible()
    page.get_by_role("button", name=f"Deploy {name}").click()
    page.wait_for_url(re.compile(r"/runs/\d+/"))
    return int(page.url.rstrip("/").rpartition("/")[2])


def line_numbers(page: Page) -> list[int]:
    return [int(text) for text in page.get_by_role("log").locator(".sw-line > a").all_inner_texts()]


def destroy(page: Page, product: Product, name: str) -> None:
    page.get_by_role("link", name="Destroy").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label(f"Type {name} to confirm").fill(name)
    dialog.get_by_role("button", name="Destroy").click()
    page.wait_for_url(re.compile(r"/runs/\d+/"))
    watch_to_the_end(page, product, int(page.url.rstrip("/").rpartition("/")[2]))


@pytest.mark.long
def test_an_engineer_deploys_tries_and_destroys_without_leaving_the_browser(
    product: Product, open_context: Open
) -> None:
    page = open_context(DESKTOP).new_page()
    complaints = watched(page)
    log_in(page, product, "fiona")
    start_draft(page)
    assert len(list(answered_steps(page, NAME))) == 5
    run_id = deploy(page, NAME)
    watch_to_the_end(page, product, run_id)
    numbers = line_numbers(page)
    assert numbers == list(range(1, len(product.events(run_id)) + 1))

    page.get_by_role("link", name=f"Deployment {NAME}").click()
    expect(page.locator("#deployment-status").get_by_text("Ready", exact=True).first).to_be_visible()
    body = page.get_by_label("Request body").input_value()
    page.get_by_role("button", name="Send").click()
    result = page.locator("#test-result")
    expect(result).to_contain_text("200 OK")
    shown = orjson.loads(result.locator("pre code").inner_text())
    answer = product.predict(NAME, orjson.loads(body))
    assert shown["predictions"] == answer.json()["predictions"] != []

    destroy(page, product, NAME)
    page.get_by_role("link", name=f"Deployment {NAME}").click()
    expect(page.locator("#deployment-status").get_by_text("Destroyed", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Destroy")).to_have_count(0)
    assert product.endpoint(NAME) is None
    assert complaints.texts == []


def main_pages(product: Product) -> list[str]:
    run = product.run(product.stack.record["run"])
    deployed = [f"/runs/{run['id']}/", f"/deployments/{run['deployment']}/", f"/models/{run['spec']['model']}/"]
    return ["/", "/models/", "/deployments/", "/runs/", "/deployments/new/", "/teams/", "/tokens/", *deployed]


def sideways_px(page: Page) -> int:
    """How far the page can be scrolled to the side."""
    px: int = page.evaluate("document.scrollingElement.scrollWidth - window.innerWidth")
    return px


def test_no_main_page_scrolls_sideways_on_a_phone(product: Product, open_context: Open) -> None:
    page = open_context(PHONE).new_page()
    complaints = watched(page)
    log_in(page, product, "fiona")
    wide = {}
    for address in main_pages(product):
        page.goto(address)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        wide[address] = sideways_px(page)
    page.goto("/")
    start_draft(page)
    wide |= {address: sideways_px(page) for address in answered_steps(page, "flow-phone")}
    assert {address: px for address, px in wide.items() if px > 0} == {}
    assert complaints.texts == []


def test_without_javascript_a_bad_name_is_told_beside_its_field(product: Product, open_context: Open) -> None:
    page = open_context(PHONE, javascript=False).new_page()
    log_in(page, product, "fiona")
    page.goto(f"/deployments/new/?model={MODEL}&version=1")
    page.wait_for_url("**/target/")
    page.get_by_label("Endpoint name").fill("-bad name-")
    page.get_by_role("button", name="Next: ").click()
    name = page.get_by_label("Endpoint name")
    expect(name).to_have_value("-bad name-")
    expect(name).to_have_accessible_description(re.compile("Use letters, digits, - and _"))
    expect(page.locator(".sw-field", has=name).locator(".sw-error")).to_contain_text("Use letters, digits, - and _")
    expect(page).to_have_url(re.compile(r"/target/$"))
