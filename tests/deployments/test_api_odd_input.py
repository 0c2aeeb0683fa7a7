"""Odd input to the API: always a clear 4xx, on every database."""

import pytest
from rest_framework.throttling import UserRateThrottle

from deployments.runs.statuses import RunStatus
from tests.undoing import undone

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
JSON = "application/json"
TOO_LARGE = "9" * 18
LARGER_THAN_ANY = "9" * 40
BODIES = [
    b"",
    b"{",
    b"{} {}",
    b"[" * 100_000,
    b'{"name": NaN}',
    b'{"name": Infinity}',
    b'{"name": 1e400}',
    b'{"name": "\xff"}',
    b'{"name": "\\ud800"}',
    b'{"name": "a\\u0000b"}',
    b'{"\\u0000": 1}',
    b'{"tags": {"a": "b\\u0000"}}',
    b'{"name": "\xf0\x9f\x98\x80"}',
    b'{"name": "' + "\u202e\u200d\ufeff".encode() + b'"}',
    b'{"name": ' + b"9" * 5000 + b"}",
    b'{"version": 3}',
    b'{"rollout": {"min_requests": 99999999999999999999999}}',
    b'{"rollout": {"max_error_rate": 1e-400}}',
    b'{"tags": ' + b'{"a":' * 150 + b"1" + b"}" * 150 + b"}",
    b"null",
    b"true",
    b'"text"',
    b"[1, 2]",
    b'name=card-fraud&model="x"',
]
IDS = ["0", TOO_LARGE, LARGER_THAN_ANY, "-1", "1.0", "x", "%00", "%F0%9F%98%80", "1%00", "\u0661"]
CURSORS = ["x", "%00", "cD1mb28%3D", "bz0xJnA9eA%3D%3D", "9" * 100, "%F0%9F%98%80", "cD0lMDA%3D"]


@pytest.mark.parametrize("rest", ["", "{deployment}/runs/", "{deployment}/test-requests/"])
def test_a_body_that_is_not_right_is_a_400_and_never_our_fault(deployment, owner, api_as, rest):
    url = f"/api/v1/deployments/{rest.format(deployment=deployment.pk)}"
    client = api_as(owner)
    for body in BODIES:
        with undone():
            answer = client.generic("POST", url, body, content_type=JSON, headers={"Idempotency-Key": "k"})
        may_be_sent = rest.endswith("test-requests/") and answer.status_code == 201
        assert answer.status_code == 400 or may_be_sent, (body[:80], answer.content)
        if answer.status_code == 400:
            assert set(answer.json()) == {"code", "message", "fields"}, body[:80]


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain", "x"]
)
def test_what_is_not_json_is_not_taken(deployment, owner, api_as, content_type):
    answer = api_as(owner).generic("POST", "/api/v1/deployments/", "name=x", content_type=content_type)
    assert answer.status_code == 415
    assert answer.json()["code"] == "unsupported_media_type"


@pytest.mark.parametrize(
    "path",
    [
        "deployments/{}/",
        "deployments/{}/runs/",
        "deployments/{}/test-requests/",
        "runs/{}/",
        "runs/{}/events/",
        "runs/{}/plan/",
        "runs/{}/approve/",
        "runs/{}/cancel/",
        "deployments/1/test-requests/{}/",
    ],
)
def test_an_id_that_is_none_is_not_found(deployment, owner, api_as, path):
    client = api_as(owner)
    for pk in IDS:
        for method in ("GET", "POST", "DELETE"):
            answer = client.generic(method, f"/api/v1/{path.format(pk)}", "{}", content_type=JSON)
            assert answer.status_code in (404, 405), (pk, method, answer.content)


@pytest.mark.parametrize("path", ["deployments/", "deployments/{}/runs/", "deployments/{}/test-requests/", "runs/"])
def test_a_cursor_written_by_hand_is_not_found(run_in, deployment, owner, api_as, path):
    run_in(RunStatus.SUCCEEDED)
    client = api_as(owner)
    for cursor in CURSORS:
        answer = client.get(f"/api/v1/{path.format(deployment.pk)}?cursor={cursor}")
        assert answer.status_code in (200, 404), (cursor, answer.content)


@pytest.mark.parametrize(
    "query",
    [
        "page_size=0",
        "page_size=-1",
        "page_size=x",
        "page_size=",
        "page_size=%00",
        "page_size=1e2",
        "page_size=\u0663",
        "envronment=staging",
        "status=",
        "team=",
        "ordering=nothing",
        "ordering=%00",
        "%00=1",
    ],
)
def test_a_query_that_is_not_understood_is_refused_and_named(deployment, owner, api_as, query):
    answer = api_as(owner).get(f"/api/v1/deployments/?{query}")
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == [query.partition("=")[0].replace("%00", "\x00")]


def test_a_large_page_is_the_largest_there_is(deployment, owner, api_as):
    assert api_as(owner).get("/api/v1/deployments/?page_size=999999999").status_code == 200


def test_a_literal_backslash_u0000_is_text_like_any_other(deployment, owner, api_as):
    url = f"/api/v1/deployments/{deployment.pk}/runs/"
    answer = api_as(owner).generic("POST", url, rb'{"kind": "\\u0000"}', content_type=JSON)
    assert set(answer.json()["fields"]) == {"kind"}


def test_too_many_requests_are_told_when_to_come_again(deployment, viewer, api_as, monkeypatch):
    monkeypatch.setattr(UserRateThrottle, "get_rate", lambda self: "2/minute")
    client = api_as(viewer)
    answers = [client.get("/api/v1/runs/") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60
    assert answers[-1].json()["code"] == "throttled"
    assert set(answers[-1].json()) == {"code", "message", "fields"}


def test_a_method_that_is_not_offered_names_those_that_are(deployment, owner, api_as):
    answer = api_as(owner).put(f"/api/v1/deployments/{deployment.pk}/", {})
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, DELETE, HEAD, OPTIONS"
