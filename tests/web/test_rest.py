"""What every API view shares: strict JSON, one error shape, pages, query parameters."""

import io

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions

from web.rest import MAX_DEPTH, ORJSONRenderer, StrictJSONParser, exception_handler

TEAMS = "/api/v1/teams/"


def parse(body):
    return StrictJSONParser().parse(io.BytesIO(body))


@pytest.mark.parametrize(
    ("body", "data"),
    [
        (b'{"a": [1, 2.5, null, true, "x"]}', {"a": [1, 2.5, None, True, "x"]}),
        (b"[]", []),
        (b'"\\\\u0000"', "\\u0000"),
        ('{"ü": "\U0001f600"}'.encode(), {"ü": "\U0001f600"}),
        (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, None),
        (b"[" + b"[]," * 500 + b"[]]", [[]] * 501),
    ],
)
def test_json_is_read(body, data):
    assert parse(body) == data or data is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"NaN",
        b"[1] x",
        b'"\xff"',
        b'"\\ud800"',
        b"1e999",
        b'"\\u0000"',
        b'[{"a": {"\\u0000": 1}}]',
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
        b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1),
        b"[" * 1_000_000,
    ],
)
def test_what_is_no_json_that_can_be_kept_is_refused(body):
    with pytest.raises(exceptions.ParseError):
        parse(body)


def test_an_answer_without_a_body_has_none():
    assert ORJSONRenderer().render(None) == b""
    assert ORJSONRenderer().render({1: "x"}) == b'{"1":"x"}'


@pytest.mark.parametrize(
    ("error", "status", "code", "message", "fields"),
    [
        (Http404(), 404, "not_found", "The object does not exist, or you may not see it.", {}),
        (PermissionDenied("Only an approver decides."), 403, "permission_denied", "Only an approver decides.", {}),
        (exceptions.NotAuthenticated(), 401, "not_authenticated", None, {}),
        (exceptions.ParseError("no JSON"), 400, "parse_error", "no JSON", {}),
        (exceptions.ValidationError("all wrong"), 400, "invalid", "all wrong", {}),
        (
            exceptions.ValidationError({"a": ["x"], "b": {"c": ["y"]}}),
            400,
            "invalid",
            "Some fields are not valid.",
            {"a": ["x"], "b.c": ["y"]},
        ),
        (exceptions.ValidationError({"non_field_errors": ["both"]}), 400, "invalid", "both", {}),
        (exceptions.Throttled(wait=3), 429, "throttled", None, {}),
    ],
)
def test_every_error_has_one_shape(error, status, code, message, fields):
    answer = exception_handler(error, {})
    assert answer is not None
    assert (answer.status_code, answer.data["code"], answer.data["fields"]) == (status, code, fields)
    assert message is None or answer.data["message"] == message
    assert set(answer.data) == {"code", "message", "fields"}


def test_a_fault_of_our_own_is_not_dressed_up():
    assert exception_handler(KeyError("x"), {}) is None


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page_size=0", "page_size"),
        ("page_size=ten", "page_size"),
        ("ordering=memberships", "ordering"),
        ("team=fraud", "team"),
        ("Q=fraud", "Q"),
    ],
)
def test_a_query_that_is_not_understood_is_refused(team, viewer, api_as, query, field):
    answer = api_as(viewer).get(f"{TEAMS}?{query}")
    assert (answer.status_code, set(answer.json()["fields"])) == (400, {field})


def test_a_query_that_is_understood_is_followed(team, viewer, api_as):
    answer = api_as(viewer).get(f"{TEAMS}?page_size=1&ordering=-slug&q=fraud")
    assert [row["slug"] for row in answer.json()["results"]] == ["fraud"]


@pytest.mark.parametrize(("asked", "rows"), [(3, 3), (200, 200), (1000, 200)])
def test_a_page_has_as_many_rows_as_asked_for_and_at_most_two_hundred(team, admin, api_as, asked, rows):
    teams = type(team)
    teams.objects.bulk_create(teams(slug=f"team_{number}", name=f"Team {number}") for number in range(201))
    assert len(api_as(admin).get(f"{TEAMS}?page_size={asked}").json()["results"]) == rows
