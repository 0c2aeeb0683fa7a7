"""Health and drift in the lake: hours are still filled when they are written, and the database forgets them later."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from deltalake import DeltaTable
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from accounts.models import User
from deployments.models import Deployment
from monitoring.health.lake import ENDPOINT_METRICS, old_hours
from monitoring.health.models import COARSE, FINE
from monitoring.lake.export import backfill, export, verify
from monitoring.lake.tables import DRIFT_SKETCHES
from monitoring.models import Baseline, DriftDay, HealthBucket
from monitoring.watched import delta
from portal.retention import forget_old
from tests.deployments.conftest import deployment, sent, spec

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
__all__ = ["deployment", "sent", "spec"]
HOUR = timedelta(hours=1)
# The hour that is being filled.
NOW = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _lake(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.LAKE_URI = str(tmp_path / "lake")
    at(monkeypatch, NOW)


def at(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    for module in ("lake.export", "health.views", "watched.views", "health.api"):
        monkeypatch.setattr(f"monitoring.{module}.timezone.now", lambda: now)


def fill(deployment: Deployment, start: datetime, requests: float = 60) -> None:
    HealthBucket.objects.update_or_create(
        deployment=deployment,
        version="3",
        width=COARSE,
        start=start,
        defaults={"minutes": 60, "requests": requests, "latency": {"10.0": requests, "inf": requests}},
    )


@pytest.fixture
def hours(deployment: Deployment) -> Deployment:
    """The last two days, by the hour; five minutes are no row of the lake."""
    for back in range(48):
        fill(deployment, NOW.replace(minute=0) - back * HOUR)
    HealthBucket.objects.create(deployment=deployment, version="3", width=FINE, start=NOW.replace(minute=0))
    return deployment


def rows() -> list[dict[str, Any]]:
    return pl.read_delta(delta.uri(ENDPOINT_METRICS)).sort("start").to_dicts()


def test_hours_are_written_once_and_anew_while_they_are_filled(hours: Deployment) -> None:
    assert [export(ENDPOINT_METRICS) for _ in range(2)] == [48, 0]
    fill(hours, NOW.replace(minute=0), requests=61)
    assert export(ENDPOINT_METRICS) == 13
    assert (len(rows()), rows()[-1]["requests"]) == (48, 61)
    assert verify(ENDPOINT_METRICS).is_same


def test_what_the_database_has_forgotten_stays_in_the_lake(hours: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    export(ENDPOINT_METRICS)
    before = rows()
    later = NOW + timedelta(days=30, hours=3)
    at(monkeypatch, later)
    assert forget_old(later) > 0
    fill(hours, later.replace(minute=0))
    assert [export(ENDPOINT_METRICS), backfill(ENDPOINT_METRICS)] == [1, 0]
    assert rows()[:-1] == before
    found = verify(ENDPOINT_METRICS)
    assert found.is_same
    assert found.in_lake == found.in_database


def test_a_worker_that_dies_between_days_changes_no_number(hours: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    real, written = delta.replace_day, list[date]()

    def once(table: Any, day: date, records: Any) -> None:
        if written:
            raise KeyboardInterrupt
        written.append(day)
        real(table, day, records)

    with monkeypatch.context() as dying:
        dying.setattr(delta, "replace_day", once)
        with pytest.raises(KeyboardInterrupt):
            export(ENDPOINT_METRICS)
    export(ENDPOINT_METRICS)
    assert [row["start"] for row in rows()] == sorted(
        HealthBucket.objects.filter(width=COARSE).values_list("start", flat=True)
    )


def test_two_exports_at_once_leave_each_hour_once(hours: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another worker does all of it when this one is about to write its first day."""
    real, others = delta.replace_day, list[int]()

    def interrupted(table: Any, day: date, records: Any) -> None:
        if not others:
            others.append(0)
            others.append(export(ENDPOINT_METRICS))
        real(table, day, records)

    monkeypatch.setattr(delta, "replace_day", interrupted)
    export(ENDPOINT_METRICS)
    assert others == [0, 48]
    assert len(rows()) == len({row["start"] for row in rows()}) == 48
    assert verify(ENDPOINT_METRICS).is_same


