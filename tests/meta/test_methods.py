"""Every address answers HEAD as it answers GET, and no address fails on OPTIONS."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.models import User

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("accounts", "catalog", "deployments", "monitoring", "portal", "web")
# A view that compares with GET takes HEAD for a POST: it would act on a request that only asks.
TAKES_HEAD_FOR_A_POST = re.compile(r'request\.method == "GET"|require_GET|\["GET", "POST"\]')
# Django's own page sends who is logged in on for a GET, and shows the form for a HEAD.
UNLIKE = {"/admin/login/": (200, 302)}
EXAMPLES = {"int": "1", "slug": "name", "uuid": "00000000-0000-0000-0000-000000000001", "path": "a"}


def patterns(resolver: URLResolver, before: str = "") -> Iterator[tuple[str, URLPattern]]:
    """(route, pattern) of every address, admin's and the API's among them."""
    for pattern in resolver.url_patterns:
        route = f"{before}{pattern.pattern}"
        if isinstance(pattern, URLResolver):
            yield from patterns(pattern, route)
        else:
            yield route, pattern


def addresses() -> list[str]:
    """One address of every route, except those that only say the format of another one."""
    found = []
    for route, _ in patterns(get_resolver()):
        if "format>" in route:
            continue
        filled = re.sub(r"<(?:(\w+):)?\w+>", lambda match: EXAMPLES.get(match[1], "a.b.c"), _without_groups(route))
        found.append("/" + re.sub(r"[\^$\\]|/\?$", "", filled).replace("//", "/"))
    return sorted(set(found))


def _without_groups(route: str) -> str:
    """``(?P<name>...)`` of a regular expression is a number here: every group takes one."""
    return re.sub(r"\(\?P<\w+>(?:\[[^\]]*\]|[^()\[\]])*\)", "1", route)


@pytest.fixture
def client_of_admin(admin: User, client: Client) -> Client:
    client.raise_request_exception = False
    client.force_login(admin)
    return client


def test_every_route_answers_head_as_get(client_of_admin: Client) -> None:
    unlike: dict[str, Any] = {}
    for address in addresses():
        asked, got = client_of_admin.head(address), client_of_admin.get(address)
        if asked.status_code != got.status_code or asked.status_code >= 500:
            unlike[address] = (asked.status_code, got.status_code)
    assert unlike == UNLIKE


def test_no_route_fails_on_options(client_of_admin: Client) -> None:
    statuses = {address: client_of_admin.options(address).status_code for address in addresses()}
    assert {address: status for address, status in statuses.items() if status >= 500} == {}


def test_no_view_takes_head_for_a_post() -> None:
    modules = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    found = [str(path.relative_to(ROOT)) for path in modules if TAKES_HEAD_FOR_A_POST.search(path.read_text())]
    assert found == []


def test_there_is_something_to_look_at() -> None:
    found = addresses()
    assert {"/", "/login/", "/fleet/", "/api/v1/runs/", "/api/v1/deployments/1/quality/", "/runs/1/"} <= set(found)
    assert len(found) > 150
    assert not [address for address in found if set("<>()[]") & set(address)]
