"""Fixtures that drive a real Chromium against pytest-django's live server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from tests import chromium

# The pages of tests/portal try both each time: colours are those of all pages.
THEMES = ["light", pytest.param("dark", marks=pytest.mark.long)]
FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def vendor_files() -> None:
    """static/vendor as the lockfile says; built once, also when several processes ask."""
    subprocess.run([sys.executable, str(settings.BASE_DIR / "static" / "build.py")], check=True, timeout=600)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = chromium.program()
    assert program, "no Chromium on PATH: install it, or let CHROMIUM name it"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=FLAGS, chromium_sandbox=False)
        # Playwright keeps an event loop running in this thread, which Django takes for asynchronous code.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
        yield launched
        launched.close()


@dataclass
class Complaints:
    """What the browser's console says of a page: refused content, script errors, requests that failed."""

    texts: list[str] = field(default_factory=list)

    def note_message(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.texts.append(message.text)

    def note_error(self, error: Exception) -> None:
        self.texts.append(str(error))


@pytest.fixture
def context(browser: Browser, live_server: LiveServer, vendor_files: None) -> Iterator[BrowserContext]:
    opened = browser.new_context(base_url=live_server.url, viewport={"width": 1440, "height": 900})
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A page of the live server; relative addresses work."""
    opened = context.new_page()
    opened.set_default_timeout(15_000)
    return opened


@pytest.fixture
def complaints(page: Page) -> Complaints:
    found = Complaints()
    page.on("console", found.note_message)
    page.on("pageerror", found.note_error)
    return found


@pytest.fixture
def sign_in(context: BrowserContext, live_server: LiveServer) -> Callable[[User], None]:
    """``sign_in(user)``: the browser has the session of ``user`` from now on."""

    def give_session(user: User) -> None:
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.save()
        context.add_cookies(
            [{"name": settings.SESSION_COOKIE_NAME, "value": str(session.session_key), "url": live_server.url}]
        )

    return give_session


def hold_to_the_rules(page: Page) -> None:
    """No serious or critical finding of axe on the page that is open."""
    results = Axe().run(page)
    grave = [one["id"] for one in results.response["violations"] if one["impact"] in {"serious", "critical"}]
    assert grave == [], f"{page.url}: {results.generate_report()}"
