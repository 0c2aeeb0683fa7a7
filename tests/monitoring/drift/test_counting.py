"""Counting drift: the same numbers whatever happens on the way."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from accounts.models import User
from catalog.models import ModelVersion
from deployments.models import Deployment
from integrations.errors import IntegrationError
from integrations.metrics import Window
from monitoring.drift import counting as drift
from monitoring.drift import days as drift_days
from monitoring.drift.models import WINDOWS_KEPT
from monitoring.health import history as health_history
from monitoring.health.history import PastHour
from monitoring.models import Baseline, DriftDay, DriftJob, DriftWindow, HealthSource
from sketches.sketch import merge
from tests.deployments.conftest import make_deployment
from tests.monitoring.drift.drifting import FakeWorkspace, Traffic, WorkerDied, give_table, normal, settle

pytestmark = pytest.mark.django_db
NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def watched(model_version: ModelVersion, deployer: User) -> Deployment:
    """Created at nine."""
    deployment = make_deployment(model_version, deployer, "card-fraud")
    Deployment.objects.filter(pk=deployment.pk).update(created_at=NINE)
    deployment.refresh_from_db()
    give_table(deployment)
    return deployment


@pytest.fixture
def traffic(tmp_path: Path) -> Traffic:
    made = Traffic(tmp_path / "table")
    made.send(1200, NINE, normal)
    return made


@pytest.fixture
def jobs(traffic: Traffic) -> FakeWorkspace:
    return FakeWorkspace(traffic.path)


def numbers() -> list[Any]:
    return [(row.start, row.rows, row.sketch) for row in DriftWindow.objects.order_by("start")]


def test_a_baseline_is_made_of_the_first_traffic_and_then_everything_is_counted(
    watched: Deployment, jobs: FakeWorkspace
) -> None:
    job = settle(watched, jobs, NINE + HOUR)
    baseline = Baseline.objects.get()
    assert (baseline.source, baseline.rows, baseline.version.version) == ("traffic", 1200, 3)
    assert "empty" in baseline.data["not_comparable"]
    assert [(start, rows) for start, rows, _ in numbers()] == [(NINE, 1200)]
    assert (job.status, job.message) == ("done", "")
    assert job.counted_until == NINE + HOUR
    assert job.job_url == "https://dbc.example.com/#job/1/run/3"
    assert len(jobs.runs) == 3
    assert baseline.importance is not None
    assert {name: value for name, value in baseline.importance.items() if value} == {"amount": 1.0, "age": ANY}


def test_a_version_that_cannot_be_asked_leaves_its_importance_unknown_and_says_why(
    watched: Deployment, jobs: FakeWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(frame: Any) -> Any:
        raise ValueError("wrong columns")

    monkeypatch.setattr(jobs, "model", broken)
    job = settle(watched, jobs, NINE + HOUR)
    baseline = Baseline.objects.get()
    assert (job.status, job.message, baseline.importance) == ("done", "", None)
    assert baseline.importance_note == "the version could not predict: ValueError: wrong columns"
    before = len(jobs.runs)
    settle(watched, jobs, NINE + HOUR + timedelta(minutes=1))
    assert len(jobs.runs) == before


def test_an_endpoint_that_nobody_asks_costs_one_job_a_day(
    watched: Deployment, jobs: FakeWorkspace, traffic: Traffic
) -> None:
    settle(watched, jobs, NINE + HOUR)
    source = HealthSource.objects.create(deployment=watched, last_request_at=NINE)

    def at(later: timedelta) -> int:
        """How many jobs there were by then."""
        now = NINE + HOUR + later
        HealthSource.objects.update(minute=now)
        settle(watched, jobs, now)
        assert DriftJob.objects.get().counted_at == now
        return len(jobs.runs)

    # What was asked just before the last count may not have been in the table yet.
    begun = at(HOUR)
    begun = at(4 * HOUR)
    assert [at(hours * HOUR) for hours in range(5, 9)] == [begun] * 4
    source.last_request_at = NINE + 9 * HOUR
    source.save()
    assert at(10 * HOUR) == begun + 1
    source.last_request_at = NINE
    source.save()
    traffic.send(100, NINE + 26 * HOUR, normal)
    assert [at(hours * HOUR) for hours in (20, 33, 36)] == [begun + 1, begun + 1, begun + 2]
    # What the metrics have missed is counted then.
    assert DriftWindow.objects.get(start=NINE + 26 * HOUR).rows == 100


def test_too_little_traffic_makes_no_baseline_and_says_so(watched: Deployment, tmp_path: Path) -> None:
    few = Traffic(tmp_path / "few")
    few.send(120, NINE, normal)
    job = settle(watched, FakeWorkspace(few.path), NINE + HOUR)
    assert job.message == "version 3 has predicted 120 rows so far; a baseline needs 1000"
    assert not Baseline.objects.exists()


def test_a_past_that_becomes_known_is_tried_at_once_and_counted(
    watched: Deployment, jobs: FakeWorkspace, traffic: Traffic
) -> None:
    Deployment.objects.update(created_at=NINE + 3 * HOUR)
    watched.refresh_from_db()
    job = settle(watched, jobs, NINE + 4 * HOUR)
    assert "has predicted 0 rows" in job.message
    past = [PastHour(NINE, "3", Window(120))]
    health_history.keep(watched, past, NINE + 4 * HOUR)
    job = settle(watched, jobs, NINE + 4 * HOUR + timedelta(minutes=1))
    assert (job.message, Baseline.objects.get().rows) == ("", 1200)
    assert [(start, rows) for start, rows, _ in numbers()] == [(NINE, 1200)]


@pytest.mark.parametrize("is_first_count", [True, False])
def test_a_past_that_becomes_known_while_a_job_counts_is_counted_after_it(
    is_first_count: bool, watched: Deployment, jobs: FakeWorkspace, traffic: Traffic
) -> None:
    Deployment.objects.update(created_at=NINE + 3 * HOUR)
    watched.refresh_from_db()
    traffic.send(1500, NINE + 3 * HOUR, normal)
    now = NINE + 4 * HOUR
    if is_first_count:
        job = settle(watched, jobs, now, until=lambda job: job.asked["kind"] == "windows")
    else:
        settle(watched, jobs, now)
        now += HOUR
        job = settle(watched, jobs, now, until=lambda job: job.asked["kind"] == "windows")
    assert job.status == DriftJob.Status.RUNNING
    health_history.keep(watched, [PastHour(NINE, "3", Window(120))], now)
    settle(watched, jobs, now)
    assert [(start, rows) for start, rows, _ in numbers()] == [(NINE, 1200), (NINE + 3 * HOUR, 1500)]


def test_a_day_is_the_sum_of_its_hours_whatever_is_counted_again(
    watched: Deployment, jobs: FakeWorkspace, traffic: Traffic
) -> None:
    traffic.send(1000, NINE + HOUR, normal)
    settle(watched, jobs, NINE + 2 * HOUR)
    traffic.send(500, NINE + 20 * HOUR, normal)
    settle(watched, jobs, NINE + 21 * HOUR)
    assert list(DriftDay.objects.values_list("date", "rows")) == [(NINE.date(), 2200), (date(2026, 11, 21), 500)]
    hours = [row.sketch for row in DriftWindow.objects.filter(start__date=NINE.date())]
    assert DriftDay.objects.earliest("date").sketch == merge(*hours)
    before = [(day.date, day.sketch) for day in DriftDay.objects.all()]
    DriftJob.objects.update(counted_until=None)
    settle(watched, jobs, NINE + 21 * HOUR)
    assert [(day.date, day.sketch) for day in DriftDay.objects.all()] == before


def test_old_windows_are_forgotten_and_their_days_stay(watched: Deployment, jobs: FakeWorkspace) -> None:
    settle(watched, jobs, NINE + HOUR)
    assert drift_days.forget_old(NINE + WINDOWS_KEPT) == 0
    assert drift_days.forget_old(NINE + WINDOWS_KEPT + HOUR) == 1
    assert DriftDay.objects.get().rows == 1200


def test_counting_twice_gives_the_same_numbers(watched: Deployment, jobs: FakeWorkspace) -> None:
    settle(watched, jobs, NINE + HOUR)
    before = numbers()
    DriftJob.objects.update(counted_until=None)
    settle(watched, jobs, NINE + HOUR)
    assert numbers() == before


@pytest.mark.parametrize("call", ["upload_file", "submit_job", "job_run", "job_output"])
def test_a_worker_that_dies_at_any_call_changes_no_number(
    call: str, watched: Deployment, traffic: Traffic, jobs: FakeWorkspace
) -> None:
    settle(watched, FakeWorkspace(traffic.path), NINE + HOUR)
    expected = numbers()
    DriftWindow.objects.all().delete()
    DriftJob.objects.all().delete()
    jobs.dies_on = call
    for _ in range(3):
        with pytest.raises(WorkerDied):
            settle(watched, jobs, NINE + HOUR)
    assert len(jobs.runs) <= 1
    jobs.dies_on = ""
    settle(watched, jobs, NINE + HOUR)
    assert numbers() == expected
    assert len(jobs.runs) == 1


def test_late_requests_are_counted_when_their_window_is_counted_again(
    watched: Deployment, traffic: Traffic, jobs: FakeWorkspace
) -> None:
    settle(watched, jobs, NINE + HOUR)
    traffic.send(50, NINE, normal)
    traffic.send(300, NINE + HOUR, normal)
    settle(watched, jobs, NINE + 2 * HOUR)
    assert [rows for _, rows, _ in numbers()] == [1250, 300]


def test_only_the_last_windows_are_read_again(watched: Deployment, traffic: Traffic, jobs: FakeWorkspace) -> None:
    settle(watched, jobs, NINE + 10 * HOUR)
    settle(watched, jobs, NINE + 11 * HOUR)
    last = jobs.wanted[len(jobs.runs)]
    assert last["start"] == (NINE + 7 * HOUR).isoformat()
    assert last["end"] == (NINE + 12 * HOUR).isoformat()


def test_two_workers_start_one_job(watched: Deployment, jobs: FakeWorkspace) -> None:
    settle(watched, jobs, NINE + HOUR)
    later = NINE + 2 * HOUR
    mine = DriftJob.objects.get()
    theirs = DriftJob.objects.get()
    assert mine.claim(later, asked={"kind": "windows", "baselines": {}})
    assert not theirs.claim(later, asked={"kind": "windows", "baselines": {}})
    assert mine.end("done", "", later)
    assert not theirs.end("failed", "mine", later)


def test_an_answer_that_another_worker_has_kept_changes_nothing(watched: Deployment, jobs: FakeWorkspace) -> None:
    settle(watched, jobs, NINE + HOUR)
    drift.step(watched, connect=lambda _: jobs, now=NINE + 2 * HOUR)  # type: ignore[arg-type, return-value]
    slow = DriftJob.objects.select_related("deployment").get()
    assert slow.status == "running"
    settle(watched, jobs, NINE + 2 * HOUR)
    expected, after = numbers(), DriftJob.objects.values().get()
    drift._look(slow, jobs, NINE + 3 * HOUR)  # type: ignore[arg-type]
    assert numbers() == expected
    assert DriftJob.objects.values().get() == after


def test_a_job_that_fails_is_told_and_tried_again_later(watched: Deployment, jobs: FakeWorkspace) -> None:
    settle(watched, jobs, NINE + HOUR)
    jobs.fails_with = "TABLE_OR_VIEW_NOT_FOUND: there is no such table"
    job = settle(watched, jobs, NINE + 2 * HOUR)
    assert job.status == "failed"
    assert "there is no such table" in job.message
    begun = len(jobs.runs)
    settle(watched, jobs, NINE + 2 * HOUR + timedelta(minutes=5))
    assert len(jobs.runs) == begun
    jobs.fails_with = ""
    assert settle(watched, jobs, NINE + 2 * HOUR + timedelta(minutes=11)).status == "done"


def test_what_the_workspace_refuses_is_told_and_what_passes_is_tried_again(
    watched: Deployment, jobs: FakeWorkspace
) -> None:
    jobs.refuses = IntegrationError("busy", permanent=False)
    with pytest.raises(IntegrationError):
        settle(watched, jobs, NINE + HOUR)
    assert DriftJob.objects.get().status == "running"
    jobs.refuses = IntegrationError("not allowed", permanent=True)
    job = settle(watched, jobs, NINE + HOUR)
    assert (job.status, job.message) == ("failed", "not allowed")


def test_a_job_that_never_ends_is_given_up(watched: Deployment, jobs: FakeWorkspace) -> None:
    settle(watched, jobs, NINE + HOUR)
    jobs.is_slow = True
    assert settle(watched, jobs, NINE + 2 * HOUR).status == "running"
    job = settle(watched, jobs, NINE + 3 * HOUR)
    assert "took longer than" in job.message


def test_without_an_inference_table_there_is_no_job(model_version: ModelVersion, deployer: User) -> None:
    plain = make_deployment(model_version, deployer, "plain")
    assert drift.step(plain, connect=lambda _: pytest.fail("asked"), now=NINE) is None
    assert not DriftJob.objects.exists()


def test_a_new_baseline_has_everything_counted_again_in_its_bins(watched: Deployment, jobs: FakeWorkspace) -> None:
    settle(watched, jobs, NINE + HOUR)
    old = Baseline.objects.get()
    wish = {"kind": "baseline", "version": "3", "source": "traffic", "table": "", "prediction_column": ""}
    DriftJob.objects.update(wanted=wish)
    job = settle(watched, jobs, NINE + HOUR + timedelta(minutes=1))
    new = Baseline.objects.get()
    assert new.pk != old.pk
    assert job.wanted == {}
    assert [window.baseline_id for window in DriftWindow.objects.all()] == [new.pk]
    assert [rows for _, rows, _ in numbers()] == [1200]


def test_a_table_makes_the_baseline_that_a_person_asks_for(
    watched: Deployment, jobs: FakeWorkspace, tmp_path: Path
) -> None:
    source = random.Random(3)
    rows = [{**normal(source), "score": source.random()} for _ in range(300)]
    write_deltalake(str(tmp_path / "training"), pa.Table.from_pylist(rows).drop_columns(["empty"]))
    wish = {"kind": "baseline", "version": "3", "source": "table", "prediction_column": "score"}
    job, _ = DriftJob.objects.get_or_create(deployment=watched)
    DriftJob.objects.update(wanted={**wish, "table": str(tmp_path / "training")})
    job = settle(watched, jobs, NINE + HOUR)
    made = Baseline.objects.get()
    assert (made.source, made.rows, job.wanted) == ("table", 300, {})
    assert "_prediction" in made.data["features"]
    assert "does not have this column" in made.data["not_comparable"]["empty"]
    assert [rows for _, rows, _ in numbers()] == [1200]
    write_deltalake(str(tmp_path / "none"), pa.Table.from_pylist(rows[:1]).slice(0, 0))
    DriftJob.objects.update(wanted={**wish, "table": str(tmp_path / "none")})
    job = settle(watched, jobs, NINE + HOUR + timedelta(minutes=1))
    assert job.message.startswith("no baseline could be made from the table")
    assert Baseline.objects.get() == made
