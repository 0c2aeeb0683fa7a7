"""The live log as a browser shows it: no gap and no line twice, whatever is reloaded or linked to."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from deployments.models import Deployment, Run
from deployments.pages import run_log
from deployments.runs.models import Line
from deployments.runs.statuses import RunStatus
from tests.browser import Complaints
from tests.deployments.conftest import make_run
from tests.deployments.pages.long_log import LINES, fill
from tests.waiting import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("browser")]
SignIn = Callable[[User], None]
NUMBERS = "lines => lines.map(line => Number(line.id.slice(1)))"


def numbers(page: Page) -> list[int]:
    found: list[int] = page.locator(".sw-line").evaluate_all(NUMBERS)
    return found


def without_gap(shown: list[int]) -> bool:
    return shown == list(range(shown[0], shown[-1] + 1))


def write(run: Run, count: int) -> None:
    run.log([Line(RunStatus.APPLY, f"line {number}") for number in range(count)])


@pytest.fixture
def running(deployment: Deployment) -> Run:
    return make_run(deployment, RunStatus.APPLY)


def test_a_log_that_grows_while_its_page_is_reloaded_has_no_gap_and_no_line_twice(
    page: Page, complaints: Complaints, sign_in: SignIn, viewer: User, running: Run
) -> None:
    sign_in(viewer)
    write(running, 30)
    page.goto(f"/runs/{running.pk}/")
    for end in (45, 60, 75):
        write(running, 15)
        expect(page.locator(f"#L{end}")).to_be_visible()
        page.reload()
        assert numbers(page) == list(range(1, end + 1))
    write(running, 5)
    Run.objects.filter(pk=running.pk).update(status=RunStatus.SUCCEEDED)
    expect(page.locator("#L80")).to_be_visible()
    expect(page.locator("[data-log-more]")).to_have_count(0)
    assert numbers(page) == list(range(1, 81))
    assert complaints.texts == []


def test_a_page_that_has_fallen_behind_catches_up_in_order(
    page: Page, sign_in: SignIn, viewer: User, running: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_log, "PAGE_LINES", 20)
    sign_in(viewer)
    write(running, 5)
    page.goto(f"/runs/{running.pk}/")
    write(running, 150)
    expect(page.locator("#L25")).to_be_visible()
    # What is not seen is not fetched.
    page.locator("[role=log]").evaluate("log => log.scrollIntoView({ block: 'end' })")
    expect(page.locator("#L155")).to_be_visible()
    write(running, 3)
    expect(page.locator("#L158")).to_be_visible()
    assert numbers(page) == list(range(1, 159))


@pytest.mark.parametrize("address", ["#L50000", "#line-50000", "?line=50000"])
def test_a_link_to_a_line_goes_there_and_loads_no_more_than_its_neighbourhood(
    page: Page, complaints: Complaints, sign_in: SignIn, viewer: User, running: Run, address: str
) -> None:
    fill(running)
    sign_in(viewer)
    page.goto(f"/runs/{running.pk}/{address}")
    target = page.locator("#L50000:target")
    expect(target).to_be_in_viewport()
    shown = numbers(page)
    assert without_gap(shown)
    assert len(shown) <= 2 * run_log.PAGE_LINES
    page.locator("[role=log]").evaluate("log => { log.scrollTop = log.scrollHeight }")
    wait_until(lambda: numbers(page)[-1] > shown[-1], 15)
    page.locator("[role=log]").evaluate("log => { log.scrollTop = 0 }")
    wait_until(lambda: numbers(page)[0] < shown[0], 15)
    assert without_gap(numbers(page))
    assert len(numbers(page)) < LINES / 10
    assert complaints.texts == []
