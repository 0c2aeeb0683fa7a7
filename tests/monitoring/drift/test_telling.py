"""What drifts is told: to the fleet, and once as an alert."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from accounts.models import User
from catalog.models import ModelVersion
from deployments.models import Deployment
from integrations.errors import IntegrationError
from monitoring.drift import counting, tasks
from monitoring.drift.telling import tell
from monitoring.models import Alert, DriftWindow, Watch
from monitoring.watched.states import Standing
from tests.deployments.conftest import make_deployment
from tests.monitoring.drift.drifting import FakeWorkspace, Traffic, give_table, normal, settle, shifted

pytestmark = pytest.mark.django_db
NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def watched(model_version: ModelVersion, deployer: User) -> Deployment:
    deployment = make_deployment(model_version, deployer, "card-fraud")
    Deployment.objects.filter(pk=deployment.pk).update(created_at=NINE)
    deployment.refresh_from_db()
    give_table(deployment)
    return deployment


def test_a_critical_feature_that_drifts_is_one_alert_with_what_it_rests_on(watched: Deployment, tmp_path: Path) -> None:
    watched.spec["monitoring"]["critical"] = ["amount"]
    watched.save()
    traffic = Traffic(tmp_path / "table")
    traffic.send(1000, NINE, normal)
    settle(watched, FakeWorkspace(traffic.path), NINE + HOUR)
    tell(watched, NINE + HOUR)
    assert Watch.objects.get().drift == Standing.PASSING
    assert not Alert.objects.exists()
    traffic.send(1000, NINE + HOUR, shifted)
    settle(watched, FakeWorkspace(traffic.path), NINE + 2 * HOUR)
    for _ in range(2):
        tell(watched, NINE + 2 * HOUR)
    row, alert = Watch.objects.get(), Alert.objects.get()
    assert (row.drift, row.drift_reason) == ("failing", "2 of 7 features drift, including critical features: amount")
    assert alert.evidence["version"] == 3
    assert {item["feature"] for item in alert.evidence["features"]} == {"amount", "country"}
    assert alert.evidence["window"] == [(NINE + HOUR).isoformat(), (NINE + 2 * HOUR).isoformat()]


def test_a_table_that_is_gone_makes_drift_unknown_and_takes_no_counts_with_it(
    watched: Deployment, tmp_path: Path
) -> None:
    traffic = Traffic(tmp_path / "table")
    traffic.send(1000, NINE, normal)
    workspace = FakeWorkspace(traffic.path)
    settle(watched, workspace, NINE + HOUR)
    tell(watched, NINE + HOUR)
    assert Watch.objects.get().drift == Standing.PASSING
    counted = list(DriftWindow.objects.values_list("start", "rows"))
    workspace.table_is_gone = True
    settle(watched, workspace, NINE + 2 * HOUR)
    tell(watched, NINE + 2 * HOUR)
    row = Watch.objects.get()
    assert (row.drift, row.drift_reason) == (
        "unknown",
        "predictions cannot be counted: the table does not exist yet or cannot be read",
    )
    assert list(DriftWindow.objects.values_list("start", "rows")) == counted != []
    workspace.table_is_gone = False
    settle(watched, workspace, NINE + 3 * HOUR)
    tell(watched, NINE + 3 * HOUR)
    assert Watch.objects.get().drift == Standing.PASSING


def test_the_task_brings_the_job_on_and_tells(
    watched: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []
    monkeypatch.setattr(counting, "step", lambda deployment: steps.append(deployment.pk))
    tasks.watch_drift(watched.pk)
    assert steps == [watched.pk]
    assert Watch.objects.get().drift_reason == "version 3 has no baseline"
    tasks.watch_drift(999_999)


def test_what_passes_is_left_for_the_next_round(watched: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(deployment: Deployment) -> None:
        raise IntegrationError("busy", permanent=False)

    monkeypatch.setattr(counting, "step", refuse)
    tasks.watch_drift(watched.pk)
    assert not Watch.objects.exists()


def test_every_live_deployment_has_a_task(watched: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    monkeypatch.setattr(tasks.watch_drift, "apply_async", lambda args, **_: sent.append(args[0]))
    tasks.watch_all_drift()
    assert sent == [watched.pk]
    Deployment.objects.update(destroyed_at=NINE)
    tasks.watch_all_drift()
    assert sent == [watched.pk]
