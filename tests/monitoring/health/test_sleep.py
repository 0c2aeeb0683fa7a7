"""Scaled to zero, starts from there, and the model's own part of the wait."""

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

from accounts.models import User
from deployments.models import Deployment
from integrations.metrics import Load, Window
from monitoring.health import scraping as health
from monitoring.health.history import PastHour, keep
from monitoring.health.models import COARSE
from monitoring.models import HealthBucket
from tests.deployments.conftest import deployment, sent, spec
from tests.monitoring.health.live_endpoint import live

pytestmark = pytest.mark.django_db
__all__ = ["deployment", "live", "sent", "spec"]
NOON = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ASLEEP, AWAKE = 0.0, 4.0


def read(deployment: Deployment, at: datetime, slots: float | None, entity: str = "card_fraud-3", **own: Any) -> None:
    health.add(deployment, at, {entity: Window(10 if slots else 0, **own)}, {entity: Load(concurrency=slots)})


def told(version: str = "3") -> tuple[int, int, int]:
    """(readings that told the slots, of these asleep, starts from zero) of all hours."""
    rows = HealthBucket.objects.filter(width=COARSE, version=version)
    return (
        sum(row.slot_minutes for row in rows),
        sum(row.asleep_minutes for row in rows),
        sum(r.cold_starts for r in rows),
    )


@pytest.mark.parametrize(
    ("slots", "expected"),
    [
        ([AWAKE, AWAKE, AWAKE], (3, 0, 0)),
        ([AWAKE, ASLEEP, ASLEEP, AWAKE, AWAKE], (5, 2, 1)),
        ([ASLEEP, AWAKE, ASLEEP, AWAKE], (4, 2, 2)),
        # The first reading ever says nothing of the minute before it.
        ([AWAKE], (1, 0, 0)),
        ([None, None], (0, 0, 0)),
        ([ASLEEP, None, AWAKE], (2, 1, 0)),
    ],
)
def test_a_start_is_a_reading_with_slots_after_one_without(
    slots: list[float | None], expected: tuple[int, int, int], live: Deployment
) -> None:
    for minute, count in enumerate(slots):
        read(live, NOON + minute * MINUTE, count)
    assert told() == expected


def test_a_minute_that_is_read_twice_starts_once(live: Deployment) -> None:
    read(live, NOON, ASLEEP)
    for seconds in (0, 10):
        read(live, NOON + MINUTE + timedelta(seconds=seconds), AWAKE)
    assert told() == (2, 1, 1)


def test_after_a_pause_in_reading_nobody_knows_of_a_start(live: Deployment) -> None:
    read(live, NOON, ASLEEP)
    read(live, NOON + 6 * MINUTE, AWAKE)
    assert told() == (2, 1, 0)
    read(live, NOON + 7 * MINUTE, ASLEEP)
    read(live, NOON + 12 * MINUTE, AWAKE)
    assert told() == (4, 2, 1)


def test_another_version_that_comes_is_no_start_from_zero(live: Deployment) -> None:
    read(live, NOON, ASLEEP)
    read(live, NOON + MINUTE, AWAKE, entity="card_fraud-4")
    assert told("card_fraud-4") == (1, 0, 0)


def test_an_endpoint_that_does_not_scale_to_zero_never_sleeps_whatever_a_crash_looks_like(live: Deployment) -> None:
    live.spec["compute"]["scale_to_zero"] = False
    live.save()
    for minute, slots in enumerate((AWAKE, ASLEEP, AWAKE)):
        read(live, NOON + minute * MINUTE, slots)
    assert told() == (3, 0, 0)


def page_of(client: Client, deployment: Deployment) -> Any:
    url = reverse("monitoring:health", args=[deployment.model.full_name])
    return client.get(f"{url}?deployment={deployment.pk}&range=1h")


def tile(page: Any, label: str) -> tuple[str, str]:
    return next((one.value, one.note) for one in page.context["tiles"] if one.label == label)


def test_page_api_and_csv_tell_of_sleep_and_of_the_model_alone(
    live: Deployment, client: Client, viewer: User, api_as: Callable[..., Any]
) -> None:
    now = timezone.now()
    for back, slots in ((8, AWAKE), (7, ASLEEP), (6, ASLEEP), (5, AWAKE)):
        read(live, now - back * MINUTE, slots, latency={50.0: 10.0}, model_latency={5.0: 10.0})
    client.force_login(viewer)
    page = page_of(client, live)
    assert tile(page, "Cold starts") == ("1", "asleep in 2 of 4 minutes")
    assert tile(page, "p95") == ("47.5 ms", "the model alone: 4.8 ms")
    assert f"/cost/?deployment={live.pk}" in page.content.decode()
    titles = [chart.title for chart in page.context["charts"]]
    assert "Latency, the model alone" in titles
    assert "Cold starts" in titles
    points = api_as(viewer).get(f"/api/v1/deployments/{live.pk}/health/?range=1h").json()["points"]
    url = reverse("monitoring:health", args=[live.model.full_name])
    table = list(csv.DictReader(StringIO(client.get(f"{url}?range=1h&format=csv").content.decode())))
    assert sum(point["cold_starts"] for point in points) == 1
    assert sum(point["asleep_minutes"] for point in points) == 2
    for name in ("cold_starts", "asleep_minutes", "p50_model_ms", "p95_model_ms", "p99_model_ms", "p50_ms"):
        assert [float(row[name]) for row in table] == [point[name] for point in points], name


def test_what_the_metrics_do_not_say_is_unknown_and_no_zero(
    live: Deployment, client: Client, viewer: User, api_as: Callable[..., Any]
) -> None:
    now = timezone.now()
    read(live, now - 5 * MINUTE, None)
    client.force_login(viewer)
    page = page_of(client, live)
    assert tile(page, "Cold starts") == ("unknown", "the metrics have no concurrency")
    assert tile(page, "p50") == ("unknown", "the model alone: unknown")
    assert "Cold starts" not in [chart.title for chart in page.context["charts"]]
    [point] = api_as(viewer).get(f"/api/v1/deployments/{live.pk}/health/?range=1h").json()["points"]
    assert (point["cold_starts"], point["asleep_minutes"], point["p50_model_ms"]) == (None, None, None)


def test_an_hour_from_the_inference_table_is_of_the_model_alone(live: Deployment) -> None:
    now = timezone.now()
    hour = health.floor(now - timedelta(hours=3), COARSE)
    keep(live, [PastHour(hour, "3", Window(2, latency={5.0: 2.0}))], now)
    row = HealthBucket.objects.get()
    assert (row.latency, row.model_latency, row.slot_minutes) == ({}, {"5.0": 2.0}, 0)


def test_the_model_alone_is_told_of_the_requests_whose_round_trip_is_known(
    live: Deployment, client: Client, viewer: User
) -> None:
    now = timezone.now()
    hour = health.floor(now - timedelta(hours=30), COARSE)
    keep(live, [PastHour(hour, "3", Window(90, latency={500.0: 90.0}))], now)
    client.force_login(viewer)
    url = f"{reverse('monitoring:health', args=[live.model.full_name])}?deployment={live.pk}&range=7d"
    assert tile(client.get(url), "p50") == ("unknown", "the model alone: 250 ms")
    read(live, now - 5 * MINUTE, AWAKE, latency={50.0: 10.0}, model_latency={5.0: 10.0})
    assert tile(client.get(url), "p50") == ("25.0 ms", "the model alone: 2.5 ms")
