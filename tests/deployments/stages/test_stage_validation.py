"""The validation of Preflight against a workspace that answers what the test says."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from catalog.models import ModelVersion
from deployments.models import Lease, Run, StageRecord, Validation
from deployments.runs.statuses import RunKind, RunStatus
from deployments.stages import context as stage_context
from deployments.stages import runner, stopping
from deployments.stages.context import Context
from deployments.stages.outcomes import End, GoOn, Outcome, Wait
from deployments.stages.preflight import stage as preflight
from deployments.stages.preflight.champion import compared
from integrations.databricks.records import JobRun, Version
from integrations.errors import IntegrationError
from integrations.validation.job import MARKER
from tests.deployments.conftest import make_deployment, make_run

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
PRINCIPAL = "0f8fad5b-d9cb-469f-a165-70867728950e"
PASSED = {"name": "Loads", "result": "pass", "message": "loaded.", "fix": ""}
RAISED = {"name": "Predicts", "result": "fail", "message": "it raised KeyError.", "fix": "Mend it."}
NUMBERS = {"load_s": 0.5, "latency_median_ms": 2.0, "latency_p95_ms": 3.5, "predictions": 20, "peak_memory_mib": 312.0}
ENDED: dict[str, Any] = {"life_cycle_state": "TERMINATED", "url": "https://dbc.example.com/#job/1/run/9"}


class FakeWorkspace:
    """Takes a job, which is as ``job`` says and printed ``output``."""

    def __init__(self) -> None:
        self.job = JobRun(9, life_cycle_state="RUNNING")
        self.output = ""
        self.refuses: IntegrationError | None = None
        self.submitted: list[str] = []
        self.cancelled: list[int] = []
        self.files: dict[str, bytes] = {}

    def current_user(self) -> str:
        return PRINCIPAL

    def get_endpoint(self, name: str) -> None:
        return None

    def get_version(self, full_name: str, version: int) -> Version:
        return Version(full_name, version, "READY")

    def has_grant(self, full_name: str, principal: str, privilege: str) -> bool:
        return True

    def has_file(self, path: str) -> bool:
        return path in self.files

    def upload_file(self, path: str, content: bytes) -> None:
        self.files[path] = content

    def submit_job(self, name: str, python_file: str, parameters: list[str], **options: Any) -> int:
        if self.refuses:
            raise self.refuses
        assert python_file in self.files
        self.submitted.append(options["idempotency_token"])
        return 9

    def job_run(self, run_id: int) -> JobRun:
        return self.job

    def job_output(self, run_id: int) -> str:
        return self.output

    def cancel_job_run(self, run_id: int) -> None:
        self.cancelled.append(run_id)

    def ends(self, *checks: dict[str, str], **numbers: Any) -> None:
        self.job = JobRun(9, result_state="SUCCESS", **ENDED)
        self.output = f"a line of the model\n{MARKER} {json.dumps({'checks': checks, **numbers})}\n"


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> FakeWorkspace:
    fake = FakeWorkspace()
    monkeypatch.setattr(stage_context, "connect", lambda row: fake)
    return fake


@pytest.fixture
def run(run_in: Callable[..., Run]) -> Run:
    run = run_in(RunStatus.PREFLIGHT)
    StageRecord.objects.create(run=run, stage=RunStatus.PREFLIGHT, started_at=timezone.now())
    return run


def step(run: Run) -> Outcome:
    """What one worker does when it wakes."""
    context = Context(run=run, lease=Lease(run.pk, uuid.uuid4(), 1, recovered=False))
    outcome = preflight.run_stage(context)
    context.flush()
    return outcome


def results(run: Run) -> dict[str, str]:
    detail = run.stages.get(stage=RunStatus.PREFLIGHT).detail
    return {check["name"]: check["result"] for check in detail["checks"]}


def test_the_job_is_started_once_and_waited_for_without_a_worker(run: Run, jobs: FakeWorkspace) -> None:
    for _ in range(3):
        outcome = step(run)
        assert isinstance(outcome, Wait)
        assert outcome.seconds == 2
        assert "the validation job" in outcome.reason
    assert len(jobs.submitted) == 1
    assert next(iter(jobs.files)).startswith(f"/Users/{PRINCIPAL}/slipway/validate-")
    jobs.ends(PASSED, **NUMBERS)
    assert step(run) == GoOn(RunStatus.PLAN, "preflight passed: 8 checks")
    assert set(results(run).values()) == {"pass"}
    assert {"Identity", "Loads", "Latency", "Memory", "Compared with champion"} < set(results(run))


def test_a_worker_that_dies_before_it_notes_the_job_asks_for_the_same_one(run: Run, jobs: FakeWorkspace) -> None:
    step(run)
    Validation.objects.update(job_run_id=None)
    step(run)
    assert len(jobs.submitted) == 2
    assert len(set(jobs.submitted)) == 1


def test_a_worker_that_dies_after_the_result_starts_no_second_job(run: Run, jobs: FakeWorkspace) -> None:
    step(run)
    jobs.ends(RAISED)
    first = step(run)
    assert step(run) == first
    assert len(jobs.submitted) == 1


def test_what_the_job_found_wrong_ends_the_run_with_the_reason(run: Run, jobs: FakeWorkspace) -> None:
    step(run)
    jobs.ends(PASSED, RAISED)
    assert step(run) == End(RunStatus.FAILED, "it raised KeyError. Mend it.")
    assert results(run)["Predicts"] == "fail"
    assert Validation.objects.get().status == "failed"


@pytest.mark.parametrize("code", ["PERMISSION_DENIED", "NOT_IMPLEMENTED"])
def test_a_workspace_that_takes_no_job_is_a_warning(run: Run, jobs: FakeWorkspace, code: str) -> None:
    jobs.refuses = IntegrationError(f"{code}: no jobs here", permanent=True, code=code)
    assert isinstance(step(run), GoOn)
    assert results(run)["Validation"] == "warn"
    validation = Validation.objects.get()
    assert (validation.status, validation.message) == ("unknown", f"{code}: no jobs here")


def test_a_workspace_that_is_away_is_asked_again(run: Run, jobs: FakeWorkspace) -> None:
    jobs.refuses = IntegrationError("503", permanent=False)
    with pytest.raises(IntegrationError):
        step(run)
    jobs.refuses = None
    assert isinstance(step(run), Wait)
    assert Validation.objects.count() == 1


@pytest.mark.parametrize(
    ("state", "result", "words"),
    [
        ({"result_state": "FAILED", "message": "exit code 137"}, "fail", "the job crashed: exit code 137"),
        ({"result_state": "TIMEDOUT"}, "fail", "took longer than 900 s"),
        ({"result_state": "CANCELED"}, "warn", "the job ended without a result: CANCELED"),
        ({"result_state": "SUCCESS"}, "warn", "the job ended without a result"),
    ],
)
def test_a_job_without_a_result_says_why(
    run: Run, jobs: FakeWorkspace, state: dict[str, Any], result: str, words: str
) -> None:
    step(run)
    jobs.job = JobRun(9, **ENDED, **state)
    step(run)
    assert results(run)["Validation"] == result
    assert words in Validation.objects.get().message


def test_cancelling_the_run_cancels_the_job(run: Run, jobs: FakeWorkspace, deployer: User) -> None:
    runner.advance(run.pk)
    stopping.cancel(run=run, actor=deployer)
    assert run.status == RunStatus.PREFLIGHT
    runner.advance(run.pk)
    run.refresh_from_db()
    assert run.status == RunStatus.CANCELLED
    assert jobs.cancelled == [9]
    assert Validation.objects.get().status == "unknown"


def test_runs_of_one_version_wait_for_one_job_and_cancelling_one_leaves_it_to_the_other(
    run: Run, jobs: FakeWorkspace, model_version: ModelVersion, deployer: User
) -> None:
    other = make_run(make_deployment(model_version, deployer, "card-fraud-too"), RunStatus.PREFLIGHT)
    StageRecord.objects.create(run=other, stage=RunStatus.PREFLIGHT, started_at=timezone.now())
    for one in (run, other):
        assert isinstance(step(one), Wait)
    assert len(jobs.submitted) == 1
    stopping.cancel(run=run, actor=deployer)
    runner.advance(run.pk)
    run.refresh_from_db()
    assert (run.status, jobs.cancelled) == (RunStatus.CANCELLED, [])
    jobs.ends(PASSED, **NUMBERS)
    assert step(other) == GoOn(RunStatus.PLAN, "preflight passed: 8 checks")


def test_the_last_run_that_waits_for_a_job_cancels_it_though_another_run_started_it(
    run: Run, jobs: FakeWorkspace, model_version: ModelVersion, deployer: User
) -> None:
    other = make_run(make_deployment(model_version, deployer, "card-fraud-too"), RunStatus.PREFLIGHT)
    StageRecord.objects.create(run=other, stage=RunStatus.PREFLIGHT, started_at=timezone.now())
    for one in (run, other):
        assert isinstance(step(one), Wait)
    for one in (run, other):
        stopping.cancel(run=one, actor=deployer)
        assert one.status == RunStatus.PREFLIGHT
        runner.advance(one.pk)
        one.refresh_from_db()
        assert one.status == RunStatus.CANCELLED
    assert jobs.cancelled == [9]
    assert Validation.objects.get().status == "unknown"


@pytest.mark.parametrize(("age", "started"), [(timedelta(days=6), 0), (timedelta(days=8), 1)])
def test_a_version_is_validated_again_after_a_week(
    run: Run, jobs: FakeWorkspace, model_version: ModelVersion, age: timedelta, started: int
) -> None:
    then = timezone.now() - age
    Validation.objects.create(
        version=model_version, status="passed", started_at=then, finished_at=then, result={"checks": [PASSED]}
    )
    step(run)
    assert len(jobs.submitted) == started


@pytest.mark.parametrize("kind", [RunKind.ADOPT, RunKind.DESTROY, RunKind.ROLLBACK])
def test_a_run_that_brings_no_version_validates_none(run: Run, jobs: FakeWorkspace, kind: RunKind) -> None:
    run.kind = kind
    step(run)
    assert not Validation.objects.exists()


def test_validation_can_be_left_out(run: Run, jobs: FakeWorkspace, settings: Any) -> None:
    settings.VALIDATION = False
    assert isinstance(step(run), GoOn)
    assert not Validation.objects.exists()


@pytest.mark.parametrize(
    ("ours", "theirs", "result", "words"),
    [
        ({"auc": 0.9}, {"auc": 0.8}, "pass", "auc 0.9, was 0.8 (better)"),
        ({"auc": 0.7}, {"auc": 0.8}, "warn", "auc 0.7, was 0.8 (worse)"),
        ({"val_loss": 0.7}, {"val_loss": 0.8}, "pass", "val_loss 0.7, was 0.8 (better)"),
        ({"auc": 0.8}, {"auc": 0.8}, "pass", "(the same)"),
        ({"auc": 0.8}, {"f1": 0.8}, "warn", "no metric in common"),
    ],
)
def test_a_version_is_compared_with_the_champion(
    model_version: ModelVersion, ours: dict[str, float], theirs: dict[str, float], result: str, words: str
) -> None:
    model_version.model.versions.exclude(pk=model_version.pk).update(aliases=[])
    ModelVersion.objects.create(model=model_version.model, version=99, aliases=["champion"], metrics=theirs)
    model_version.aliases, model_version.metrics = [], ours
    model_version.save()
    check = compared(model_version)
    assert check.result == result
    assert words in check.message


def test_the_preflight_tab_and_the_model_page_show_it(
    run: Run, jobs: FakeWorkspace, client: Client, deployer: User, model_version: ModelVersion
) -> None:
    client.force_login(deployer)
    model_page = reverse("catalog:model", args=[model_version.model.full_name])
    assert "Unknown" in client.get(model_page).text
    step(run)
    jobs.ends(PASSED, **NUMBERS)
    step(run)
    page = client.get(f"{reverse('deployments:run', args=[run.pk])}?tab=preflight").text
    for words in ("312 MiB", "2 ms", "3.5 ms", 'href="https://dbc.example.com/#job/1/run/9"'):
        assert words in page
    assert "Validated" in client.get(model_page).text
