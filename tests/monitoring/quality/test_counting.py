"""The job that counts labels: exactly once, whoever dies, and all of the last 60 days each time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import override_settings

from accounts.models import User
from deployments.models import Deployment
from integrations.errors import IntegrationError
from monitoring.models import LabelSource, QualityDay, QualityJob
from monitoring.quality import counting as quality
from monitoring.quality.services import Labels, set_labels
from monitoring.quality.tasks import watch_all_quality, watch_quality
from sketches import quality_bundle
from tests.monitoring.quality.labelled_endpoint import deployment
from tests.monitoring.quality.labelling import DAY, NOON, FakeWorkspace, WorkerDied, name_labels, report_of, requests

pytestmark = pytest.mark.django_db
__all__ = ["deployment"]

HOUR = timedelta(hours=1)

Snapshot = list[tuple[Any, ...]]


@pytest.fixture
def source(deployment: Deployment, deployer: User) -> LabelSource:
    return name_labels(deployment, deployer)


MADE = requests(40, days=4)

KNOWN = {one.id: one.at + DAY for one in MADE[:16]}


def step(deployment: Deployment, workspace: FakeWorkspace, hours: float = 0) -> QualityJob | None:
    row = Deployment.objects.select_related("workspace", "model").get(pk=deployment.pk)
    return quality.step(row, connect=lambda _: workspace, now=NOON + hours * HOUR)  # type: ignore[arg-type, return-value]


def count(deployment: Deployment, workspace: FakeWorkspace, hours: float = 0) -> QualityJob:
    """One step to begin, one to look."""
    step(deployment, workspace, hours)
    job = step(deployment, workspace, hours)
    assert job is not None
    return job


def kept() -> Snapshot:
    names = ("version", "date", "predictions", "with_id", "labelled", "timed", "delay_s", "pairs")
    return list(QualityDay.objects.order_by("date", "version").values_list(*names))


def test_a_count_keeps_the_days_and_says_what_it_saw(deployment: Deployment, source: LabelSource) -> None:
    workspace = FakeWorkspace(report_of(MADE, KNOWN))
    first = step(deployment, workspace)
    assert first is not None
    assert first.status == "running"
    job = step(deployment, workspace)
    assert job is not None
    assert (job.status, job.message, job.labels, job.newest_label) == ("done", "", 16, max(KNOWN.values()))
    assert job.job_url == "https://dbc.example.com/#job/1/run/1"
    assert [(row[2], row[4]) for row in kept()] == [(10, 4)] * 4
    (path,) = workspace.files
    assert path.startswith("/Users/0f8fad5b-d9cb-469f-a165-70867728950e/slipway/quality-")


def test_the_next_count_comes_after_its_time_and_not_before(deployment: Deployment, source: LabelSource) -> None:
    workspace = FakeWorkspace(report_of(MADE, KNOWN))
    count(deployment, workspace)
    step(deployment, workspace, hours=5.9)
    assert len(workspace.runs) == 1
    step(deployment, workspace, hours=6)
    assert len(workspace.runs) == 2


@pytest.mark.parametrize("where", ["upload_file", "submit_job", "job_run", "job_output"])
def test_a_worker_that_dies_anywhere_changes_no_number(deployment: Deployment, source: LabelSource, where: str) -> None:
    count(deployment, FakeWorkspace(report_of(MADE, KNOWN)))
    expected = kept()
    QualityDay.objects.all().delete()
    workspace = FakeWorkspace(report_of(MADE, KNOWN))
    workspace.dies_on = where
    begun = 0 if where in ("upload_file", "submit_job") else 1
    for _ in range(begun):
        step(deployment, workspace, hours=12)
    with pytest.raises(WorkerDied):
        step(deployment, workspace, hours=12)
    while (job := step(deployment, workspace, hours=12)) is not None and job.status != "done":
        assert job.status == "running"
    assert kept() == expected
    assert len(workspace.runs) == 1


def test_late_labels_fill_the_past_and_older_days_stay(deployment: Deployment, source: LabelSource) -> None:
    long_ago = requests(10, days=1, last=NOON - 61 * DAY, name="old")
    count(deployment, FakeWorkspace(report_of([], {})))
    version = deployment.model.versions.get(version=3)
    old = {"predictions": 10, "with_id": 10, "labelled": 9, "timed": 0, "delay_s": 0.0}
    QualityDay.objects.create(deployment=deployment, version=version, date=long_ago[0].at.date(), **old)
    count(deployment, FakeWorkspace(report_of(MADE, KNOWN)), hours=6)
    before = kept()
    everything = {one.id: one.at + DAY for one in MADE}
    # What a job says of days that were not asked for is not kept.
    count(deployment, FakeWorkspace(report_of([*MADE, *long_ago], everything)), hours=12)
    after = kept()
    assert after[0] == before[0]
    assert [row[4] for row in after] == [9, 10, 10, 10, 10]
    count(deployment, FakeWorkspace(report_of(MADE, everything)), hours=18)
    assert kept() == after


def test_what_is_found_of_a_table_that_is_no_longer_named_is_dropped(
    deployment: Deployment, source: LabelSource, deployer: User
) -> None:
    workspace = FakeWorkspace(report_of(MADE, KNOWN))
    step(deployment, workspace)
    row = Deployment.objects.select_related("workspace", "model").get(pk=deployment.pk)
    looked_at = QualityJob.objects.select_related("source").get()
    other = Labels("main.risk.other", "order_id", "fraud", "classification")
    set_labels(deployment=deployment, labels=other, actor=deployer)
    found = quality_bundle.read(workspace.job_output(1))
    assert found is not None
    quality._keep(looked_at, row, found, NOON)
    assert kept() == []
    job = count(deployment, workspace)
    assert (job.status, len(workspace.runs), len(kept())) == ("done", 2, 4)


def test_a_job_that_fails_says_why_and_is_tried_again_later(deployment: Deployment, source: LabelSource) -> None:
    job = count(deployment, FakeWorkspace(None))
    assert (job.status, job.message) == ("failed", "the job ended without a result: out of memory")
    job = count(deployment, FakeWorkspace({"nonsense": 1}), hours=6)
    assert (job.status, job.message) == ("failed", "the job ended without a result")
    job = count(deployment, FakeWorkspace(report_of(MADE, KNOWN)), hours=12)
    assert (job.status, job.message, len(kept())) == ("done", "", 4)


def test_a_refusal_for_good_is_said_and_another_is_tried_again(deployment: Deployment, source: LabelSource) -> None:
    workspace = FakeWorkspace(report_of(MADE, KNOWN))
    workspace.refuses = IntegrationError("the workspace is busy", permanent=False, source="databricks")
    with pytest.raises(IntegrationError):
        step(deployment, workspace)
    workspace.refuses = IntegrationError("you may not start jobs", permanent=True, source="databricks")
    job = step(deployment, workspace)
    assert job is not None
    assert (job.status, job.message) == ("failed", "you may not start jobs")


@override_settings(QUALITY_JOB_TIMEOUT_S=60)
def test_a_job_that_takes_too_long_is_cancelled(deployment: Deployment, source: LabelSource) -> None:
    workspace = FakeWorkspace(report_of(MADE, KNOWN))
    workspace.is_slow = True
    job = count(deployment, workspace)
    assert (job.status, workspace.cancelled) == ("running", [])
    late = step(deployment, workspace, hours=0.5)
    assert late is not None
    assert (late.status, late.message, workspace.cancelled) == ("failed", "the job took longer than 60 s", [1])


def test_without_labels_or_an_inference_table_nothing_is_asked(deployment: Deployment, deployer: User) -> None:
    workspace = FakeWorkspace(None)
    assert step(deployment, workspace) is None
    name_labels(deployment, deployer)
    deployment.intended = {}
    deployment.save()
    assert step(deployment, workspace) is None
    assert workspace.runs == {}


def test_the_task_looks_at_deployments_with_labels_only(
    deployment: Deployment, deployer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(watch_quality, "apply_async", lambda args, **_: asked.append(args[0]))
    watch_all_quality()
    assert asked == []
    name_labels(deployment, deployer)
    watch_all_quality()
    assert asked == [deployment.pk]
    stepped: list[int] = []
    monkeypatch.setattr(quality, "step", lambda found: stepped.append(found.pk))
    watch_quality(deployment.pk)
    watch_quality(deployment.pk + 1)
    assert stepped == [deployment.pk]


def test_of_two_workers_one_begins_a_job_and_one_ends_it(deployment: Deployment, source: LabelSource) -> None:
    QualityJob.objects.create(source=source)
    one, other = QualityJob.objects.get(), QualityJob.objects.get()
    assert [one.claim(NOON), other.claim(NOON)] == [True, False]
    assert one.token == other.token
    assert [one.end("done", "", NOON), other.end("failed", "", NOON)] == [True, False]
    assert QualityJob.objects.get().status == "done"
