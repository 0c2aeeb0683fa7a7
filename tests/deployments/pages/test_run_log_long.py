"""A log of 100,000 lines: bounded pages, a constant number of queries, every line once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from deployments.models import Deployment, Run
from deployments.pages.run_log import PAGE_LINES
from deployments.runs.statuses import RunStatus
from tests.deployments.conftest import make_deployment, make_run
from tests.deployments.pages.long_log import ERRORS_EVERY, LINES, PLANNED, fill

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


@pytest.fixture
def long_run(deployment: Deployment) -> Run:
    """A run that goes on, with 100,000 lines."""
    return fill(make_run(deployment, RunStatus.APPLY))


def finish(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(status=RunStatus.SUCCEEDED, finished_at=timezone.now())


def url(name: str, run: Run, query: str = "") -> str:
    return reverse(f"deployments:{name}", args=[run.pk]) + query


def get(client: Client, address: str) -> tuple[str, int]:
    """(page, number of queries)."""
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(address, headers=HTMX if "/events/" in address else None)
    assert answer.status_code == 200
    return answer.content.decode(), len(captured)


def numbers(page: str) -> list[int]:
    return [int(part.split('"')[0]) for part in page.split('id="L')[1:]]


def next_address(page: str, direction: str) -> str:
    """Where the page gets its lines "before" or "after" those it shows; "" if there are none."""
    found = [part.split('"')[0].replace("&amp;", "&") for part in page.split('hx-get="')[1:]]
    return next((address for address in found if f"{direction}=" in address), "")


@pytest.mark.sqlite
def test_the_first_screen_is_the_end_and_costs_as_much_as_that_of_a_short_log(
    client: Client, long_run: Run, viewer: User, deployment: Deployment
) -> None:
    finish(long_run)
    short = fill(make_run(deployment, RunStatus.APPLY), 3)
    client.force_login(viewer)
    get(client, url("run", short))
    _, short_queries = get(client, url("run", short))
    began = time.perf_counter()
    page, queries = get(client, url("run", long_run))
    took_s = time.perf_counter() - began
    assert numbers(page) == list(range(LINES - PAGE_LINES + 1, LINES + 1))
    # A run that is over asks for the next in line and what it may be repeated as: no more than the one under way.
    assert queries <= short_queries + 1
    assert took_s < 1, f"{took_s:.2f} s"
    print(f"first screen of {LINES} lines: {took_s:.2f} s, {queries} queries, {len(page)} characters")


@pytest.mark.long
def test_going_up_to_the_first_line_shows_each_line_once(client: Client, long_run: Run, viewer: User) -> None:
    client.force_login(viewer)
    page, _ = get(client, url("run", long_run))
    seen, costs = [numbers(page)], set()
    while address := next_address(page, "before"):
        page, queries = get(client, address)
        seen.insert(0, numbers(page))
        costs.add(queries)
    assert [number for lines in seen for number in lines] == list(range(1, LINES + 1))
    assert max(map(len, seen)) <= PAGE_LINES
    assert len(costs) == 1, costs


def test_going_down_from_any_line_shows_each_line_once_and_ends_at_the_live_end(
    client: Client, long_run: Run, viewer: User
) -> None:
    client.force_login(viewer)
    page, _ = get(client, url("run", long_run, "?line=90000"))
    seen, costs = numbers(page), set()
    assert 90_000 in seen
    while "data-log-more" not in page:
        page, queries = get(client, next_address(page, "after"))
        costs.add(queries)
        seen += numbers(page)
    assert seen == list(range(seen[0], LINES + 1))
    assert len(costs) == 1, costs


def test_lines_after_a_link_are_fetched_when_somebody_comes_to_them_and_not_by_the_clock(
    client: Client, long_run: Run, viewer: User
) -> None:
    client.force_login(viewer)
    page, _ = get(client, url("run", long_run, "?line=50000"))
    assert len(numbers(page)) == PAGE_LINES
    assert "data-log-more" not in page
    rest = f"Lines {numbers(page)[-1] + 1}\N{EN DASH}{LINES}"
    assert rest in page
    answer = client.get(next_address(page, "after"), follow=True)
    assert numbers(answer.content.decode())[0] == numbers(page)[-1] + 1, "without JavaScript it is a page"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?level=error", list(range(ERRORS_EVERY, LINES + 1, ERRORS_EVERY))),
        ("?stage=plan", list(range(PLANNED - PAGE_LINES + 1, PLANNED + 1))),
        ("?stage=plan&level=error", []),
    ],
)
def test_level_and_stage_choose_among_all_lines(
    client: Client, long_run: Run, viewer: User, query: str, expected: list[int]
) -> None:
    client.force_login(viewer)
    page, _ = get(client, url("run", long_run, query))
    assert numbers(page) == expected


def test_a_filter_that_nothing_passes_leaves_what_asks_for_more(client: Client, long_run: Run, viewer: User) -> None:
    client.force_login(viewer)
    page, _ = get(client, url("run_events", long_run, f"?after={LINES - 10}&stage=plan"))
    assert numbers(page) == []
    assert f"after={LINES}" in next_address(page, "after")
    finish(long_run)
    page, _ = get(client, url("run_events", long_run, f"?after={LINES - 10}&stage=plan"))
    assert page == ""


def test_the_text_file_is_sent_while_it_is_read(client: Client, long_run: Run, viewer: User) -> None:
    client.force_login(viewer)
    answer: Any = client.get(url("run_log", long_run))
    assert answer.streaming
    lines = _lines(answer.streaming_content)
    assert [int(line.split()[0]) for line in lines] == list(range(1, LINES + 1))


def _lines(chunks: Iterator[bytes]) -> list[str]:
    pieces = [chunk.decode() for chunk in chunks]
    assert max(map(len, pieces)) < 1_000_000
    return "".join(pieces).splitlines()


@pytest.mark.sqlite
def test_the_api_pages_through_all_lines_at_the_same_cost(client: Client, long_run: Run, viewer: User) -> None:
    """The first page, and all from the 80,000th line on."""
    finish(long_run)
    client.force_login(viewer)
    events = f"/api/v1/runs/{long_run.pk}/events/?limit=500"
    first = client.get(events).json()
    assert [event["number"] for event in first["results"]] == list(range(1, 501))
    address, seen, costs = f"{events}&after=80000", [], set()
    while address:
        with CaptureQueriesContext(connection) as captured:
            body = client.get(address).json()
        costs.add(len(captured))
        assert len(body["results"]) <= 500
        seen += [event["number"] for event in body["results"]]
        address = body["next"]
    assert seen == list(range(80_001, LINES + 1))
    assert len(costs) == 1, costs


@pytest.mark.sqlite
def test_the_api_finds_the_errors_among_all_lines(client: Client, long_run: Run, viewer: User) -> None:
    client.force_login(viewer)
    body = client.get(f"/api/v1/runs/{long_run.pk}/events/?level=error").json()
    found = [event["number"] for event in body["results"]]
    assert found == list(range(ERRORS_EVERY, LINES + 1, ERRORS_EVERY))
    assert all(one < two for one, two in pairwise(found))


@pytest.mark.sqlite
def test_lines_of_another_run_never_appear(client: Client, long_run: Run, viewer: User, model_version: Any) -> None:
    other = fill(make_run(make_deployment(model_version, viewer, "other"), RunStatus.APPLY), 50)
    client.force_login(viewer)
    for address in (url("run", long_run), url("run", long_run, "?line=20"), url("run_events", long_run, "?after=5")):
        page, _ = get(client, address)
        assert f"of run {long_run.pk}" in page
        assert f"of run {other.pk}<" not in page
