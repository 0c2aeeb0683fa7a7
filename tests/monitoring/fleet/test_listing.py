"""The fleet: every live deployment through four lenses, tiles that add up, and nothing good that nobody knows."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from catalog.models import ModelVersion
from deployments.models import ConfigCheck, Deployment, RolloutStep
from deployments.runs.statuses import RunStatus
from monitoring.fleet.listing import STATUSES, Lens
from monitoring.models import BillingSource, CostDay, DriftJob
from monitoring.watched import watch
from monitoring.watched.states import Standing
from tests.deployments.conftest import make_deployment, make_run, sent
from tests.monitoring.fleet.reading import read_now

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

__all__ = ["sent"]

STANDINGS = ["passing", "at_risk", "failing", "unknown", None]


@pytest.fixture
def fleet(model_version: ModelVersion, deployer: User) -> list[Deployment]:
    """One of each standing, and one that nobody has watched yet."""
    made = []
    for number, standing in enumerate(STANDINGS):
        deployment = make_deployment(model_version, deployer, f"endpoint-{number}")
        if standing:
            read_now(deployment)
            watch.note(
                deployment.pk,
                health=standing,
                health_reason=f"because of {standing}",
                requests_24h=100.0 * number,
                errors_24h=1.0,
                week=[None, 1, 2, 0, 4, 5, 6],
            )
        made.append(deployment)
    return made


def get(client: Client, user: User, query: str = "") -> Any:
    client.force_login(user)
    return client.get(f"/fleet/{query}")


def names(answer: Any) -> list[str]:
    return [row.deployment.name for row in answer.context["rows"]]


def table_of(answer: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(answer.content.decode())))


def cell(answer: Any, name: str, key: str) -> Any:
    [row] = [row for row in answer.context["rows"] if row.deployment.name == name]
    [found] = [cell for column, cell in row.shown if column.key == key]
    return found


def test_what_needs_a_look_is_on_top_and_what_nobody_watches_is_unknown(
    client: Client, fleet: list[Deployment], viewer: User
) -> None:
    answer = get(client, viewer)
    assert [name[-1] for name in names(answer)] == ["2", "1", "0", "3", "4"]
    assert cell(answer, "endpoint-4", "health").tone == "unknown"
    assert "because of failing" in answer.content.decode()


def test_what_was_judged_is_unknown_once_metrics_are_no_longer_read(
    client: Client, fleet: list[Deployment], viewer: User
) -> None:
    read_now(fleet[0], timedelta(hours=3))
    found = cell(get(client, viewer), "endpoint-0", "health")
    assert (found.value, found.tone) == ("unknown", "unknown")
    assert found.note.startswith("Metrics were last read at")


def test_an_empty_fleet_offers_a_deployment_to_those_who_may_deploy(
    client: Client, viewer: User, deployer: User
) -> None:
    for user, is_offered in ((viewer, False), (deployer, True)):
        page = get(client, user).content.decode()
        assert ("No deployments yet" in page, "/deployments/new/" in page) == (True, is_offered)


@pytest.mark.parametrize("query", ["?", "?environment=staging&", "?q=endpoint-1&", "?q=nothing&"])
@pytest.mark.parametrize("lens", Lens)
def test_tiles_add_up_to_the_rows_and_each_shows_as_many_as_it_says(
    client: Client, fleet: list[Deployment], viewer: User, query: str, lens: Lens
) -> None:
    ConfigCheck.objects.create(deployment=fleet[0], status=ConfigCheck.Status.DRIFTED, checked_at=timezone.now())
    for number, status in enumerate((RunStatus.APPROVAL, RunStatus.FAILED, RunStatus.SUCCEEDED, RunStatus.QUEUED)):
        make_run(fleet[number], status)
    answer = get(client, viewer, f"{query}lens={lens}")
    every, *parts = answer.context["tiles"]
    total = answer.context["page"].paginator.count
    assert every["tile"].count == sum(one["tile"].count for one in parts) == total
    for one in parts:
        shown = get(client, viewer, f"{query}lens={lens}&status={one['tile'].value}")
        assert shown.context["page"].paginator.count == one["tile"].count
        assert shown.context["tiles"][0]["tile"].count == total


def test_each_run_counts_under_one_word(client: Client, fleet: list[Deployment], viewer: User) -> None:
    for number, status in enumerate((RunStatus.APPROVAL, RunStatus.FAILED, RunStatus.SUCCEEDED, RunStatus.QUEUED)):
        make_run(fleet[number], status)
    tiles = [one["tile"] for one in get(client, viewer, "?lens=rollout").context["tiles"][1:]]
    assert {tile.value: tile.count for tile in tiles} == {"bad": 1, "waiting": 1, "busy": 1, "good": 1, "never": 1}


@pytest.mark.parametrize("lens", Lens)
def test_the_csv_equals_the_screen(client: Client, fleet: list[Deployment], viewer: User, lens: Lens) -> None:
    make_run(fleet[0], RunStatus.SUCCEEDED, finished_at=timezone.now())
    answer = get(client, viewer, f"?lens={lens}&ordering=-name")
    table = table_of(get(client, viewer, f"?lens={lens}&ordering=-name&format=csv"))
    assert [row["name"] for row in table] == names(answer) == [f"endpoint-{n}" for n in (4, 3, 2, 1, 0)]
    keys = [column.key for column in answer.context["columns"]]
    assert list(table[0])[5:] == keys
    for row, shown in zip(table, answer.context["rows"], strict=True):
        expected = ["" if found.value is None else str(found.value) for _, found in shown.shown]
        assert [row[key] for key in keys] == expected


def test_a_day_that_nobody_counted_is_a_gap_and_every_row_begins_on_the_same_day(
    client: Client, fleet: list[Deployment], viewer: User
) -> None:
    read_now(fleet[1], timedelta(days=2))
    answer = get(client, viewer)
    heights = [bar.height for bar in cell(answer, "endpoint-0", "week").week.bars]
    assert heights[0] == 0 < heights[3] < heights[1] < heights[6]
    assert [bar.height == 0 for bar in cell(answer, "endpoint-1", "week").week.bars[-2:]] == [True, True]
    assert cell(answer, "endpoint-4", "week").value == " ".join("\N{EN DASH}" * 7)
    assert ": unknown, 1, 2, 0, 4, 5, 6" in answer.content.decode()


def test_costs_of_the_month_are_shown_and_what_was_not_billed_is_said(
    client: Client, fleet: list[Deployment], viewer: User
) -> None:
    CostDay.objects.create(
        workspace=fleet[0].workspace, deployment=fleet[0], date=timezone.now().date(), kind="serving", sku="S",
        unit="DBU", quantity=Decimal(3), currency="USD", cost=Decimal("12.345"),
    )  # fmt: skip
    answer = get(client, viewer, "?lens=cost")
    assert cell(answer, "endpoint-0", "cost").text.startswith("12.3")
    assert (cell(answer, "endpoint-1", "billed").tone, cell(answer, "endpoint-1", "cost").value) == ("unknown", None)


def test_a_rollout_shows_its_traffic_and_its_step(client: Client, fleet: list[Deployment], viewer: User) -> None:
    served = [{"name": f"m-{v}", "entity_version": v, "traffic": t} for v, t in (("2", 75), ("3", 25))]
    Deployment.objects.filter(pk=fleet[0].pk).update(served=served)
    run = make_run(fleet[0], RunStatus.ROLLOUT)
    RolloutStep.objects.create(run=run, attempt=run.attempt, index=0, percent=25, started_at=timezone.now())
    answer = get(client, viewer, "?lens=rollout&status=busy")
    assert names(answer) == ["endpoint-0"]
    assert cell(answer, "endpoint-0", "version").value == "2"
    assert cell(answer, "endpoint-0", "traffic").value == "v2 75 %, v3 25 %"
    assert cell(answer, "endpoint-0", "step").value == 25


@pytest.mark.parametrize("name", ["name", "environment", "team", "status", "requests", "p99", "last_request"])
def test_every_order_keeps_every_row(client: Client, fleet: list[Deployment], viewer: User, name: str) -> None:
    for sign in ("", "-"):
        assert sorted(names(get(client, viewer, f"?ordering={sign}{name}"))) == [f"endpoint-{n}" for n in range(5)]
    assert names(get(client, viewer, "?ordering=-requests"))[0] == "endpoint-3"


@pytest.mark.parametrize("query", ["?lens=x", "?status=splendid", "?ordering=x", "?team=x", "?q=%00"])
def test_a_filter_that_makes_no_sense_is_told(
    client: Client, fleet: list[Deployment], viewer: User, api_as: Callable[..., Any], query: str
) -> None:
    answer = get(client, viewer, query)
    assert answer.status_code == 400
    assert "Invalid filter" in answer.content.decode()
    assert api_as(viewer).get(f"/api/v1/fleet/{query}").status_code in (200, 400)


def test_the_list_renews_itself_with_all_that_was_chosen(client: Client, fleet: list[Deployment], viewer: User) -> None:
    page = get(client, viewer, "?lens=rollout&q=endpoint").content.decode()
    assert 'hx-get="/fleet/?lens=rollout&amp;q=endpoint"' in page
    assert "every 30s" in page
    assert "Updated" in page


def test_strangers_see_none_of_it(
    client: Client, fleet: list[Deployment], stranger: User, api_as: Callable[..., Any]
) -> None:
    assert names(get(client, stranger)) == []
    assert table_of(get(client, stranger, "?format=csv")) == []
    assert api_as(stranger).get("/api/v1/fleet/").json()["results"] == []
    client.logout()
    assert client.get("/fleet/").status_code == 302


def test_the_api_tells_the_same(
    client: Client, fleet: list[Deployment], viewer: User, api_as: Callable[..., Any]
) -> None:
    told = api_as(viewer).get("/api/v1/fleet/?status=failing").json()["results"]
    assert [(row["name"], row["health"], row["health_reason"]) for row in told] == [
        ("endpoint-2", "failing", "because of failing")
    ]
    everything = {row["name"]: row for row in api_as(viewer).get("/api/v1/fleet/?ordering=-name").json()["results"]}
    assert list(everything) == [f"endpoint-{n}" for n in (4, 3, 2, 1, 0)]
    assert (everything["endpoint-4"]["health"], everything["endpoint-4"]["requests_24h"]) == ("unknown", None)
    assert everything["endpoint-0"]["week"] == [None, 1, 2, 0, 4, 5, 6]


def queries_of(client: Any, url: str) -> int:
    with CaptureQueriesContext(connection) as found:
        assert client.get(url).status_code == 200
    return len(found)


@pytest.mark.parametrize("lens", Lens)
def test_page_csv_and_api_cost_the_same_for_one_row_and_for_twenty(
    client: Client, model_version: ModelVersion, deployer: User, viewer: User, api_as: Callable[..., Any], lens: Lens
) -> None:
    client.force_login(viewer)
    asked = [(client, f"/fleet/?lens={lens}"), (client, f"/fleet/?lens={lens}&format=csv")]
    asked.append((api_as(viewer), f"/api/v1/fleet/?lens={lens}"))
    _make(model_version, deployer, 1)
    few = [[queries_of(*one) for one in asked] for _ in range(2)][-1]
    _make(model_version, deployer, 20)
    assert [queries_of(*one) for one in asked] == few
    assert max(few) <= 28


def _make(version: ModelVersion, deployer: User, count: int) -> None:
    for number in range(Deployment.objects.count(), count):
        deployment = make_deployment(version, deployer, f"many-{number}")
        run = make_run(deployment, RunStatus.ROLLOUT)
        RolloutStep.objects.create(run=run, attempt=run.attempt, index=0, percent=25, started_at=timezone.now())
        read_now(deployment)
        judged = dict.fromkeys(("health", "drift", "quality", "cost"), Standing.PASSING)
        watch.note(deployment.pk, **judged, last_request_at=timezone.now() - timedelta(minutes=number))
        CostDay.objects.create(
            workspace=deployment.workspace, deployment=deployment, date=timezone.now().date(), kind="serving",
            endpoint_id=str(number), sku="S", unit="DBU", quantity=Decimal(1), currency="USD", cost=Decimal(1),
        )  # fmt: skip


def test_no_lens_has_a_word_twice() -> None:
    for statuses in STATUSES.values():
        assert len({one.value for one in statuses}) == len(statuses)


def test_drift_that_is_no_longer_counted_is_unknown(
    client: Client, fleet: list[Deployment], viewer: User, api_as: Callable[..., Any]
) -> None:
    now = timezone.now()
    for deployment, hours in ((fleet[0], 1), (fleet[1], 4)):
        watch.note(deployment.pk, drift="passing", drift_reason="no feature drifts")
        DriftJob.objects.create(deployment=deployment, counted_at=now - timedelta(hours=hours))
    watch.note(fleet[2].pk, drift="passing", drift_reason="no feature drifts")
    answer = get(client, viewer)
    found = {name: cell(answer, name, "drift") for name in ("endpoint-0", "endpoint-1", "endpoint-2")}
    assert [one.tone for one in found.values()] == ["ok", "unknown", "unknown"]
    assert found["endpoint-1"].note.startswith("Predictions were last counted at")
    told = {row["name"]: row for row in api_as(viewer).get("/api/v1/fleet/").json()["results"]}
    assert [told[name]["drift"] for name in found] == ["passing", "unknown", "unknown"]
    assert told["endpoint-2"]["drift_reason"] == "Predictions were never counted."


def test_a_budget_is_unknown_once_billing_tables_are_no_longer_read(
    client: Client, fleet: list[Deployment], viewer: User, api_as: Callable[..., Any]
) -> None:
    watch.note(fleet[0].pk, cost="passing", cost_reason="10.00 of 20.00 USD")
    source = BillingSource.objects.create(workspace=fleet[0].workspace, read_at=timezone.now())
    kept = cell(get(client, viewer, "?lens=cost"), "endpoint-0", "budget")
    assert (kept.tone, kept.text, kept.note) == ("ok", "Within budget", "10.00 of 20.00 USD")
    BillingSource.objects.filter(pk=source.pk).update(read_at=timezone.now() - timedelta(days=1))
    kept = cell(get(client, viewer, "?lens=cost"), "endpoint-0", "budget")
    assert (kept.tone, kept.text) == ("unknown", "Unknown")
    assert kept.note.startswith("Billing tables were last read at")
    told = {row["name"]: row for row in api_as(viewer).get("/api/v1/fleet/").json()["results"]}
    assert (told["endpoint-0"]["cost"], told["endpoint-0"]["cost_reason"]) == ("unknown", kept.note)


def test_the_page_of_what_costs_nothing_tells_what_is_known(
    client: Client, fleet: list[Deployment], viewer: User
) -> None:
    client.force_login(viewer)
    url = f"/models/{fleet[0].model.full_name}/cost/?deployment={fleet[0].pk}"
    unread = client.get(url)
    assert unread.context["totals"].spent is None
    assert "Cost unknown" in unread.content.decode()
    BillingSource.objects.create(workspace=fleet[0].workspace, read_at=timezone.now())
    read = client.get(url)
    assert read.context["totals"].spent == 0
    assert "No cost this month or before" in read.content.decode()
