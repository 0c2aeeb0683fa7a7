"""The log of a run, on its page and by itself."""

import pytest
from django.utils import timezone

from deployments.models import Run
from deployments.pages import run_log
from deployments.runs.statuses import RunStatus
from tests.deployments.conftest import make_run
from tests.deployments.page_text import HTMX, page_of, queries, run_url, write

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


@pytest.fixture
def short_pages(monkeypatch):
    monkeypatch.setattr(run_log, "PAGE_LINES", 10)


def numbers(page):
    return [int(part.split('"')[0]) for part in page.split('id="L')[1:]]


def test_the_log_is_numbered_and_goes_on_without_gap_or_duplicate(client, deployment, viewer, short_pages):
    run = make_run(deployment, RunStatus.APPLY)
    write(run, 7)
    client.force_login(viewer)
    page = page_of(client, run_url("run", run))
    seen = numbers(page)
    for count in (3, 0, 25, 1):
        write(run, count)
        while True:
            address = page.split("data-log-more")[0].rsplit('hx-get="', 1)[1].split('"')[0].replace("&amp;", "&")
            answer = client.get(address, headers=HTMX)
            if answer.status_code == 204:
                break
            page = answer.content.decode()
            seen += numbers(page)
    assert seen == list(range(1, 37))


def test_a_finished_log_carries_no_trigger(client, deployment, viewer):
    run = make_run(deployment, RunStatus.APPLY)
    write(run, 3)
    Run.objects.filter(pk=run.pk).update(status=RunStatus.SUCCEEDED, finished_at=timezone.now())
    client.force_login(viewer)
    page = page_of(client, f"{run_url('run_events', run)}?after=1", headers=HTMX)
    assert numbers(page) == [2, 3]
    assert "hx-trigger" not in page
    assert page_of(client, f"{run_url('run_events', run)}?after=3", headers=HTMX) == ""
    assert "data-log-more" not in page_of(client, run_url("run", run))


def test_nothing_new_leaves_the_page_as_it_is(client, deployment, viewer):
    run = make_run(deployment, RunStatus.APPLY)
    client.force_login(viewer)
    assert client.get(f"{run_url('run_events', run)}?after=0", headers=HTMX).status_code == 204


def test_a_long_log_starts_with_its_last_lines_and_loads_earlier_ones(client, deployment, viewer, short_pages):
    run = make_run(deployment, RunStatus.SUCCEEDED)
    write(run, 25)
    client.force_login(viewer)
    page = page_of(client, run_url("run", run))
    assert numbers(page) == list(range(16, 26))
    assert "Lines 1\N{EN DASH}15" in page
    earlier = page_of(client, f"{run_url('run_events', run)}?before=16", headers=HTMX)
    assert numbers(earlier) == list(range(6, 16))
    assert "Lines 1\N{EN DASH}5" in earlier
    first = page_of(client, f"{run_url('run_events', run)}?before=6", headers=HTMX)
    assert numbers(first) == list(range(1, 6))
    assert "sw-gap" not in first


def test_earlier_lines_are_a_page_of_their_own_without_javascript(client, deployment, viewer, short_pages):
    run = make_run(deployment, RunStatus.SUCCEEDED)
    write(run, 25)
    client.force_login(viewer)
    answer = client.get(f"{run_url('run_events', run)}?before=16", follow=True)
    assert numbers(answer.content.decode()) == list(range(6, 16))


def test_a_link_to_a_line_shows_the_lines_around_it_and_the_rest_follows(client, deployment, viewer, short_pages):
    run = make_run(deployment, RunStatus.SUCCEEDED)
    write(run, 40)
    client.force_login(viewer)
    page = page_of(client, f"{run_url('run', run)}?line=20")
    assert 20 in numbers(page)
    assert f"after={max(numbers(page))}" in page


def test_levels_and_stages_are_filtered_by_the_server(client, deployment, viewer):
    run = make_run(deployment, RunStatus.SUCCEEDED)
    write(run, 2)
    write(run, 1, level="error", message="it broke")
    write(run, 1, stage="apply", level="warning", message="slow")
    client.force_login(viewer)
    assert numbers(page_of(client, f"{run_url('run', run)}?level=warning")) == [3, 4]
    assert numbers(page_of(client, f"{run_url('run', run)}?stage=apply")) == [4]
    assert numbers(page_of(client, f"{run_url('run_events', run)}?after=0&level=error", headers=HTMX)) == [3]


@pytest.mark.parametrize("query", ["after=x", "after=-1", "before=" + "9" * 30, "level=loud", "stage=nowhere"])
def test_odd_queries_of_the_log_are_not_found(client, deployment, viewer, query):
    client.force_login(viewer)
    page_of(client, f"{run_url('run_events', make_run(deployment))}?{query}", 404, headers=HTMX)


def test_the_log_is_a_text_file(client, deployment, viewer):
    run = make_run(deployment, RunStatus.SUCCEEDED)
    write(run, 3)
    client.force_login(viewer)
    answer = client.get(run_url("run_log", run))
    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert [line.split()[0] for line in lines] == ["1", "2", "3"]
    assert lines[0].endswith("line 1")


def test_lines_are_text_and_never_markup(client, deployment, viewer):
    run = make_run(deployment, RunStatus.SUCCEEDED)
    write(run, 1, message="<script>alert(1)</script>")
    client.force_login(viewer)
    assert "<script>alert" not in page_of(client, run_url("run", run))


def test_the_log_costs_the_same_for_one_and_for_twenty_lines(client, deployment, viewer):
    run = make_run(deployment, RunStatus.APPLY)
    write(run, 1)
    client.force_login(viewer)
    address = f"{run_url('run_events', run)}?after=0"
    one = queries(client, address, headers=HTMX)
    write(run, 20)
    assert queries(client, address, headers=HTMX) == one
