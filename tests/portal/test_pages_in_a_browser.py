"""What only a real browser can tell: the security policy, contrast, themes, toasts, small screens."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Error, Page, Route, ViewportSize, expect

from accounts.models import User
from tests.browser import Complaints

SignIn = Callable[[User], None]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("browser")]
PAGES = ["/login/", "/", "/components/?q=card&team=fraud"]
PHONE: ViewportSize = {"width": 390, "height": 844}


def visit(page: Page, address: str, sign_in: SignIn, user: User) -> None:
    if address != "/login/":
        sign_in(user)
    page.goto(address)
    page.wait_for_load_state("networkidle")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("address", PAGES)
def test_a_page_is_accessible_and_breaks_no_rule_of_the_browser(
    page: Page, complaints: Complaints, sign_in: SignIn, owner: User, address: str, theme: Literal["light", "dark"]
) -> None:
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    visit(page, address, sign_in, owner)
    expect(page.locator("html")).to_have_attribute("data-bs-theme", theme)
    assert complaints.texts == []
    results = Axe().run(page)
    grave = [one["id"] for one in results.response["violations"] if one["impact"] in {"serious", "critical"}]
    assert grave == [], results.generate_report()


def test_the_api_docs_run_under_the_security_policy(
    page: Page, complaints: Complaints, sign_in: SignIn, owner: User
) -> None:
    visit(page, "/api/v1/docs/", sign_in, owner)
    expect(page.locator("#swagger-ui .opblock").first).to_be_visible()
    expect(page.get_by_role("navigation", name="Main").get_by_role("link", name="API docs")).to_be_visible()
    assert complaints.texts == []


def test_a_refused_script_would_be_noticed(page: Page, complaints: Complaints) -> None:
    page.goto("/login/")
    with page.expect_console_message(lambda message: "Content Security Policy" in message.text):
        page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">x</p>')")
    assert len(complaints.texts) == 1


@pytest.mark.parametrize("address", PAGES)
def test_nothing_sticks_out_of_a_phone(page: Page, sign_in: SignIn, owner: User, address: str) -> None:
    page.set_viewport_size(PHONE)
    visit(page, address, sign_in, owner)
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


TOO_WIDE = """
    inputs => inputs.filter(one => {
        const room = one.parentElement.getBoundingClientRect();
        return one.getBoundingClientRect().right > room.right + 1;
    }).map(one => one.name)
