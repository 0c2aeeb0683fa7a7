"""Quality in the lake: labels come late, so days are counted again after they were written."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from deltalake import DeltaTable
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django.fixtures import Settings

from accounts.models import User
from deployments.models import Deployment
from monitoring.lake.export import backfill, export, verify
from monitoring.lake.tables import QUALITY_DAILY
from monitoring.models import LabelSource, QualityDay
from monitoring.quality.services import remove_labels
from monitoring.watched import delta
from tests.deployments.conftest import deployment, sent, spec
from tests.monitoring.quality.labelling import name_labels

pytestmark = pytest.mark.django_db
__all__ = ["deployment", "sent", "spec"]
NOW = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
ACCURACY = """
    WITH pairs AS (SELECT day, unnest(CAST(pairs AS JSON[])) AS pair FROM days)
    SELECT day, sum((pair->>2)::BIGINT) FILTER (WHERE pair->>0 = pair->>1) / sum((pair->>2)::BIGINT) AS accuracy
    FROM pairs GROUP BY day ORDER BY day
"""


@pytest.fixture(autouse=True)
def _lake(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.LAKE_URI = str(tmp_path / "lake")
    monkeypatch.setattr("monitoring.lake.export.timezone.now", lambda: NOW)


@pytest.fixture
def counted(deployment: Deployment, deployer: User) -> Deployment:
    """Three days, three of four labels as they were predicted."""
    name_labels(deployment, deployer)
    for back in range(3):
        count(deployment, back, right=30, wrong=10)
    return deployment


def count(deployment: Deployment, back: int, right: int, wrong: int) -> None:
    QualityDay.objects.update_or_create(
        deployment=deployment,
        version=deployment.model.versions.get(version=3),
        date=(NOW - timedelta(days=back)).date(),
        defaults={
            "predictions": 100,
            "with_id": 90,
            "labelled": right + wrong,
            "timed": right + wrong,
            "delay_s": 86400.0,
            "pairs": [["1", "1", right], ["0", "1", wrong]],
        },
    )


def rows() -> list[dict[str, Any]]:
    return pl.read_delta(delta.uri(QUALITY_DAILY)).sort("day").to_dicts()


def test_days_are_written_once_and_say_the_same_as_the_portal(counted: Deployment) -> None:
    assert [export(QUALITY_DAILY) for _ in range(2)] == [3, 0]
    days = DeltaTable(delta.uri(QUALITY_DAILY)).to_pyarrow_dataset()
    assert days.count_rows() == 3
    found = duckdb.sql(ACCURACY)
    assert found is not None
    assert found.fetchall() == [((NOW - timedelta(days=back)).date(), 0.75) for back in (2, 1, 0)]
    newest = rows()[-1]
    assert {name: newest[name] for name in ("model", "version", "predictions", "with_id", "labelled", "delay_s")} == {
        "model": "staging.fraud.card_fraud",
        "version": 3,
        "predictions": 100,
        "with_id": 90,
        "labelled": 40,
        "delay_s": 86400.0,
    }
    assert [newest[name] for name in ("label_table", "kind", "positive_label")] == [
        "main.risk.chargebacks", "classification", "1",
    ]  # fmt: skip


def test_labels_that_come_late_replace_their_day_and_no_other(
    counted: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(QUALITY_DAILY)
    count(counted, 1, right=60, wrong=20)
    assert not verify(QUALITY_DAILY).is_same
    real, written = delta.replace_day, list[date]()

    def watched(table: Any, day: date, records: Any) -> None:
        written.append(day)
        real(table, day, records)

    monkeypatch.setattr(delta, "replace_day", watched)
    assert export(QUALITY_DAILY) == 1
    assert written == [(NOW - timedelta(days=1)).date()]
    assert [row["labelled"] for row in rows()] == [40, 80, 40]
    assert verify(QUALITY_DAILY).is_same


def test_the_oldest_day_that_is_counted_again_is_replaced_too(counted: Deployment) -> None:
    count(counted, 60, right=1, wrong=0)
    export(QUALITY_DAILY)
    count(counted, 60, right=2, wrong=0)
    assert export(QUALITY_DAILY) == 1
    assert rows()[0]["labelled"] == 2


def test_a_worker_that_dies_between_days_changes_no_number(
    counted: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, written = delta.replace_day, list[date]()

    def once(table: Any, day: date, records: Any) -> None:
        if written:
            raise KeyboardInterrupt
        written.append(day)
        real(table, day, records)

    with monkeypatch.context() as dying:
        dying.setattr(delta, "replace_day", once)
        with pytest.raises(KeyboardInterrupt):
            export(QUALITY_DAILY)
    assert len(rows()) == 1
    export(QUALITY_DAILY)
    assert [row["labelled"] for row in rows()] == [40, 40, 40]
    assert verify(QUALITY_DAILY).is_same


def test_days_that_went_with_their_labels_stay_where_they_are_not_counted_anew(
    counted: Deployment, deployer: User
) -> None:
    count(counted, 61, right=7, wrong=0)
    backfill(QUALITY_DAILY)
    assert len(rows()) == 4
    remove_labels(deployment=counted, actor=deployer)
    assert not LabelSource.objects.exists()
    backfill(QUALITY_DAILY)
    assert [(row["labelled"], row["label_table"]) for row in rows()] == [(7, "main.risk.chargebacks")]
    assert verify(QUALITY_DAILY).is_same


def test_the_command_counts_compares_and_mends_it(counted: Deployment) -> None:
    assert "3 rows written" in command("backfill")
    # The day of now is still filled and is not compared.
    count(counted, 0, right=0, wrong=40)
    assert "same" in command("verify")
    count(counted, 2, right=0, wrong=40)
    with pytest.raises(CommandError, match="quality_daily"):
        command("verify")
    assert "2 rows written" in command("backfill")
    assert "same" in command("verify")
    assert "3 rows" in command("status")
    assert rows()[0]["pairs"] == '[["1","1",0],["0","1",40]]'


def command(word: str) -> str:
    told = StringIO()
    call_command("lake", word, "quality_daily", stdout=told)
    return told.getvalue()