def test_one_day_at_a_time_is_asked_of_the_database(
    hours: Deployment, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """The first and the last moment, and each of the three days between them."""
    with django_assert_num_queries(4):
        export(ENDPOINT_METRICS)


def url(deployment: Deployment, start: datetime, end: datetime) -> str:
    page = reverse("monitoring:health", args=[deployment.model.full_name])
    return f"{page}?from={start:%Y-%m-%dT%H:%M:%SZ}&to={end:%Y-%m-%dT%H:%M:%SZ}"


@pytest.fixture
def forgotten(hours: Deployment, monkeypatch: pytest.MonkeyPatch) -> str:
    """The page of these two days, two months later."""
    export(ENDPOINT_METRICS)
    HealthBucket.objects.all().delete()
    at(monkeypatch, NOW + timedelta(days=60))
    return url(hours, NOW - 48 * HOUR, NOW)


def test_charts_read_past_the_database(client: Client, viewer: User, hours: Deployment, forgotten: str) -> None:
    client.force_login(viewer)
    page = client.get(forgotten)
    assert page.context["report"].total().window.requests == 48 * 60
    csv = client.get(f"{forgotten}&format=csv").content.decode()
    assert len(csv.splitlines()) == 1 + 48
    query = forgotten.partition("?")[2]
    points = client.get(f"/api/v1/deployments/{hours.pk}/health/?{query}").json()["points"]
    assert [point["requests"] for point in points] == [60.0] * 48


def test_a_lake_that_cannot_be_read_is_said_in_words(
    client: Client, viewer: User, hours: Deployment, forgotten: str, tmp_path: Path
) -> None:
    [log] = (tmp_path / "lake" / "endpoint_metrics" / "_delta_log").glob("*0.json")
    log.write_text("{")
    client.force_login(viewer)
    page = client.get(forgotten)
    assert page.status_code == 200
    assert "The data lake cannot be read" in page.content.decode()
    assert "2026-12-19 12:00 UTC are missing" in page.content.decode()


def test_without_a_lake_nothing_is_known(client: Client, viewer: User, hours: Deployment) -> None:
    HealthBucket.objects.all().delete()
    client.force_login(viewer)
    page = client.get(url(hours, NOW - timedelta(days=90), NOW))
    assert "No metrics in this range" in page.content.decode()


def test_days_of_drift_are_read_by_duckdb_with_their_baseline(deployment: Deployment) -> None:
    version = deployment.model.versions.get(version=3)
    data = {"features": {"amount": {"kind": "numeric", "edges": [0.0, 1.0]}}, "rows": 9}
    baseline = Baseline.objects.create(version=version, source="table", data=data, rows=9, created_at=NOW)
    sketch = {"amount": {"counts": [0, 4, 1], "rows": 5}}
    day = DriftDay(deployment=deployment, version=version, baseline=baseline, date=NOW.date(), rows=5, computed_at=NOW)
    day.packed = DriftDay.pack(sketch)
    day.save()
    assert [export(DRIFT_SKETCHES) for _ in range(2)] == [1, 0]
    days = DeltaTable(delta.uri(DRIFT_SKETCHES)).to_pyarrow_dataset()
    asked = "SELECT *, json_extract(sketch, '$.amount.counts') AS counts FROM days"
    found = duckdb.sql(asked)
    assert found is not None
    [row] = found.pl().to_dicts()
    assert (row["model"], row["version"], row["day"], row["rows"]) == ("staging.fraud.card_fraud", 3, NOW.date(), 5)
    assert (json.loads(row["sketch"]), json.loads(row["baseline"])) == (sketch, data)
    assert json.loads(row["counts"]) == [0, 4, 1]
    assert days.count_rows() == 1
    DriftDay.objects.all().delete()
    export(DRIFT_SKETCHES)
    assert DeltaTable(delta.uri(DRIFT_SKETCHES)).count() == 0


def test_days_that_went_with_their_baseline_stay_in_the_lake(deployment: Deployment) -> None:
    version = deployment.model.versions.get(version=3)
    for back in (5, 40):
        baseline, _ = Baseline.objects.get_or_create(
            version=version, defaults={"source": "table", "data": {"features": {}}, "rows": 9, "created_at": NOW}
        )
        day = (NOW - timedelta(days=back)).date()
        made: dict[str, Any] = {"rows": back, "packed": DriftDay.pack({}), "computed_at": NOW, "date": day}
        DriftDay.objects.create(deployment=deployment, version=version, baseline=baseline, **made)
    backfill(DRIFT_SKETCHES)
    Baseline.objects.all().delete()
    backfill(DRIFT_SKETCHES)
    assert pl.read_delta(delta.uri(DRIFT_SKETCHES))["rows"].to_list() == [40]
    assert verify(DRIFT_SKETCHES).is_same


def test_a_table_of_before_a_column_came_is_compared_read_and_brought_up_to_date(hours: Deployment) -> None:
    new = {"model_latency", "slot_minutes", "asleep_minutes", "cold_starts"}
    columns = tuple(column for column in ENDPOINT_METRICS.columns if column.name not in new)
    export(replace(ENDPOINT_METRICS, columns=columns, schema_version=1))
    assert not verify(ENDPOINT_METRICS).is_same
    assert {row.cold_starts for row in old_hours(hours.pk, NOW - 60 * HOUR, NOW)} == {0}
    HealthBucket.objects.filter(start__gte=NOW - 5 * HOUR).update(slot_minutes=60, asleep_minutes=20, cold_starts=2)
    assert export(ENDPOINT_METRICS)
    assert verify(ENDPOINT_METRICS).is_same
    assert {row.cold_starts for row in old_hours(hours.pk, NOW - 4 * HOUR, NOW)} == {2}
    table = DeltaTable(delta.uri(ENDPOINT_METRICS)).to_pyarrow_table()
    assert set(table.column("schema_version").to_pylist()) == {2}