"""


def test_no_filter_covers_its_neighbour_on_a_phone(page: Page, sign_in: SignIn, owner: User) -> None:
    page.set_viewport_size(PHONE)
    visit(page, "/components/", sign_in, owner)
    inputs = page.locator(".sw-filters div > :is(input, select)")
    expect(inputs).not_to_have_count(0)
    assert inputs.evaluate_all(TOO_WIDE) == []


def test_the_navigation_folds_on_a_phone(page: Page, sign_in: SignIn, owner: User) -> None:
    page.set_viewport_size(PHONE)
    visit(page, "/", sign_in, owner)
    home = page.get_by_role("navigation", name="Main").get_by_role("link", name="Home")
    expect(home).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    expect(home).to_be_visible()
    expect(home).to_have_attribute("aria-current", "page")


def test_the_first_tab_stop_skips_to_the_content(page: Page, sign_in: SignIn, owner: User) -> None:
    visit(page, "/", sign_in, owner)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()


def test_a_chosen_theme_stays_over_pages_and_over_the_system(page: Page, sign_in: SignIn, owner: User) -> None:
    page.emulate_media(color_scheme="light")
    visit(page, "/", sign_in, owner)
    page.get_by_label("Your account: owner").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.goto("/components/")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    expect(page.locator("[data-theme-choice=dark]")).to_have_attribute("aria-pressed", "true")
    page.get_by_label("Your account: owner").click()
    page.get_by_role("button", name="System").click()
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.emulate_media(color_scheme="light")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "light")


def test_escape_closes_the_user_menu_and_gives_the_focus_back(page: Page, sign_in: SignIn, owner: User) -> None:
    visit(page, "/", sign_in, owner)
    page.get_by_label("Your account: owner").click()
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Log out")).to_be_hidden()
    expect(page.get_by_label("Your account: owner")).to_be_focused()


def test_logging_out_ends_at_the_login_page(page: Page, sign_in: SignIn, owner: User) -> None:
    visit(page, "/", sign_in, owner)
    page.get_by_label("Your account: owner").click()
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login/")
    page.goto("/")
    page.wait_for_url("**/login/?next=/")


def test_a_wrong_password_moves_the_focus_to_what_went_wrong(page: Page) -> None:
    page.goto("/login/")
    page.get_by_label("Username").fill("nobody")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("[data-error-summary]")).to_be_focused()


def test_sorting_filtering_and_paging_keep_their_state_in_the_address(page: Page, sign_in: SignIn, owner: User) -> None:
    visit(page, "/components/", sign_in, owner)
    page.get_by_role("link", name="Month cost").click()
    page.wait_for_url("**/components/?ordering=cost")
    expect(page.get_by_role("columnheader", name="Month cost")).to_have_attribute("aria-sort", "ascending")
    page.get_by_label("Team", exact=True).select_option("fraud")
    page.wait_for_url("**/components/?team=fraud&ordering=cost")
    expect(page.get_by_role("link", name="Clear the filter Team: Fraud")).to_be_visible()
    page.get_by_role("link", name="Next page").click()
    page.wait_for_url("**/components/?*page=2*")
    assert "team=fraud" in page.url
    page.go_back()
    expect(page.get_by_role("link", name="Next page")).to_be_visible()
    assert "page=2" not in page.url


def test_clearing_a_filter_empties_its_input_too(page: Page, sign_in: SignIn, owner: User) -> None:
    visit(page, "/components/?team=fraud&ordering=cost", sign_in, owner)
    page.get_by_role("link", name="Clear the filter Team: Fraud").click()
    page.wait_for_url("**/components/?ordering=cost")
    expect(page.get_by_label("Team", exact=True)).to_have_value("")


def answer_with(status: int) -> Callable[[Route], None]:
    def answer(route: Route) -> None:
        if route.request.headers.get("hx-request"):
            route.fulfill(status=status, body="<h1>error page</h1>")
        else:
            route.continue_()

    return answer


def test_a_failed_request_shows_a_toast_and_leaves_the_page_usable(page: Page, sign_in: SignIn, owner: User) -> None:
    visit(page, "/components/", sign_in, owner)
    page.route("**/components/?ordering*", answer_with(500))
    page.get_by_role("link", name="Month cost").click()
    toasts = page.get_by_role("region", name="Notifications")
    expect(toasts.get_by_role("alert")).to_contain_text("Server error (500)")
    expect(page.get_by_role("heading", name="error page")).to_have_count(0)
    toasts.get_by_role("button", name="Close").click()
    expect(toasts.get_by_role("alert")).to_have_count(0)
    page.unroute_all()
    page.get_by_role("link", name="Month cost").click()
    page.wait_for_url("**/components/?ordering=cost")


def test_a_lost_connection_is_told_once_and_taken_back(page: Page, sign_in: SignIn, owner: User) -> None:
    visit(page, "/components/", sign_in, owner)
    page.route("**/components/?*", lambda route: route.abort())
    toasts = page.get_by_role("region", name="Notifications").locator("[data-key=offline]")
    page.get_by_role("link", name="Month cost").click()
    expect(toasts).to_have_count(1)
    page.get_by_role("link", name="Model", exact=True).click()
    expect(toasts).to_have_count(1)
    page.unroute_all()
    page.get_by_role("link", name="Month cost").click()
    expect(toasts).to_have_count(0)


def test_a_session_that_ended_leads_to_log_in_and_back(page: Page, sign_in: SignIn, owner: User) -> None:
    visit(page, "/components/", sign_in, owner)
    page.context.clear_cookies()
    # A live part of the page may ask first, and then the link is gone before it is clicked.
    with suppress(Error):
        page.get_by_role("link", name="Month cost").click(timeout=5000)
    page.wait_for_url("**/login/?next=%2Fcomponents%2F")


POLLER = """
    const poller = document.createElement("p");
    poller.id = "poller";
    poller.setAttribute("data-live", "");
    poller.setAttribute("hx-get", "/poll/");
    poller.setAttribute("hx-trigger", "every 50ms");
    poller.setAttribute("hx-swap", "none");
    document.querySelector("#content").append(poller);
    htmx.process(poller);
"""
SAY_SKIPPED = """
    document.addEventListener("htmx:beforeRequest", (event) => {
        if (event.defaultPrevented) console.info("skipped");
    });
