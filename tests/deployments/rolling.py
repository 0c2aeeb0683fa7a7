"""A run that moves traffic, from its smoke test on."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from deployments.models import Deployment, Run, StageRecord
from deployments.rollouts.entities import serving
from deployments.specs import parse_spec
from deployments.states import RunStatus
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
