"""Health: minutes of metrics added up once, judged by a rule in words, and shown the same on page, API and CSV."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from deployments.models import Deployment
from deployments.runs.statuses import RunStatus
from integrations.errors import IntegrationError
from integrations.metrics import Load, Window, read_loads, read_windows
from monitoring.health import scraping as health
from monitoring.health.judging import HealthRules, judge, judge_now
from monitoring.health.models import COARSE, FINE
from monitoring.health.tasks import scrape_endpoint, scrape_endpoints
from monitoring.models import HealthBucket, HealthSource, Watch
from monitoring.watched.states import Standing
from portal.retention import forget_old
from tests.deployments.conftest import deployment, make_deployment, make_run, sent, spec
from tests.monitoring.health.live_endpoint import live

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

__all__ = ["deployment", "live", "sent", "spec"]

TEXT = """# TYPE request_count_total gauge
request_count_total{{endpoint_name="e",served_model="card_fraud-3"}} {requests}
# TYPE request_4xx_count_total gauge
request_4xx_count_total{{endpoint_name="e",served_model="card_fraud-3"}} {bad}
# TYPE request_5xx_count_total gauge
request_5xx_count_total{{endpoint_name="e",served_model="card_fraud-3"}} {failed}
# TYPE cpu_usage_percentage gauge
cpu_usage_percentage{{endpoint_name="e",served_model="card_fraud-3"}} 40
# TYPE mem_usage_percentage gauge
mem_usage_percentage{{endpoint_name="e",served_model="card_fraud-3"}} 25.5
# TYPE provisioned_concurrent_requests_total gauge
provisioned_concurrent_requests_total{{endpoint_name="e",served_model="card_fraud-3"}} 4
# TYPE request_latency_ms histogram
request_latency_ms_bucket{{endpoint_name="e",served_model="card_fraud-3",le="10.0"}} {fast}
request_latency_ms_bucket{{endpoint_name="e",served_model="card_fraud-3",le="100.0"}} {requests}
request_latency_ms_bucket{{endpoint_name="e",served_model="card_fraud-3",le="+Inf"}} {requests}
request_latency_ms_count{{endpoint_name="e",served_model="card_fraud-3"}} {requests}
request_latency_ms_sum{{endpoint_name="e",served_model="card_fraud-3"}} 99
# EOF
"""


def export(requests: int = 100, bad: int = 0, failed: int = 0, fast: int = 100) -> str:
    return TEXT.format(requests=requests, bad=bad, failed=failed, fast=min(fast, requests))


class Metrics:
    """A workspace whose endpoint exports ``text``, or raises it."""

    text: str | IntegrationError = ""

    def metrics(self, name: str) -> str:
        if isinstance(self.text, IntegrationError):
            raise self.text
        return self.text


@pytest.fixture
def metrics(monkeypatch: pytest.MonkeyPatch) -> Metrics:
    fake = Metrics()
    monkeypatch.setattr(health, "connect", lambda row: fake)
    return fake


def read(deployment: Deployment, at: datetime, text: str) -> bool:
    return health.add(deployment, at, read_windows(text), read_loads(text))


def now() -> datetime:
    return timezone.now().replace(microsecond=0)


def standing(deployment: Deployment, **values: int) -> tuple[str, str]:
    if values:
        read(deployment, now(), export(**values))
    found = judge_now(deployment)
    return found.standing, found.reason


# -- reading ---------------------------------------------------------------------------------------


def test_a_reading_is_added_to_a_bucket_of_five_minutes_and_one_of_an_hour(live: Deployment) -> None:
    start = datetime(2026, 3, 1, 12, 4, 30, tzinfo=UTC)
    for minute in range(3):
        assert read(live, start + timedelta(minutes=minute), export(100, bad=2, failed=1, fast=50))
    fine = list(HealthBucket.objects.filter(width=FINE))
    assert [(row.start.minute, row.minutes, row.requests) for row in fine] == [(0, 1, 100), (5, 2, 200)]
    hour = HealthBucket.objects.get(width=COARSE)
    assert (hour.version, hour.minutes, hour.requests, hour.errors_4xx, hour.errors_5xx) == ("3", 3, 300, 6, 3)
    assert (hour.cpu_percent / hour.load_minutes, hour.memory_percent / hour.load_minutes) == (40, 25.5)
    assert hour.concurrency == 4
    assert hour.window.quantile_ms(0.5) == pytest.approx(10)
    assert hour.window.p99_ms == pytest.approx(98.2)


def test_a_minute_that_is_read_twice_counts_once(live: Deployment) -> None:
    at = datetime(2026, 3, 1, 12, 4, 10, tzinfo=UTC)
    assert [read(live, at + timedelta(seconds=s), export(100)) for s in (0, 20, 40)] == [True, False, False]
    assert {row.requests for row in HealthBucket.objects.all()} == {100}


def test_a_worker_that_dies_while_it_adds_leaves_nothing_behind(
    live: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = datetime(2026, 3, 1, 12, 4, 10, tzinfo=UTC)
    with monkeypatch.context() as dying:
        dying.setattr(HealthSource, "save", _dies)
        with pytest.raises(KeyboardInterrupt):
            read(live, at, export(100))
    assert not HealthBucket.objects.exists()
    assert read(live, at, export(100))
    assert {row.requests for row in HealthBucket.objects.all()} == {100}


def _dies(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def test_a_version_that_nobody_knows_keeps_the_name_that_the_endpoint_gave_it(live: Deployment) -> None:
    health.add(live, now(), {"other-9": Window(5)}, {"": Load(cpu_percent=10)})
    row = HealthBucket.objects.filter(width=FINE).get()
    assert (row.version, row.load_minutes, row.cpu_percent) == ("other-9", 1, 10)


def test_metrics_that_go_away_are_told_and_what_was_read_stays(live: Deployment, metrics: Metrics) -> None:
    metrics.text = export(100)
    scrape_endpoint(live.pk)
    metrics.text = IntegrationError("the endpoint does not exist", permanent=True, source="databricks", code="X")
    scrape_endpoint(live.pk)
    source = HealthSource.objects.get()
    assert source.error == "the endpoint does not exist"
    assert source.minute is not None
    assert HealthBucket.objects.count() == 2


def test_nonsense_instead_of_metrics_is_an_error_in_words(live: Deployment, metrics: Metrics) -> None:
    metrics.text = "<html>"
    scrape_endpoint(live.pk)
    assert "cannot be read" in HealthSource.objects.get().error
    assert Watch.objects.get().health == Standing.UNKNOWN


def test_each_live_deployment_gets_a_task_within_the_minute(live: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(scrape_endpoint, "apply_async", lambda args, countdown, **_: asked.append((args[0], countdown)))
    scrape_endpoints()
    [(deployment_id, countdown)] = asked
    assert deployment_id == live.pk
    assert 0 <= countdown < 50


def test_buckets_are_forgotten_by_their_width(live: Deployment) -> None:
    at = now()
    for age in (timedelta(days=32), timedelta(days=4), timedelta(0)):
        health.add(live, at - age, {"card_fraud-3": Window(1)}, {})
    assert forget_old(at) == 3
    kept = HealthBucket.objects.order_by("width", "start").values_list("width", "start")
    assert [(width, (at - start).days) for width, start in kept] == [(FINE, 0), (COARSE, 4), (COARSE, 0)]


# -- judging ---------------------------------------------------------------------------------------


def test_nothing_is_called_good_that_is_not_known(live: Deployment) -> None:
    assert standing(live) == ("unknown", "Metrics were never read.")
    found, reason = standing(live, requests=0)
    assert found == "unknown"
    assert reason == "No requests in the last hour. None since monitoring began."


def test_metrics_that_are_old_are_unknown_with_their_age(live: Deployment) -> None:
    read(live, now() - timedelta(hours=3), export(100))
    HealthSource.objects.update(error="the workspace is away")
    assert standing(live) == ("unknown", "Metrics were last read 3 h ago. the workspace is away")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "passing"),
        ({"bad": 1}, "passing"),
        ({"bad": 2}, "at_risk"),
        ({"failed": 4}, "at_risk"),
        ({"failed": 5}, "failing"),
        ({"bad": 90}, "at_risk"),
    ],
)
def test_errors_of_the_last_hour_decide(live: Deployment, values: dict[str, int], expected: str) -> None:
    found, reason = standing(live, requests=100, **values)
    assert found == expected
    assert reason.startswith("100 requests in the last hour")


def test_a_slow_endpoint_is_at_risk_where_the_spec_has_a_limit(live: Deployment) -> None:
    assert standing(live, requests=100, fast=50)[0] == "passing"
    live.spec["rollout"]["max_p99_ms"] = 50
    assert standing(live)[0] == "at_risk"
    assert "50 ms" in HealthRules.of(live).sentence()


def test_an_endpoint_that_is_not_ready_fails_whatever_it_answered(live: Deployment) -> None:
    live.ready = "NOT_READY"
    assert standing(live, requests=100) == ("failing", "The endpoint is not ready.")


def test_the_rule_needs_no_database(live: Deployment) -> None:
    at = now()
    source = HealthSource(deployment=live, minute=at)
    assert judge(live, source, Window(10), HealthRules(), at).standing == Standing.PASSING


def test_the_fleet_gets_the_day_and_the_week(live: Deployment) -> None:
    at = now()
    health.add(live, at - timedelta(days=2), {"card_fraud-3": Window(7)}, {})
    health.add(live, at, {"card_fraud-3": Window(100, 1, 2)}, {})
    judge_now(live)
    row = Watch.objects.get()
    assert (row.health, row.requests_24h, row.errors_24h) == ("at_risk", 100, 3)
    assert row.week == [None, None, None, None, 7, None, 100]
    assert row.last_request_at == at


# -- the page, the API and the CSV -------------------------------------------------------------------


def url(deployment: Deployment, query: str = "") -> str:
    return reverse("monitoring:health", args=[deployment.model.full_name]) + query


@pytest.fixture
def watched(live: Deployment, viewer: User, client: Client) -> Deployment:
    at = now()
    for minutes in (25, 15, 5):
        read(live, at - timedelta(minutes=minutes), export(100, bad=1))
    client.force_login(viewer)
    return live


def test_the_page_shows_standing_reason_rule_figures_and_charts(client: Client, watched: Deployment) -> None:
    page = client.get(url(watched)).content.decode()
    assert "300 requests in the last hour" in page
    assert "Judged on the last hour" in page
    for title in ("Requests per minute", "5xx, share of requests", "Latency, round trip", "Memory"):
        assert title in page
    assert page.count("data-chart=") >= 5


def test_page_api_and_csv_agree(client: Client, watched: Deployment, viewer: User, api_as: Callable[..., Any]) -> None:
    told = api_as(viewer).get(f"/api/v1/deployments/{watched.pk}/health/?range=1h").json()
    assert (told["standing"], told["step_s"], told["versions"]) == ("passing", 300, ["3"])
    table = list(csv.DictReader(StringIO(client.get(url(watched, "?range=1h&format=csv")).content.decode())))
    assert sum(point["requests"] for point in told["points"]) == 300
    assert [float(row["requests"]) for row in table] == [point["requests"] for point in told["points"]]
    assert [float(row["p99_ms"]) for row in table] == [point["p99_ms"] for point in told["points"]]


def test_what_was_not_read_is_a_gap_and_no_zero(client: Client, watched: Deployment) -> None:
    page = client.get(url(watched, "?range=1h"))
    [chart] = [chart for chart in page.context["charts"] if chart.id == "health-requests"]
    values = [value for _, value in chart.series[0].data]
    assert len(values) in (12, 13)
    assert values.count(None) == len(values) - 3
    assert 100 in values


def test_versions_are_compared_on_one_scale(client: Client, watched: Deployment) -> None:
    health.add(watched, now() - timedelta(minutes=1), {"card_fraud-4": Window(50)}, {})
    make_run(watched, RunStatus.SUCCEEDED, finished_at=now())
    page = client.get(url(watched))
    [chart] = [chart for chart in page.context["charts"] if chart.id == "health-requests"]
    assert [series.name for series in chart.series] == ["vcard_fraud-4", "v3"]
    assert [label for _, label in chart.markers] == ["v3 live"]
    one = client.get(url(watched, "?version=3"))
    assert one.context["report"].shown == ["3"]


def test_an_endpoint_that_was_never_called_says_so_and_offers_the_next_step(
    client: Client, live: Deployment, viewer: User
) -> None:
    client.force_login(viewer)
    page = client.get(url(live)).content.decode()
    assert "Metrics were never read" in page
    assert "No metrics in this range" in page
    assert "Passing" not in page


def test_a_model_without_a_deployment_offers_one_to_those_who_may_deploy(
    client: Client, model_version: Any, viewer: User, deployer: User
) -> None:
    address, wizard = reverse("monitoring:health", args=[model_version.model.full_name]), "/deployments/new/"
    for user, is_offered in ((viewer, False), (deployer, True)):
        client.force_login(user)
        page = client.get(address).content.decode()
        assert ("Not deployed" in page, wizard in page) == (True, is_offered)


def test_a_stranger_sees_nothing(
    client: Client, watched: Deployment, stranger: User, api_as: Callable[..., Any]
) -> None:
    client.force_login(stranger)
    assert client.get(url(watched)).status_code == 404
    assert api_as(stranger).get(f"/api/v1/deployments/{watched.pk}/health/").status_code == 404


@pytest.mark.parametrize("query", ["?range=8d", "?from=yesterday", "?version=99", "?deployment=", "?range=30d"])
def test_odd_input_is_told_and_breaks_nothing(
    client: Client, watched: Deployment, viewer: User, api_as: Callable[..., Any], query: str
) -> None:
    assert client.get(url(watched, query)).status_code == 200
    assert api_as(viewer).get(f"/api/v1/deployments/{watched.pk}/health/{query}").status_code in (200, 400)


def test_the_page_costs_the_same_for_one_bucket_and_for_many(
    client: Client,
    watched: Deployment,
    model_version: Any,
    deployer: User,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_max_num_queries(18) as few:
        client.get(url(watched, "?range=30d"))
    for hours in range(60):
        health.add(watched, now() + timedelta(hours=hours + 1), {"card_fraud-3": Window(1)}, {})
    with django_assert_max_num_queries(len(few)):
        client.get(url(watched, "?range=30d"))
    make_deployment(model_version, deployer, "another")
    with django_assert_max_num_queries(len(few)):
        client.get(url(watched, f"?deployment={watched.pk}"))
