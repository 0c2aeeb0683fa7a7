"""Pages that everybody meets: who starts at the first page and follows every link never meets an error."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from embedded.cast import PEOPLE
from tests import http
from tests.flows.crawling import References, Walk
from tests.product import Product

pytestmark = pytest.mark.timeout(600)
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
# What everybody is sure to come by, as (route, by whom it is fetched).
COMMON = {("", "page"), ("fleet/", "page"), ("runs/", "page"), ("models/", "page"), ("api/v1/schema/", "page")}
OF_THE_FIRST_TEAM = {
    ("runs/<int:run_id>/", "page"),
    ("models/<path:full_name>/drift/", "htmx"),
    ("deployments/<int:deployment_id>/", "page"),
}


@pytest.fixture
def visitor(product: Product) -> Iterator[httpx.Client]:
    with http.Client(base_url=product.stack.url, timeout=60) as client:
        yield client


def log_in(client: httpx.Client, product: Product, username: str) -> None:
    """Through the page, as a person does."""
    found = TOKEN.search(client.get("/login/").text)
    assert found
    form = {"csrfmiddlewaretoken": found[1], "username": username, "password": product.stack.user(username)["password"]}
    answer = client.post("/login/", data=form, headers={"Referer": f"{product.stack.url}/login/"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")


@pytest.mark.stack
@pytest.mark.long
@pytest.mark.xdist_group("product")
@pytest.mark.parametrize("person", [person[0] for person in PEOPLE])
def test_no_link_leads_to_an_error(visitor: httpx.Client, product: Product, person: str) -> None:
    log_in(visitor, product, person)
    walk = Walk(visitor, person)
    assert [str(refusal) for refusal in walk.go()] == []
    seen = {kind[:2] for kind in walk.kinds}
    of_the_team = OF_THE_FIRST_TEAM if product.stack.user(person)["team"] in ("fraud", "*") else set()
    assert (COMMON | of_the_team) - seen == set()


# -- what a page refers to -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<a href="/a?b=1&amp;c=2">', [("/a?b=1&c=2", False)]),
        ('<div hx-get="?page=2"></div><img src="/x.svg">', [("?page=2", True), ("/x.svg", False)]),
        ('<form method="post" action="/delete/"><input name="a" value="1"></form>', []),
        (
            '<form action="/list/?old=1"><input name="q" value="a b"><input type="checkbox" name="c">'
            '<select name="s"><option value="1"><option value="2" selected></select>'
            '<select name="t"><option value="3"></select><input type="submit" name="go"></form>',
            [("/list/?q=a+b&s=2&t=3", False)],
        ),
        (
            '<form><input type="radio" name="r" value="x" checked><input type="checkbox" name="c" checked></form>',
            [("?r=x&c=on", False)],
        ),
    ],
)
def test_links_and_forms_that_only_ask_are_read_from_the_page(html: str, expected: list[tuple[str, bool]]) -> None:
    assert References(html).found == expected


def test_an_error_is_told_with_the_page_that_leads_there_and_each_address_is_asked_once() -> None:
    pages = {"/": '<a href="/good/"><a href="/bad/"><a href="https://elsewhere/">', "/good/": '<a href="../#top">'}
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        html = pages.get(request.url.path)
        return httpx.Response(200 if html else 404, html=html or "")

    client = http.Client(base_url="http://portal", transport=httpx.MockTransport(answer))
    assert [str(refusal) for refusal in Walk(client, "eva").go()] == ["404 /bad/, for eva, from /"]
    assert asked == ["/", "/good/", "/bad/"]
