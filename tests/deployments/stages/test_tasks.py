"""Celery's doors: what beat wakes, what expires, and what a second delivery does."""

import threading
from datetime import timedelta

import pytest
from django.utils import timezone

from deployments.deployment import reading as deployment_reading
from deployments.deployment import tasks as deployment_tasks
from deployments.models import Deployment, Run, TestRequest
from deployments.runs.statuses import RunStatus
from deployments.stages import runner
from deployments.stages import tasks as stages_tasks
from deployments.trials import reading as trials_reading
from deployments.trials import tasks as trials_tasks
from integrations.databricks.records import Endpoint, QueryResult, Route, ServedEntity
from integrations.errors import IntegrationError
from tests.deployments.conftest import make_deployment, make_run

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


@pytest.fixture
def one_each(model_version, deployer):
    """``one_each(status, **values)``: a run in ``status`` of a deployment of its own."""

    def make(status, **values):
        name = f"e{Deployment.objects.count()}"
        return make_run(make_deployment(model_version, deployer, name), status, **values)

    return make


def test_beat_wakes_what_is_due_and_nothing_else(one_each, sent):
    now = timezone.now()
    past, future = now - timedelta(seconds=1), now + timedelta(minutes=1)
    due = [
        one_each(RunStatus.QUEUED),
        one_each(RunStatus.ENDPOINT, wake_at=past),
        one_each(RunStatus.APPLY, lease_token="0f8fad5b-d9cb-469f-a165-70867728950e", lease_expires_at=past),
    ]
    one_each(RunStatus.ENDPOINT, wake_at=future)
    one_each(RunStatus.PLAN, lease_token="0f8fad5b-d9cb-469f-a165-70867728950f", lease_expires_at=future)
    one_each(RunStatus.APPROVAL)
    one_each(RunStatus.SUCCEEDED)
    stages_tasks.wake_runs()
    assert sent == [("advance_run", run.pk) for run in due]


def test_an_advance_sends_on_and_looks_at_the_endpoint_of_a_finished_run(one_each, monkeypatch, sent):
    busy, over = one_each(RunStatus.PLAN), one_each(RunStatus.SUCCEEDED)
    monkeypatch.setattr(runner, "advance", lambda run_id: [run_id] if run_id == busy.pk else [])
    stages_tasks.advance_run(busy.pk)
    stages_tasks.advance_run(over.pk)
    stages_tasks.advance_run(4711)
    after = [("observe_endpoint", over.deployment_id), ("check_config", over.deployment_id)]
    assert sent == [("advance_run", busy.pk), *after]


def test_a_worker_that_is_told_to_stop_takes_no_run(one_each, monkeypatch, sent):
    stopping = threading.Event()
    stopping.set()
    monkeypatch.setattr(stages_tasks, "STOPPING", stopping)
    run = one_each(RunStatus.QUEUED)
    stages_tasks.advance_run(run.pk)
    assert Run.objects.get().status == RunStatus.QUEUED
    assert sent == []


def test_an_approval_expires_and_lets_the_next_run_go(one_each, sent):
    now = timezone.now()
    late = one_each(RunStatus.APPROVAL, stage_started_at=now - timedelta(hours=25))
    queued = make_run(late.deployment)
    in_time = one_each(RunStatus.APPROVAL, stage_started_at=now - timedelta(hours=23))
    applying = one_each(RunStatus.APPLY, stage_started_at=now - timedelta(days=9))
    stages_tasks.expire_approvals()
    for run in (late, in_time, applying):
        run.refresh_from_db()
    assert (late.status, late.message) == (RunStatus.EXPIRED, "no decision within 24 h")
    assert (in_time.status, applying.status) == (RunStatus.APPROVAL, RunStatus.APPLY)
    assert sent == [("advance_run", queued.pk)]


def test_the_environment_says_how_long_an_approval_may_take(one_each, environment):
    environment.approval_expires_after_hours = 1
    environment.save()
    run = one_each(RunStatus.APPROVAL, stage_started_at=timezone.now() - timedelta(hours=2))
    stages_tasks.expire_approvals()
    run.refresh_from_db()
    assert (run.status, run.message) == (RunStatus.EXPIRED, "no decision within 1 h")


