"""A new version on its way to production: two people, one plan, a canary, and the way back."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.flows.registering import register_flaky
from tests.flows.traffic import traffic
from tests.flows.walking import DESKTOP, Open, go_on, log_in, watch_to_the_end, watched
from tests.product import RUN_TIMEOUT_S, Product

pytestmark = [
    pytest.mark.long,
    pytest.mark.stack,
    pytest.mark.browser,
    pytest.mark.xdist_group("product"),
    pytest.mark.timeout(900),
]

MODEL = "prod.fraud.flaky_amounts"
IN_PRODUCTION: dict[str, Any] = {"model": MODEL, "environment": "prod", "monitoring": {"inference_table": True}}


@pytest.fixture
def live(product: Product) -> Iterator[dict[str, Any]]:
    """The run that has brought version 1 to production."""
    register_flaky(product, MODEL)
    run_id = product.deploy(f"prod-{uuid.uuid4().hex[:6]}", **IN_PRODUCTION)
    approve(product, run_id)
    run = product.finished(run_id)
    assert run["status"] == "succeeded", product.log(run_id)
    yield run
    # A deployment with traffic is kept for a day, unless somebody overrides that.
    answer = product.api("fiona").delete(f"deployments/{run['deployment']}/").raise_for_status().json()
    held = product.reached(answer["id"], "policy")
    for result in held["policy_results"]:
        if result["outcome"] == "overridable":
            body = {"result": result["id"], "reason": "the test is over"}
            product.api("admin").post(f"runs/{held['id']}/override/", json=body).raise_for_status()
    approve(product, held["id"])
    product.finished(held["id"])


def approve(product: Product, run_id: int) -> None:
    product.reached(run_id, "approval")
    product.api("arjun").post(f"runs/{run_id}/approve/", json={}).raise_for_status()


def routes(product: Product, name: str) -> dict[str, int]:
    endpoint = product.endpoint(name)
    assert endpoint is not None
    shares = endpoint["config"]["traffic_config"]["routes"]
    return {route["served_entity_name"].rpartition("-")[2]: route["traffic_percentage"] for route in shares}


def ask_for_a_canary(page: Page, run: dict[str, Any]) -> int:
    """Through the wizard; the id of the run whose page is open then."""
    page.goto(f"/deployments/{run['deployment']}/")
    page.get_by_role("link", name="Update").click()
    page.wait_for_url("**/model/")
    page.get_by_role("group", name="Version").get_by_role("radio", name="Version 3").check()
    go_on(page, "target")
    go_on(page, "rollout")
    page.get_by_role("radio", name="Canary").check()
    page.get_by_label("Steps, in % of the traffic").fill("50, 100")
    page.get_by_label("Minutes to watch each step").fill("60")
    page.get_by_label("Minimum requests").fill("20")
    go_on(page, "monitoring")
    go_on(page, "review")
    expect(page.get_by_text("A second person must approve the plan")).to_be_visible()
    expect(page.locator("aside").get_by_text(re.compile(r"USD .*month")).first).to_be_visible()
    page.get_by_role("button", name=f"Update {run['name']}").click()
    page.wait_for_url(re.compile(r"/runs/\d+/"))
    return int(page.url.rstrip("/").rpartition("/")[2])


def test_two_people_bring_a_version_to_production_and_one_takes_it_back(
    product: Product, open_context: Open, live: dict[str, Any]
) -> None:
    engineer, approver = open_context(DESKTOP).new_page(), open_context(DESKTOP).new_page()
    complaints = [watched(engineer), watched(approver)]
    log_in(engineer, product, "fiona")
    log_in(approver, product, "arjun")

    run_id = ask_for_a_canary(engineer, live)
    product.reached(run_id, "approval")
    cannot_approve(engineer)
    read_and_approve(approver, run_id)

    with traffic(product, live["name"]) as statuses:
        promote(engineer, product, run_id)
        assert product.finished(run_id, RUN_TIMEOUT_S)["status"] == "succeeded", product.log(run_id)
        assert routes(product, live["name"]) == {"1": 0, "3": 100}
        back_in_two_clicks(engineer, product, live["deployment"])
        assert routes(product, live["name"]) == {"1": 100, "3": 0}
    assert set(statuses) == {200}
    assert [found.texts for found in complaints] == [[], []]


def cannot_approve(page: Page) -> None:
    page.get_by_role("link", name="Approval").click()
    expect(page.get_by_text("cannot approve their own run")).to_be_visible()
    expect(page.get_by_role("link", name="Approve", exact=True)).to_have_count(0)


def read_and_approve(page: Page, run_id: int) -> None:
    """From the home page: the plan in words, the price, and the click."""
    page.goto("/")
    page.get_by_role("link", name=f"Review run {run_id}").click()
    panel = page.locator("section", has=page.get_by_role("heading", name="Approval", exact=True))
    expect(panel.locator(".sw-sentences")).to_contain_text("version 3")
    expect(panel.get_by_text(re.compile(r"USD .*month")).first).to_be_visible()
    panel.get_by_role("link", name="Approve", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Approve this plan").click()
    expect(page.get_by_text("Approved by Arjun").first).to_be_visible()


def promote(page: Page, product: Product, run_id: int) -> None:
    product.reached(run_id, "rollout")
    page.goto(f"/runs/{run_id}/?tab=rollout")
    expect(page.get_by_role("table", name="Requests of both versions at 50 %")).to_be_visible()
    for _ in range(2):  # to all traffic, and to the end
        page.get_by_role("link", name="Promote").click()
        page.get_by_role("dialog").get_by_role("button", name="Promote").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
    watch_to_the_end(page, product, run_id)


def back_in_two_clicks(page: Page, product: Product, deployment: int) -> None:
    page.goto(f"/deployments/{deployment}/")
    page.get_by_role("link", name="Roll back to version 1").click()
    page.get_by_role("dialog").get_by_role("button", name="Roll back to v1").click()
    page.wait_for_url(re.compile(r"/runs/\d+/"))
    watch_to_the_end(page, product, int(page.url.rstrip("/").rpartition("/")[2]))
