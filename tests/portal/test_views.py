from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from portal import urls, views


def _denied(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied("Only approvers of Fraud may do this.")


def _bad(request: HttpRequest) -> HttpResponse:
    raise SuspiciousOperation("no")


def _broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a bug")


urlpatterns = [
    path("denied/", _denied),
    path("bad/", _bad),
    path("broken/", _broken),
    path("api/v1/denied/", _denied),
    path("api/v1/broken/", _broken),
    *urls.urlpatterns,
]
handler400, handler403 = urls.handler400, urls.handler403
handler404, handler500 = urls.handler404, urls.handler500


@pytest.fixture
def errors() -> Client:
    """A client that gets an error page where a test client would raise."""
    return Client(raise_request_exception=False)


@pytest.mark.django_db
def test_healthz_answers_when_the_database_does(client: Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/", "/components/"])
def test_a_page_asks_an_anonymous_person_to_log_in(client: Client, address: str) -> None:
    assert client.get(address).headers["Location"] == f"/login/?next={address}"


@pytest.mark.parametrize("address", ["/", "/components/", "/components/?gap=1"])
def test_a_page_opens_for_a_viewer(client: Client, viewer: User, address: str) -> None:
    client.force_login(viewer)
    assert client.get(address).status_code == 200


@pytest.mark.parametrize("address", ["/", "/components/"])
def test_a_page_is_only_read(client: Client, viewer: User, address: str) -> None:
    client.force_login(viewer)
    assert client.post(address).status_code == 405


def test_home_offers_the_next_action_of_empty_cards(client: Client, owner: User) -> None:
    client.force_login(owner)
    body = client.get("/").content.decode()
    for title in ("Pending approvals", "My runs", "Deployments that need attention"):
        assert title in body
    assert "New deployment" in body


def test_the_user_menu_leads_to_teams_tokens_and_out_by_post(client: Client, owner: User) -> None:
    client.force_login(owner)
    body = client.get("/").content.decode()
    assert 'href="/teams/"' in body
    assert 'href="/tokens/"' in body
    assert '<form method="post" action="/logout/">' in body
    assert "Fraud <span>Team admin</span>" in body


def test_pages_forbid_inline_code_and_foreign_hosts(client: Client, viewer: User) -> None:
    client.force_login(viewer)
    policy = client.get("/").headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


@pytest.mark.django_db
@pytest.mark.urls(__name__)
@pytest.mark.parametrize(
    ("address", "status", "text"),
    [
        ("/nowhere/", 404, views.TITLES[404]),
        ("/denied/", 403, "Only approvers of Fraud may do this."),
        ("/bad/", 400, views.TITLES[400]),
        ("/broken/", 500, views.TITLES[500]),
    ],
)
def test_an_error_has_a_page_with_a_way_out(errors: Client, address: str, status: int, text: str) -> None:
    response = errors.get(address)
    assert response.status_code == status
    assert text in response.content.decode()
    assert 'class="btn btn-primary" href="/' in response.content.decode()


@pytest.mark.urls(__name__)
def test_an_error_page_keeps_the_navigation_of_who_is_logged_in(errors: Client, owner: User) -> None:
    errors.force_login(owner)
    body = errors.get("/nowhere/").content.decode()
    assert "Go home" in body
    assert 'aria-label="Your account: owner"' in body


@pytest.mark.django_db
@pytest.mark.urls(__name__)
@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        ("/api/v1/nowhere/", 404, "not_found"),
        ("/api/v1/denied/", 403, "permission_denied"),
        ("/api/v1/broken/", 500, "error"),
    ],
)
def test_the_api_answers_errors_in_its_own_shape(errors: Client, address: str, status: int, code: str) -> None:
    response = errors.get(address)
    assert response.status_code == status
    assert set(response.json()) == {"code", "message", "fields"}
    assert response.json()["code"] == code


@pytest.mark.django_db
def test_the_page_of_a_bug_needs_no_database(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    request = HttpRequest()
    request.path = "/runs/1/"
    with django_assert_num_queries(0):
        response = views.server_error(request)
    assert response.status_code == 500
    assert "RuntimeError" not in response.content.decode()


@pytest.mark.django_db
def test_a_form_without_its_token_says_what_to_do() -> None:
    response = Client(enforce_csrf_checks=True).post("/login/", {"username": "ada", "password": "x"})
    assert response.status_code == 403
    assert "This form has expired" in response.content.decode()


@pytest.mark.django_db
def test_a_wrong_password_is_told_at_the_form(client: Client) -> None:
    body = client.post("/login/", {"username": "ada", "password": "x"}).content.decode()
    assert 'role="alert"' in body
    assert "correct username and password" in body
    assert 'value="ada"' in body


@pytest.mark.django_db
def test_the_login_page_remembers_where_to_go(client: Client) -> None:
    assert (
        '<input type="hidden" name="next" value="/components/">'
        in client.get("/login/", {"next": "/components/"}).content.decode()
    )
