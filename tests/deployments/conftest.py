"""Deployments and runs for tests. No test sends a message to a broker: ``sent`` records what would have gone out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from catalog.models import ModelVersion
from deployments import tasks
from deployments.deployment.specs import parse_spec
from deployments.models import Deployment, Draft, Lease, Run, RunPlan, StageRecord
from deployments.rollouts.entities import serving
from deployments.runs import queue
from deployments.runs.statuses import RunKind, RunStatus, StageStatus
from deployments.stages import tasks as stages_tasks
from tests.deployments.wizard import answering as wizard

PLAN_SHA256 = "5" * 64
RECORDED = ("observe_endpoint", "check_config", "list_endpoints", "run_test_request")


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """(task name, id) of every task that was sent, in order."""
    messages: list[tuple[str, int]] = []
    for name in RECORDED:
        task = getattr(tasks, name)
        monkeypatch.setattr(task, "delay", lambda pk, name=name: messages.append((name, pk)))
        monkeypatch.setattr(task, "apply_async", lambda args, name=name, **_: messages.append((name, args[0])))
    for module in (queue, stages_tasks):
        monkeypatch.setattr(module, "advance_soon", lambda run_id: messages.append(("advance_run", run_id)))
    return messages


@pytest.fixture
def spec() -> dict[str, Any]:
    """The smallest spec for ``model_version``; a new dict for each test."""
    return {"model": "staging.fraud.card_fraud", "version": "3", "environment": "staging", "name": "card-fraud"}


@pytest.fixture
def deployment(model_version: ModelVersion, spec: dict[str, Any], deployer: User) -> Deployment:
    """card-fraud of the team fraud in staging, without a run."""
    return make_deployment(model_version, deployer, "card-fraud")


def make_deployment(version: ModelVersion, created_by: User, name: str, **values: Any) -> Deployment:
    model = version.model
    assert model.team is not None
    environment = values.pop("environment", None) or model.workspace.environments.get(catalog_name=model.catalog_name)
    wanted = {
        "model": model.full_name,
        "version": str(version.version),
        "environment": environment.slug,
        "name": name,
    }
    return Deployment.objects.create(
        team=model.team,
        workspace=model.workspace,
        environment=environment,
        model=model,
        name=name,
        spec=parse_spec(wanted).as_json(),
        created_by=created_by,
        **values,
    )


def make_run(deployment: Deployment, status: str = RunStatus.QUEUED, **values: Any) -> Run:
    """A run of ``deployment`` that is in ``status`` as if it had come there."""
    now = timezone.now()
    values.setdefault("requested_by", deployment.created_by)
    values.setdefault("stage_started_at", now)
    return Run.objects.create(
        deployment=deployment, status=status, spec=deployment.spec, **{"kind": RunKind.DEPLOY, **values}
    )


def claimed(run: Run, worker: str = "worker") -> Lease:
    """The lease of ``run``, which nobody holds yet."""
    lease = Run.claim_lease(run.pk, worker)
    assert lease is not None
    return lease


def last_message(run: Run) -> str:
    return run.events.reverse()[0].message


def variables_of(run: Run) -> dict[str, Any]:
    """What the plan of a first deployment, or of one to all traffic at once, makes of the endpoint."""
    served = serving(run.parsed_spec(), {})
    return {"endpoint_name": run.deployment.name, "served_entities": served.entities, "routes": served.routes}


def give_plan(run: Run, **values: Any) -> RunPlan:
    """A saved plan for ``run``."""
    given = {
        "sha256": PLAN_SHA256,
        "planfile": b"encrypted",
        "terraform_version": "1.13.0",
        "variables": variables_of(run),
        "show": {"format_version": "1.2", "resource_changes": []},
        "changes": [],
        "sentences": ["The endpoint card-fraud will be created"],
        "summary": {"create": 1, "update": 0, "replace": 0, "delete": 0, "no-op": 0, "import": 0},
    }
    return RunPlan.objects.create(run=run, **{**given, **values})


@pytest.fixture
def run_in(deployment: Deployment) -> Callable[..., Run]:
    """``run_in(RunStatus.APPROVAL)``: a run of ``deployment``; one that is past planning has a plan."""

    def make(status: str, **values: Any) -> Run:
        run = make_run(deployment, status, **values)
        if status in (RunStatus.APPROVAL, RunStatus.APPLY, RunStatus.ENDPOINT, RunStatus.SMOKE):
            give_plan(run)
        return run

    return make


@pytest.fixture
def waiting(deployment: Deployment) -> Run:
    """A run that waits for approval, with its plan and the stages before."""
    run = make_run(deployment, RunStatus.APPROVAL)
    give_plan(
        run,
        changes=[
            {
                "address": "module.endpoint.databricks_model_serving.this",
                "action": "update",
                "attributes": [{"path": "config.served_entities.version", "before": "2", "after": "3"}],
            }
        ],
    )
    now = timezone.now()
    for stage in (RunStatus.PREFLIGHT, RunStatus.PLAN):
        StageRecord.objects.create(
            run=run, stage=stage, status=StageStatus.PASSED, started_at=now - timedelta(seconds=4), finished_at=now
        )
    StageRecord.objects.create(run=run, stage=RunStatus.APPROVAL, started_at=now)
    return run


@pytest.fixture
def draft(client: Client, model_version: ModelVersion, deployer: User) -> Draft:
    """A new draft of the deployer, who is signed in."""
    client.force_login(deployer)
    client.post(wizard.START)
    return Draft.objects.get(owner=deployer)


@pytest.fixture
def answered(client: Client, draft: Draft) -> Draft:
    """A draft whose every step was answered."""
    wizard.answer_all(client, draft)
    draft.refresh_from_db()
    return draft
