from __future__ import annotations

import json

import pytest
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.test import Client
from django.urls import path

from accounts.models import User
from portal import urls

HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/components/?q=a%26b"}


@login_required
def fragment(request: HttpRequest) -> HttpResponse:
    messages.success(request, "It is <saved>.")
    messages.error(request, "The other one is not.")
    return HttpResponse("<p>row</p>")


def moved(request: HttpRequest) -> HttpResponse:
    messages.success(request, "It is saved.")
    return redirect("home")


def whole_page(request: HttpRequest) -> HttpResponse:
    messages.warning(request, "Take care.")
    return render(request, "portal/home.html")


urlpatterns = [path("t/fragment/", fragment), path("t/moved/", moved), path("t/page/", whole_page), *urls.urlpatterns]
pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


def test_a_fragment_of_an_ended_session_sends_the_page_to_log_in_and_back(client: Client) -> None:
    response = client.get("/t/fragment/", headers=HTMX)
    assert response.headers["HX-Redirect"] == "/login/?next=%2Fcomponents%2F%3Fq%3Da%2526b"
    assert response.content == b""


def test_the_way_back_never_leaves_the_portal(client: Client) -> None:
    headers = {**HTMX, "HX-Current-URL": "https://evil.example/phish"}
    response = client.get("/t/fragment/", headers=headers)
    assert response.headers["HX-Redirect"] == "/login/?next=%2F"


def test_a_page_of_an_ended_session_is_redirected_as_ever(client: Client) -> None:
    response = client.get("/t/fragment/")
    assert response.status_code == 302
    assert "HX-Redirect" not in response.headers


def test_messages_of_a_fragment_become_toasts_once(client: Client, viewer: User) -> None:
    client.force_login(viewer)
    response = client.get("/t/fragment/", headers=HTMX)
    assert json.loads(response.headers["HX-Trigger"]) == {
        "toasts": {
            "value": [
                {"text": "It is <saved>.", "tone": "ok"},
                {"text": "The other one is not.", "tone": "bad"},
            ]
        }
    }
    assert "HX-Trigger" not in client.get("/components/", headers=HTMX).headers


def test_messages_before_a_redirect_wait_for_the_next_page(client: Client, viewer: User) -> None:
    client.force_login(viewer)
    assert "HX-Trigger" not in client.get("/t/moved/", headers=HTMX).headers
    assert "It is saved." in client.get("/").content.decode()


def test_messages_of_a_page_stand_in_the_page(client: Client, viewer: User) -> None:
    client.force_login(viewer)
    response = client.get("/t/page/")
    assert "HX-Trigger" not in response.headers
    assert "Take care." in response.content.decode()


def test_a_page_taken_apart_by_htmx_shows_its_message_once(client: Client, viewer: User) -> None:
    client.force_login(viewer)
    response = client.get("/t/page/", headers=HTMX)
    assert "Take care." in response.headers["HX-Trigger"]
    assert "Take care." not in response.content.decode()
