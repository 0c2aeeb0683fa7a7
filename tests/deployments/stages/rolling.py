"""A run that moves traffic, from its smoke test on."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from catalog.models import ModelVersion
from deployments.deployment.specs import parse_spec
from deployments.models import Deployment, RolloutStep, Run, StageRecord
from deployments.rollouts.entities import serving
from deployments.runs.statuses import RunStatus
from tests.deployments.conftest import give_plan, make_run

CANARY = {"strategy": "canary", "steps": [25, 100], "bake_minutes": 10, "min_requests": 200}


def intend(deployment: Deployment, version: str = "3") -> None:
    """As if the last good run had left ``version``, alone, with all traffic."""
    spec = {**deployment.spec, "version": version}
    served = serving(parse_spec(spec), {})
    deployment.intended = {"served_entities": served.entities, "routes": served.routes}
    deployment.intended_spec = deployment.spec = spec
    deployment.save()


def rolling_run(deployment: Deployment, **rollout: Any) -> Run:
    """A run to version 4 that has passed its smoke test, beside version 3."""
    intend(deployment)
    spec = {**deployment.spec, "version": "4", "rollout": {**CANARY, **rollout}}
    deployment.spec = spec
    deployment.save()
    run = make_run(deployment, RunStatus.ROLLOUT, attempt=1, started_at=timezone.now())
    served = serving(parse_spec(spec), deployment.intended)
    give_plan(run, variables={"served_entities": served.entities, "routes": served.routes})
    StageRecord.objects.create(run=run, stage=RunStatus.ROLLOUT, started_at=timezone.now())
    return run


def moving_run(deployment: Deployment) -> Run:
    """A run whose first step, 25 %, has its traffic and has been looked at."""
    run, now = rolling_run(deployment), timezone.now()
    routes = {"card_fraud-3": 75, "card_fraud-4": 25}
    RolloutStep.objects.create(
        run=run,
        attempt=1,
        index=0,
        percent=25,
        expected=routes,
        live=routes,
        started_at=now,
        moved_at=now,
        numbers={
            "old": {"requests": 900, "errors_4xx": 9, "errors_5xx": 0, "error_rate": 0.01, "p99_ms": 41.0},
            "new": {"requests": 300, "errors_4xx": 0, "errors_5xx": 15, "error_rate": 0.05, "p99_ms": None},
        },
    )
    return run


def make_history(deployment: Deployment, version: ModelVersion) -> dict[str, Run]:
    """Good runs of versions 1, 2 and 3; 3 serves, and 2 stands beside it without traffic. The model has 4 versions."""
    for number in (1, 2, 4):
        version.pk, version.version = None, number
        version.save()
    runs = {}
    for name in ("1", "2", "3"):
        deployment.spec = {**deployment.spec, "version": name}
        runs[name] = make_run(deployment, RunStatus.SUCCEEDED, finished_at=timezone.now())
    intend(deployment, "2")
    canary = {**deployment.spec, "version": "3", "rollout": {"strategy": "canary"}}
    served = serving(parse_spec(canary), deployment.intended)
    routes = [{**route, "traffic_percentage": percent} for route, percent in zip(served.routes, (0, 100), strict=True)]
    deployment.intended = {"served_entities": served.entities, "routes": routes}
    deployment.intended_spec = deployment.spec = canary
    deployment.save()
    return runs
