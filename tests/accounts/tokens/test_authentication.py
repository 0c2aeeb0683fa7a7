"""Bearer tokens at the API's door."""

from datetime import timedelta

import pytest
from auditlog.models import LogEntry
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import AccessToken, TokenScope, User
from tests.factories import token_of

pytestmark = pytest.mark.django_db
ME = "/api/v1/me/"


def bearer(text: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    return client


def test_a_token_speaks_for_its_user(viewer):
    answer = bearer(token_of(viewer, TokenScope.READ)).get(ME)
    assert answer.status_code == 200
    assert answer.json()["username"] == "viewer"
    assert answer.json()["token_scope"] == "read"
    assert answer.json()["teams"] == [{"team": "fraud", "role": "viewer"}]


def test_nobody_gets_401_in_the_shape_of_every_error():
    answer = APIClient().get(ME)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json() == {
        "code": "not_authenticated",
        "message": "Authentication credentials were not provided.",
        "fields": {},
    }


@pytest.mark.parametrize("text", ["", "slw_wrong", "two words", "x" * 5000, "caf\xe9", "\xff\xfe", "slw_';--"])
def test_a_string_that_is_no_token_gets_401(text):
    assert bearer(text).get(ME).status_code == 401


def test_an_expired_token_gets_401_and_stays_in_its_owners_list(viewer):
    text = token_of(viewer)
    AccessToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    assert bearer(text).get(ME).status_code == 401
    assert AccessToken.objects.get().is_expired


def test_a_token_of_somebody_who_left_gets_401(viewer):
    text = token_of(viewer)
    viewer.is_active = False
    viewer.save()
    assert bearer(text).get(ME).status_code == 401


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_a_read_token_is_refused_for_every_method_that_changes_something(owner, method):
    answer = getattr(bearer(token_of(owner, TokenScope.READ)), method)("/api/v1/tokens/", {})
    assert answer.status_code == 403
    assert answer.json()["code"] == "permission_denied"
    assert "read" in answer.json()["message"]


def test_last_use_is_noted_at_most_once_a_minute(viewer):
    client = bearer(token_of(viewer))
    client.get(ME)
    first = AccessToken.objects.get().last_used_at
    client.get(ME)
    assert AccessToken.objects.get().last_used_at == first
    AccessToken.objects.update(last_used_at=first - timedelta(seconds=61))
    client.get(ME)
    assert AccessToken.objects.get().last_used_at > first - timedelta(seconds=1)


def test_using_a_token_writes_no_line_in_the_audit_trail(viewer):
    client = bearer(token_of(viewer))
    before = LogEntry.objects.count()
    client.get(ME)
    assert LogEntry.objects.count() == before


def test_the_audit_trail_names_the_tokens_user_and_the_request(owner, team, stranger):
    text = token_of(owner)
    answer = bearer(text).post(f"/api/v1/teams/{team.slug}/members/", {"username": "stranger", "role": "viewer"})
    assert answer.status_code == 201
    entry = LogEntry.objects.get_for_objects(team.memberships.filter(user=stranger)).get()
    assert entry.actor == owner
    assert entry.cid
    assert entry.remote_addr == "127.0.0.1"


def test_no_hash_and_no_password_stand_in_the_audit_trail(viewer, owner):
    token_of(viewer)
    User.objects.create_user("newcomer", password="a-long-password-of-the-newcomer")
    owner.set_password("a-new-password-of-the-owner")
    owner.save()
    trail = " ".join(str(row) for row in LogEntry.objects.values_list("changes", "object_pk", "object_repr"))
    assert AccessToken.objects.get().digest not in trail
    assert "password" not in trail


def test_a_forged_forwarded_address_neither_breaks_nor_enters_the_trail(owner, team, stranger):
    client = bearer(token_of(owner))
    answer = client.post(
        f"/api/v1/teams/{team.slug}/members/",
        {"username": "stranger", "role": "viewer"},
        headers={"X-Forwarded-For": "not an address"},
    )
    assert answer.status_code == 201
    assert set(LogEntry.objects.exclude(remote_addr=None).values_list("remote_addr", flat=True)) == {"127.0.0.1"}


def test_a_browser_session_needs_its_csrf_token_for_the_api(owner):
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    answer = client.post("/api/v1/tokens/", {"name": "x"}, content_type="application/json")
    assert answer.status_code == 403