class FakeWorkspace:
    """Answers ``answer`` to whatever is asked, or raises it."""

    def __init__(self, answer):
        self.answer, self.asked = answer, []

    def _say(self, *what):
        self.asked.append(what)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def get_endpoint(self, name):
        return self._say(name)

    def query(self, name, body, *, timeout_s):
        return self._say(name, body)


@pytest.fixture
def workspace_says(monkeypatch):
    def say(answer):
        workspace = FakeWorkspace(answer)
        monkeypatch.setattr(deployment_reading, "connect", lambda row: workspace)
        monkeypatch.setattr(trials_reading, "connect", lambda row: workspace)
        return workspace

    return say


ENTITY = ServedEntity("card_fraud-3", "staging.fraud.card_fraud", "3", deployment="DEPLOYMENT_READY")
ENDPOINT = Endpoint("card-fraud", "id", True, "NOT_UPDATING", (ENTITY,), routes=(Route("card_fraud-3", 100),))


def test_every_living_endpoint_is_looked_at(deployment, model_version, deployer, sent):
    make_deployment(model_version, deployer, "gone", destroyed_at=timezone.now())
    deployment_tasks.observe_endpoints()
    assert sent == [("observe_endpoint", deployment.pk)]


def test_what_the_workspace_shows_is_kept(deployment, workspace_says):
    workspace_says(ENDPOINT)
    deployment_tasks.observe_endpoint(deployment.pk)
    deployment.refresh_from_db()
    assert (deployment.endpoint_state().label, deployment.live_version) == ("Ready · up to date", "3")
    workspace_says(None)
    deployment_tasks.observe_endpoint(deployment.pk)
    deployment.refresh_from_db()
    assert (deployment.endpoint_state().label, deployment.served) == ("Not deployed", [])


def test_a_workspace_that_is_away_leaves_the_old_facts_and_the_reason(deployment, workspace_says):
    workspace_says(ENDPOINT)
    deployment_tasks.observe_endpoint(deployment.pk)
    workspace_says(IntegrationError("403: no", permanent=True))
    deployment_tasks.observe_endpoint(deployment.pk)
    deployment.refresh_from_db()
    assert (deployment.observe_error, deployment.live_version) == ("403: no", "3")
    assert deployment.endpoint_state().tone == "unknown"


def test_a_destroyed_endpoint_is_not_looked_at(deployment, workspace_says):
    Deployment.objects.update(destroyed_at=timezone.now())
    workspace = workspace_says(ENDPOINT)
    deployment_tasks.observe_endpoint(deployment.pk)
    deployment_tasks.observe_endpoint(4711)
    assert workspace.asked == []


@pytest.fixture
def asked(deployment, viewer):
    return TestRequest.objects.create(deployment=deployment, requested_by=viewer, body={"inputs": [1]})


def test_a_test_request_is_answered_once(asked, workspace_says):
    workspace = workspace_says(QueryResult(200, {"predictions": [0]}, 12.5, "card_fraud-3"))
    for _ in range(2):
        trials_tasks.run_test_request(asked.pk)
    asked.refresh_from_db()
    assert workspace.asked == [("card-fraud", {"inputs": [1]})]
    assert (asked.status, asked.status_code, asked.latency_ms) == ("answered", 200, 12.5)
    assert asked.served_entity == "card_fraud-3"
    assert '"predictions"' in asked.response


@pytest.mark.parametrize("body", ["a\x00b", {"text": "half \ud800 pair"}, "x" * 200_000])
def test_whatever_a_model_answers_is_kept(asked, workspace_says, body):
    workspace_says(QueryResult(400, body, 1.0))
    trials_tasks.run_test_request(asked.pk)
    asked.refresh_from_db()
    assert (asked.status, asked.status_code) == ("answered", 400)
    assert 0 < len(asked.response) <= trials_reading.MAX_RESPONSE_CHARS


def test_an_endpoint_that_cannot_be_asked_says_why(asked, workspace_says):
    workspace_says(IntegrationError("querying card-fraud: no answer in 60 s", permanent=False))
    trials_tasks.run_test_request(asked.pk)
    asked.refresh_from_db()
    assert (asked.status, asked.response) == ("failed", "querying card-fraud: no answer in 60 s")
