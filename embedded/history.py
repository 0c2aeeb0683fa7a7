"""A month of simulated history for the demo's endpoints: real rows and predictions with times in the past.

The sandbox writes the requests to the inference tables and bills the hours. The portal then processes them as usual:
it reads health from the tables, jobs count drift, costs are imported. One model drifts, one wastes money.
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
    """The history of one endpoint."""

    deployer: str
    spec: dict[str, Any]
    #: A name in sandbox.examples.history.
    example: str
    #: Share of each hour, 0 to 1, that the endpoint was up during working hours.
    at_work: float
    #: The same share for all other hours.
    otherwise: float
    #: Body for ``PUT deployments/{id}/quality/``.
    labels: dict[str, Any] | None = None


CHURN_RISK = {
    **SPEC,
    "model": "dev.support.churn_risk",
    "name": "churn-risk",
    "monitoring": {"inference_table": True, "critical": ["number_customer_service_calls"]},
}
# Oversized and always on: the example for savings.
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
    """Fill the history of all endpoints. Idempotent. Raises DemoFailed or httpx.HTTPError."""
    record = demo_record.read()
    say("filling a month of requests and costs, marked as demo data; the portal is ready to use meanwhile")
    tokens = {past.deployer: demo_record.token_of(record, past.deployer) for past in PASTS}
    with ThreadPoolExecutor(max_workers=len(PASTS)) as pool:
        # In parallel, because a run mostly waits.
        running = [pool.submit(deploy, past.spec, tokens[past.deployer], _silent) for past in PASTS]
        for past, run in zip(PASTS, running, strict=True):
            deployment, _ = run.result()
            run_example("sandbox.examples.history", say, past.example, past.spec["name"])
            _charge(past)
            _watch(deployment, past, tokens[past.deployer])
    _import_costs()
    demo_record.write({**demo_record.read(), "history": True})
    say("the history is complete; drift appears in the next minutes")


def _silent(text: str) -> None:
    """Discards the progress of background runs."""


def _charge(past: Past) -> None:
    """Bill the past hours of the endpoint. The sandbox skips hours that are already billed."""
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
    """Import the history of health and set the labels, as a deployer does on the tabs Health and Quality."""
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
    # The costs were imported before the history existed. Reset the times, so that the next import runs now.
    BillingSource.objects.filter(workspace=workspace).update(tried_at=None, month_read_at=None)
    import_costs.delay(workspace.pk)
