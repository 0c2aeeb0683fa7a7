"""A version is compared with what it was trained on, where its run says so."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import ModelVersion
from deployments.models import Deployment
from monitoring.drift.services import choose_baseline
from monitoring.models import Baseline, DriftJob
from tests.deployments.conftest import make_deployment
from tests.monitoring.drift.drifting import FakeWorkspace, Traffic, give_table, normal, settle
from web.errors import Invalid

pytestmark = pytest.mark.django_db
NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
TRAINING = {"name": "loans", "digest": "9a1f", "context": "training", "source_type": "delta_table"}


def rows_of(count: int, **changes: Any) -> pa.Table:
    source = random.Random(5)
    return pa.Table.from_pylist([{**normal(source), "empty": 0.5, **changes} for _ in range(count)])


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """What it was in version 0; in version 1 it is something else."""
    path = tmp_path / "training"
    write_deltalake(str(path), rows_of(400))
    write_deltalake(str(path), rows_of(50, amount=900.0), mode="overwrite")
    return path


@pytest.fixture
def watched(model_version: ModelVersion, deployer: User, table: Path) -> Deployment:
    """Its version was trained on version 0 of the table."""
    deployment = make_deployment(model_version, deployer, "card-fraud")
    Deployment.objects.filter(pk=deployment.pk).update(created_at=NINE)
    deployment.refresh_from_db()
    give_table(deployment)
    trained_on(deployment, table, 0)
    return deployment


def trained_on(deployment: Deployment, table: Path, version: int | None, **values: Any) -> None:
    noted: list[dict[str, Any]] = [
        {
            "name": "held out",
            "digest": "",
            "source_type": "",
            "context": "test",
            "table": "a.b.c",
            "table_version": None,
        }
    ]
    noted += [{**TRAINING, "table": str(table), "table_version": version}]
    deployment.model.versions.update(datasets=noted, **values)


@pytest.fixture
def jobs(tmp_path: Path) -> FakeWorkspace:
    """Not enough traffic for a baseline."""
    traffic = Traffic(tmp_path / "table")
    traffic.send(40, NINE, normal)
    return FakeWorkspace(traffic.path)


def test_the_training_data_is_the_baseline_before_there_is_traffic(
    watched: Deployment, jobs: FakeWorkspace, table: Path
) -> None:
    job = settle(watched, jobs, NINE + HOUR)
    made = Baseline.objects.get()
    assert (made.source, made.rows, made.detail) == ("training", 400, str(table))
    assert (job.message, job.counted_until) == ("", NINE + HOUR)
    # Version 0 of the table, and not what it is now.
    assert made.data["sketch"]["amount"]["max"] < 200
    assert made.importance == {
        **dict.fromkeys(made.importance or {}, 0.0),
        "amount": 1.0,
        "age": pytest.approx(0.25, abs=0.2),
    }


@pytest.mark.parametrize(
    ("context", "is_training"), [("training", True), ("train", True), ("eval", False), ("test", False), ("", False)]
)
def test_what_mlflow_calls_training_is_what_a_version_was_trained_on(context: str, is_training: bool) -> None:
    noted = {**TRAINING, "context": context, "table": "ml.fraud.loans", "table_version": 4}
    found = ModelVersion(datasets=[noted]).training_table
    assert found == (("ml.fraud.loans", 4) if is_training else None)


def test_the_version_is_asked_for_the_predictions_that_training_data_lacks(
    watched: Deployment, jobs: FakeWorkspace
) -> None:
    settle(watched, jobs, NINE + HOUR)
    data = Baseline.objects.get().data
    assert data["features"]["_prediction"]["kind"] == "numeric"
    asked = data["sketch"]["_prediction"]
    assert (asked["rows"], asked["nulls"]) == (400, 0)
    assert asked["sum"] / asked["rows"] == pytest.approx(55, abs=2)


def test_a_version_that_cannot_be_asked_still_has_a_baseline(
    watched: Deployment, jobs: FakeWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(frame: Any) -> Any:
        raise ValueError("wrong columns")

    monkeypatch.setattr(jobs, "model", broken)
    settle(watched, jobs, NINE + HOUR)
    data = Baseline.objects.get().data
    assert data["not_comparable"]["_prediction"] == "the version could not predict: ValueError: wrong columns"
    assert "amount" in data["features"]


@pytest.mark.parametrize("why", ["gone", "failed"])
def test_training_data_that_gives_none_leaves_it_to_the_first_traffic_and_says_so(
    why: str, watched: Deployment, jobs: FakeWorkspace, tmp_path: Path
) -> None:
    Traffic(tmp_path / "table").send(1200, NINE + timedelta(minutes=50), normal)
    if why == "gone":
        trained_on(watched, tmp_path / "nothing", None)
        settle(watched, jobs, NINE + 2 * HOUR)
    else:
        jobs.fails_with = "no memory"
        assert settle(watched, jobs, NINE + 2 * HOUR).status == "failed"
        jobs.fails_with = ""
        settle(watched, jobs, NINE + 2 * HOUR + timedelta(minutes=11))
    made = Baseline.objects.get()
    assert (made.source, made.rows) == ("traffic", 1240)
    words = {"gone": "the table does not exist yet or cannot be read", "failed": "no memory"}
    assert "because the training data could not be used" in made.detail
    assert words[why] in made.detail


def test_training_data_that_cannot_be_read_is_not_asked_for_again_and_again(
    watched: Deployment, jobs: FakeWorkspace, tmp_path: Path
) -> None:
    trained_on(watched, tmp_path / "nothing", None)
    for minutes in (60, 75, 90):
        job = settle(watched, jobs, NINE + timedelta(minutes=minutes))
        assert "a baseline needs" in job.message
    assert [asked["source"] for asked in jobs.wanted.values()] == ["table", "traffic", "traffic", "traffic"]


def test_importance_that_was_logged_with_the_model_is_taken_and_no_job_measures_it(
    watched: Deployment, jobs: FakeWorkspace, table: Path
) -> None:
    trained_on(watched, table, 0, feature_importance={"amount": 0.4, "country": 1.0})
    settle(watched, jobs, NINE + HOUR)
    assert Baseline.objects.get().importance == {"amount": 0.4, "country": 1.0}
    assert {asked["kind"] for asked in jobs.wanted.values()} == {"baseline", "windows"}


def test_a_person_may_choose_the_training_data_again(
    watched: Deployment, jobs: FakeWorkspace, deployer: User, table: Path
) -> None:
    settle(watched, jobs, NINE + HOUR)
    DriftJob.objects.update(untrained={"3": "no memory"})
    job = choose_baseline(deployment=watched, version="3", source="training", actor=deployer)
    assert (job.wanted["table"], job.wanted["table_version"]) == (str(table), 0)
    before = Baseline.objects.get()
    settle(watched, jobs, NINE + HOUR + timedelta(minutes=1))
    assert Baseline.objects.get().pk != before.pk
    assert Baseline.objects.get().source == "training"


def test_a_version_that_names_no_training_data_refuses_it_beside_the_field(watched: Deployment, deployer: User) -> None:
    watched.model.versions.update(datasets=[{**TRAINING, "table": "", "table_version": None}])
    with pytest.raises(Invalid) as refused:
        choose_baseline(deployment=watched, version="3", source="training", actor=deployer)
    assert refused.value.fields == {
        "source": ["The run of this version does not name its training table (mlflow.log_input)."]
    }


def test_the_page_offers_the_training_data_where_the_run_names_it(
    watched: Deployment, jobs: FakeWorkspace, deployer: User, client: Client, table: Path
) -> None:
    client.force_login(deployer)
    url = reverse("monitoring:drift", args=[watched.model.full_name])
    assert "Training data logged with its run" in client.get(url).content.decode()
    settle(watched, jobs, NINE + HOUR)
    assert "(training data)" in client.get(url).content.decode()
    sent = {"version": "3", "source": "training", "table": "", "prediction_column": ""}
    client.post(reverse("monitoring:drift_baseline", args=[watched.pk]), sent)
    assert DriftJob.objects.get().wanted["table"] == str(table)
    watched.model.versions.update(datasets=[])
    page = client.get(url).content.decode()
    assert "Training data logged with its run" not in page
    assert "its MLflow run names no training table" in page


def test_the_api_takes_the_training_data_and_says_what_a_version_was_trained_on(
    watched: Deployment, deployer: User, api_as: Callable[..., APIClient], table: Path
) -> None:
    api = api_as(deployer)
    baseline = f"/api/v1/deployments/{watched.pk}/drift/baseline/"
    asked = api.post(baseline, {"version": "3", "source": "training"}, format="json")
    assert (asked.status_code, asked.json()["wanted"]["table"]) == (202, str(table))
    told = api.get(f"/api/v1/models/{watched.model.full_name}/versions/3/").json()["datasets"]
    assert [(data["used_for"], data["table"], data["table_version"]) for data in told] == [
        ("test", "a.b.c", None),
        ("training", str(table), 0),
    ]
    watched.model.versions.update(datasets=[])
    refused = api.post(baseline, {"version": "3", "source": "training"}, format="json")
    assert (refused.status_code, list(refused.json()["fields"])) == (400, ["source"])
