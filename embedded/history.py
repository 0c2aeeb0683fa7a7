"""A month that the demo's endpoints might have had: real rows, answered by the real models, at times of the past.

The sandbox writes the requests to the inference tables and charges the hours; from there on all is as it always is:
health is read from the table, drift is counted by jobs, costs are imported. One model drifts, one wastes money.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from catalog.models import Workspace
from embedded import record as demo_record
from embedded.cast import WORKSPACE
from embedded.examples import run_example
from embedded.first_deployment import SPEC, deploy
from embedded.ports import portal_url, sandbox_url
from monitoring.cost.tasks import import_costs
from monitoring.models import BillingSource

DAYS = 30
OPENS, CLOSES, FRIDAY = 6, 18, 4
TIMEOUT_S = 30
Say = Callable[[str], None]


@dataclass(frozen=True)
class Past:
    """``example`` is a name of sandbox.examples.history. ``at_work`` and ``otherwise``: shares of an hour it was up.

    ``labels`` say what became of predictions, as ``PUT deployments/{id}/quality/`` takes it.
    """

    deployer: str
    spec: dict[str, Any]
    example: str
    at_work: float
    otherwise: float
    labels: dict[str, Any] | None = None


CHURN_RISK = {
    **SPEC,
    "model": "dev.support.churn_risk",
    "name": "churn-risk",
    "monitoring": {"inference_table": True, "critical": ["number_customer_service_calls"]},
}
# Larger than it has to be, and always on.
DIAMOND_PRICE = {
    **SPEC,
    "model": "staging.pricing.diamond_price",
    "environment": "staging",
    "name": "diamond-price",
    "compute": {"workload_type": "CPU", "workload_size": "Medium", "scale_to_zero": False},
    "monitoring": {"inference_table": True},
}
LOANS = {
    "table": "dev.fraud.credit_default_outcomes",
    "id_column": "client_request_id",
    "label_column": "is_bad",
    "time_column": "known_at",
    "kind": "classification",
    "positive_label": "1",
    "delay_days": 7,
    "metric": "accuracy",
    "limit": 0.7,
    "window_days": 7,
}
PASTS = (
    Past("fiona", SPEC, "fraud.credit_default", at_work=0.9, otherwise=0.15, labels=LOANS),
    Past("samir", CHURN_RISK, "support.churn_risk", at_work=0.8, otherwise=0.15),
    Past("priya", DIAMOND_PRICE, "pricing.diamond_price", at_work=1, otherwise=1),
)


def fill_history(say: Say) -> None:
    """Once; what an earlier start has done is left out. Raises DemoFailed or httpx.HTTPError."""
    record = demo_record.read()
    say("filling a month of requests and costs, marked as demo data; look around meanwhile")
    tokens = {past.deployer: demo_record.token_of(record, past.deployer) for past in PASTS}
    with ThreadPoolExecutor(max_workers=len(PASTS)) as pool:
        # All at once: most of a run is waiting.
        running = [pool.submit(deploy, past.spec, tokens[past.deployer], _silent) for past in PASTS]
        for past, run in zip(PASTS, running, strict=True):
            deployment, _ = run.result()
            run_example("sandbox.examples.history", say, past.example, past.spec["name"])
            _charge(past)
            _watch(deployment, past, tokens[past.deployer])
    _import_costs()
    demo_record.write({**demo_record.read(), "history": True})
    say("the month is there; drift is counted in the next minutes")


def _silent(text: str) -> None:
    """Stages of runs that nobody waits for."""


def _charge(past: Past) -> None:
    """Hours that were charged before are left out."""
    this_hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    hours = [this_hour - timedelta(hours=back) for back in range(DAYS * 24, 0, -1)]
    body = {
        "endpoint": past.spec["name"],
        "up": [past.at_work if _is_work(hour) else past.otherwise for hour in hours],
        "launches": [int(past.otherwise < 1 and _is_work(hour) and hour.hour == OPENS) for hour in hours],
    }
    httpx.post(f"{sandbox_url()}/_sandbox/billing/history", json=body, timeout=TIMEOUT_S).raise_for_status()


def _is_work(hour: datetime) -> bool:
    return hour.weekday() <= FRIDAY and OPENS <= hour.hour < CLOSES


def _watch(deployment: int, past: Past, token: str) -> None:
    """What a deployer would do on the tabs Health and Quality."""
    with httpx.Client(
        base_url=f"{portal_url()}/api/v1/deployments/{deployment}/",
        headers={"Authorization": f"Bearer {token}"},
        timeout=TIMEOUT_S,
    ) as api:
        key = {"Idempotency-Key": f"demo-past-{deployment}"}
        api.post("health/history/", json={}, headers=key).raise_for_status()
        if past.labels:
            api.put("quality/", json=past.labels).raise_for_status()


def _import_costs() -> None:
    workspace = Workspace.objects.get(name=WORKSPACE)
    # Read already while there was nothing: not only after the usual hour again.
    BillingSource.objects.filter(workspace=workspace).update(tried_at=None, month_read_at=None)
    import_costs.delay(workspace.pk)
