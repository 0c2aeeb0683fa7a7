"""What a person does on any page, and what is watched meanwhile."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, Response, ViewportSize, expect

from deployments.runs.statuses import TERMINAL
from tests.browser import Complaints
from tests.product import RUN_TIMEOUT_S, Product

DESKTOP: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
PATIENCE_MS = 30_000  # for one answer of a page while the machine is busy
ENDED = re.compile("|".join(status.label for status in TERMINAL))
Open = Callable[..., BrowserContext]


class Watch(Complaints):
    """Complaints of all pages of a walk. A page that is left cuts its polling off, and htmx writes that down as an
    error; so what htmx says of lost requests is left out, and each request lost in another way is noted itself."""

    def note_message(self, message: ConsoleMessage) -> None:
        if not message.text.startswith(("htmx:afterRequest,", "htmx:sendAbort,", "htmx:sendError,")):
            super().note_message(message)

    def note_failure(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":
            self.texts.append(f"{request.failure} {request.url}")

    def note_answer(self, answer: Response) -> None:
        if answer.status >= 500:
            self.texts.append(f"{answer.status} {answer.url}")


def watched(page: Page) -> Complaints:
    """What goes wrong on all pages that ``page`` will show."""
    found = Watch()
    page.on("console", found.note_message)
    page.on("pageerror", found.note_error)
    page.on("requestfailed", found.note_failure)
    page.on("response", found.note_answer)
    return found


def log_in(page: Page, product: Product, username: str) -> None:
    page.goto("/login/")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(product.stack.user(username)["password"])
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", level=1, name="Home")).to_be_visible()


def go_on(page: Page, step: str) -> None:
    page.get_by_role("button", name="Next: ").click()
    page.wait_for_url(f"**/{step}/")


def watch_to_the_end(page: Page, product: Product, run_id: int) -> None:
    """Only look. A reload would lose the mark that the page gets first."""
    page.evaluate("window.sameDocument = true")
    heading = page.get_by_role("heading", level=1)
    expect(page.get_by_role("log").locator(".sw-line").first).to_be_visible()
    expect(heading).to_contain_text(ENDED, timeout=RUN_TIMEOUT_S * 1000)
    assert "Succeeded" in heading.inner_text(), product.log(run_id)
    expect(page.get_by_role("log").locator("[data-log-more]")).to_have_count(0)
    assert page.evaluate("window.sameDocument") is True