"""


def test_a_live_fragment_rests_in_a_hidden_tab(page: Page, sign_in: SignIn, owner: User) -> None:
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(status=204)

    visit(page, "/components/", sign_in, owner)
    page.route("**/poll/", answer)
    page.evaluate("Object.defineProperty(document, 'hidden', {get: () => window.isAway, configurable: true})")
    page.evaluate("window.isAway = false")
    page.evaluate(POLLER)
    for _ in range(3):
        page.wait_for_event("requestfinished", lambda request: "/poll/" in request.url)
    page.evaluate(SAY_SKIPPED)
    page.evaluate("window.isAway = true")
    page.wait_for_event("console", lambda message: message.text == "skipped")
    before = len(asked)
    for _ in range(5):
        page.wait_for_event("console", lambda message: message.text == "skipped")
    assert len(asked) == before
    with page.expect_request("**/poll/"):
        page.evaluate("window.isAway = false")


COUNT_TOASTS = """
    window.toasts = 0;
    const count = (records) => records.forEach((record) => { window.toasts += record.addedNodes.length; });
    new MutationObserver(count).observe(document.querySelector("#toasts"), {childList: true});
"""


def test_a_request_that_is_cut_off_once_is_not_told(page: Page, sign_in: SignIn, owner: User) -> None:
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        route.abort() if len(asked) == 1 else route.fulfill(status=204)

    visit(page, "/components/", sign_in, owner)
    page.evaluate(COUNT_TOASTS)
    page.route("**/poll/", answer)
    page.evaluate(POLLER)
    page.wait_for_event("requestfailed")
    for _ in range(20):  # longer than the page waits before it speaks
        page.wait_for_event("requestfinished", lambda request: "/poll/" in request.url)
    assert page.evaluate("window.toasts") == 0


def test_a_gap_in_a_log_fills_itself(page: Page, sign_in: SignIn, owner: User) -> None:
    visit(page, "/components/", sign_in, owner)
    log = page.get_by_role("log")
    log.scroll_into_view_if_needed()
    expect(log).to_contain_text("Refreshing state, part 4")
    expect(log.locator(".sw-gap")).to_have_count(0)


def test_a_log_shows_only_the_level_asked_for_and_keeps_it_in_the_address(
    page: Page, sign_in: SignIn, owner: User
) -> None:
    visit(page, "/components/", sign_in, owner)
    page.get_by_label("Level").select_option("error")
    expect(page.locator(".sw-line:visible")).to_have_count(1)
    assert "level=error" in page.url
    page.get_by_label("Level").select_option("")
    expect(page.locator(".sw-line:visible")).to_have_count(9)


def test_a_link_to_a_line_marks_it(page: Page, sign_in: SignIn, owner: User) -> None:
    visit(page, "/components/#L819", sign_in, owner)
    expect(page.locator("#L819")).to_be_in_viewport()
    assert page.evaluate("document.querySelector('.sw-line:target').id") == "L819"


def test_a_dangerous_action_asks_for_the_name_first(page: Page, sign_in: SignIn, owner: User) -> None:
    visit(page, "/components/", sign_in, owner)
    page.get_by_role("link", name="Destroy…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Type card-fraud to confirm").fill("card")
    assert dialog.locator("form").evaluate("form => form.checkValidity()") is False
    dialog.get_by_label("Type card-fraud to confirm").fill("card-fraud")
    assert dialog.locator("form").evaluate("form => form.checkValidity()") is True
    dialog.get_by_role("link", name="Cancel").click()
    expect(dialog).to_be_hidden()


def test_without_javascript_everything_can_be_reached(
    page: Page, sign_in: SignIn, owner: User, live_server: object
) -> None:
    browser = page.context.browser
    assert browser is not None
    sign_in(owner)
    plain = browser.new_context(java_script_enabled=False, base_url=str(live_server), viewport=PHONE)
    plain.add_cookies(page.context.cookies())  # type: ignore[arg-type]  # what one context gives another takes
    bare = plain.new_page()
    bare.goto("/components/?team=fraud")
    expect(bare.get_by_role("navigation", name="Main").get_by_role("link", name="Home")).to_be_visible()
    bare.get_by_role("link", name="Next page").click()
    bare.wait_for_url("**/components/?team=fraud&page=2")
    bare.get_by_label("Your account: owner").click()
    bare.get_by_role("button", name="Log out").click()
    bare.wait_for_url("**/login/")
    plain.close()
