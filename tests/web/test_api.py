"""Idempotency-Key and ETag, on the views of accounts."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import AccessToken, Membership
from portal.retention import forget_old
from tests.factories import UserFactory
from web import idempotency
from web.idempotency import IdempotencyKey

pytestmark = pytest.mark.sqlite
TOKENS = "/api/v1/tokens/"
MEMBERS = "/api/v1/teams/fraud/members/"
KEY = {"Idempotency-Key": "job-7-attempt-1"}


def test_a_repeated_post_is_done_once_and_answered_twice(owner, team, api_as):
    UserFactory.create(username="newcomer")
    client = api_as(owner)
    body = {"username": "newcomer", "role": "viewer"}
    first = client.post(MEMBERS, body, headers=KEY)
    again = client.post(MEMBERS, dict(reversed(body.items())), headers=KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert Membership.objects.filter(user__username="newcomer").count() == 1


def test_a_replay_never_holds_the_secret_of_a_new_token(owner, api_as):
    client = api_as(owner)
    first = client.post(TOKENS, {"name": "CI"}, headers=KEY)
    again = client.post(TOKENS, {"name": "CI"}, headers=KEY)
    assert first.json()["token"].startswith("slw_")
    assert again.json()["token"] is None
    assert first.json()["token"] not in str(IdempotencyKey.objects.values_list("body", flat=True))
    assert AccessToken.objects.filter(name="CI").count() == 1


def test_the_same_key_with_another_body_is_refused(owner, api_as):
    client = api_as(owner)
    client.post(TOKENS, {"name": "one"}, headers=KEY)
    answer = client.post(TOKENS, {"name": "two"}, headers=KEY)
    assert answer.status_code == 409
    assert answer.json()["code"] == "idempotency_key_reused"
    assert set(answer.json()) == {"code", "message", "fields"}
    assert not AccessToken.objects.filter(name="two").exists()


def test_the_same_key_of_another_person_is_another_key(owner, viewer, api_as):
    assert api_as(owner).post(TOKENS, {"name": "a"}, headers=KEY).status_code == 201
    assert api_as(viewer).post(TOKENS, {"name": "b"}, headers=KEY).status_code == 201


def test_a_post_that_failed_may_be_tried_again_with_its_key(owner, api_as):
    client = api_as(owner)
    assert client.post(MEMBERS, {"username": "later", "role": "viewer"}, headers=KEY).status_code == 400
    UserFactory.create(username="later")
    answer = client.post(MEMBERS, {"username": "later", "role": "viewer"}, headers=KEY)
    assert answer.status_code == 201
    assert "Idempotent-Replayed" not in answer.headers


def test_a_second_post_while_the_first_still_runs_gets_409(owner, api_as):
    asked = idempotency.fingerprint("POST", TOKENS, {"name": "CI"})
    claimed = idempotency.claim(user_id=owner.pk, key=KEY["Idempotency-Key"], fingerprint=asked)
    assert isinstance(claimed, IdempotencyKey)
    answer = api_as(owner).post(TOKENS, {"name": "CI"}, headers=KEY)
    assert answer.status_code == 409
    assert answer.json()["code"] == "idempotency_key_in_use"
    idempotency.release(claimed)
    assert api_as(owner).post(TOKENS, {"name": "CI"}, headers=KEY).status_code == 201


def test_a_key_whose_process_died_can_be_claimed_again(owner):
    first = idempotency.claim(user_id=owner.pk, key="k", fingerprint="f")
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(minutes=6))
    second = idempotency.claim(user_id=owner.pk, key="k", fingerprint="f")
    assert isinstance(second, IdempotencyKey)
    assert isinstance(first, IdempotencyKey)
    idempotency.settle(first, idempotency.Answer(201, {"late": True}))
    assert IdempotencyKey.objects.get().status_code is None


def test_a_key_is_forgotten_after_a_day(owner, api_as):
    client = api_as(owner)
    client.post(TOKENS, {"name": "one"}, headers=KEY)
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert client.post(TOKENS, {"name": "two"}, headers=KEY).status_code == 201
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert forget_old(timezone.now()) == 1
    assert not IdempotencyKey.objects.exists()


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "with blank", "caf\xe9"])
def test_a_malformed_key_gets_400(owner, api_as, key):
    answer = api_as(owner).post(TOKENS, {"name": "CI"}, headers={"Idempotency-Key": key})
    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.json()["fields"]


@pytest.mark.django_db(transaction=True)
def test_of_many_posts_at_once_exactly_one_is_done(owner, api_as):
    clients = [api_as(owner) for _ in range(4)]
    start = threading.Barrier(len(clients))
    codes = []

    def post(client):
        start.wait()
        try:
            codes.append(client.post(TOKENS, {"name": "CI"}, headers=KEY).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=post, args=[client]) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(codes) <= {201, 409}
    assert 201 in codes
    assert AccessToken.objects.filter(name="CI").count() == 1


def test_an_unchanged_object_is_not_sent_again(owner, team, api_as):
    client = api_as(owner)
    url = "/api/v1/teams/fraud/"
    first = client.get(url)
    etag = first.headers["ETag"]
    again = client.get(url, headers={"If-None-Match": etag})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", etag)
    assert client.get(url, headers={"If-None-Match": f"W/{etag}"}).status_code == 304
    team.name = "Fraud and abuse"
    team.save()
    changed = client.get(url, headers={"If-None-Match": etag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != etag


def test_an_error_has_no_etag(owner, api_as):
    assert "ETag" not in api_as(owner).get("/api/v1/teams/nothing/").headers
