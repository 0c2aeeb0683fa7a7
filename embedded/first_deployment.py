"""Deployments of the demo, created over the API with a deployer's token, as a CI pipeline does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx
from django.utils import timezone

from catalog.mirror.tasks import sync_workspace
from catalog.models import ModelVersion, ModelVersionStatus, Workspace
from deployments.runs.statuses import TERMINAL, RunStatus
from embedded.cast import WORKSPACE
from embedded.ports import portal_url

SPEC: dict[str, Any] = {
    "model": "dev.fraud.credit_default",
    "version": "@champion",
    "environment": "dev",
    "name": "credit-default",
    "compute": {"workload_type": "CPU", "workload_size": "Small", "scale_to_zero": True},
    "monitoring": {"inference_table": True, "critical": ["Income", "Amount"]},
}
API_TIMEOUT_S = 30
CATALOG_TIMEOUT_S = 90
RUN_TIMEOUT_S = 300
ASK_AGAIN_S = 15
NAP_S = 0.5


class DemoFailed(Exception):
    """A step of the demo failed. The message is for people."""


def wait_for_catalog() -> None:
    """Sync the catalog and wait until it has the model of the first deployment. Raises DemoFailed."""
    workspace = Workspace.objects.get(name=WORKSPACE)
    deadline, asked = time.monotonic() + CATALOG_TIMEOUT_S, 0.0
    while not _can_be_deployed():
        if time.monotonic() > deadline:
            workspace.refresh_from_db()
            raise DemoFailed(f"{SPEC['model']} did not appear in the catalog. {workspace.sync_error}".strip())
        if time.monotonic() - asked > ASK_AGAIN_S:
            # A running sync may have started before the last model was registered, so request another one.
            Workspace.objects.filter(pk=workspace.pk).update(refresh_requested_at=timezone.now())
            sync_workspace.delay(workspace.pk)
            asked = time.monotonic()
        time.sleep(NAP_S)


def _can_be_deployed() -> bool:
    versions = ModelVersion.objects.filter(
        model__full_name=SPEC["model"], status=ModelVersionStatus.READY, details_synced_at__isnull=False
    )
    alias = str(SPEC["version"]).removeprefix("@")
    return any(alias in version.aliases for version in versions)


def deploy(spec: dict[str, Any], token: str, say: Callable[[str], None]) -> tuple[int, int]:
    """Deploy ``spec`` and wait until the run has succeeded. Idempotent by the name in ``spec``.

    Returns (deployment id, run id). Raises DemoFailed and httpx.HTTPError.
    """
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=f"{portal_url()}/api/v1/", headers=headers, timeout=API_TIMEOUT_S) as api:
        answer = api.post("deployments/", json=spec, headers={"Idempotency-Key": f"demo-{spec['name']}"})
        if answer.is_error:
            raise DemoFailed(f"The API rejected {spec['name']} ({answer.status_code}): {answer.text[:500]}")
        run = _follow(api, int(answer.json()["run"]["id"]), say)
    if run["status"] != RunStatus.SUCCEEDED:
        raise DemoFailed(f"Run {run['id']} ended as {run['status']}: {run['message']}")
    return int(run["deployment"]), int(run["id"])


def _follow(api: httpx.Client, run_id: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Wait for the end of the run and return it; ``say`` gets every new status. Raises DemoFailed on a timeout."""
    deadline, seen = time.monotonic() + RUN_TIMEOUT_S, ""
    while True:
        run: dict[str, Any] = api.get(f"runs/{run_id}/").raise_for_status().json()
        if run["status"] != seen:
            seen = run["status"]
            say(f"run {run_id}: {seen}")
        if seen in TERMINAL:
            return run
        if time.monotonic() > deadline:
            raise DemoFailed(f"Run {run_id} has not finished after {RUN_TIMEOUT_S} s; its status is {seen}.")
        time.sleep(NAP_S)
