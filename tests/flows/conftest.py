"""Browsers of people who use the whole product."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ViewportSize, expect

from tests.flows.walking import PATIENCE_MS, Open
from tests.product import Product


@pytest.fixture
def open_context(browser: Browser, product: Product) -> Iterator[Open]:
    """``open_context(DESKTOP)``: a browser of somebody who has never been here."""
    opened: list[BrowserContext] = []

    def make(viewport: ViewportSize, *, javascript: bool = True) -> BrowserContext:
        context = browser.new_context(
            base_url=product.stack.url, viewport=viewport, java_script_enabled=javascript, reduced_motion="reduce"
        )
        context.set_default_timeout(PATIENCE_MS)
        opened.append(context)
        return context

    yield make
    for context in opened:
        context.close()


@pytest.fixture(autouse=True, scope="module")
def _patience() -> Iterator[None]:
    expect.set_options(timeout=PATIENCE_MS)
    yield
    expect.set_options(timeout=5_000)  # Playwright's own
