"""A workspace whose billing tables are lists of a test, and rows of days that were billed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from deployments.models import Deployment
from integrations.errors import IntegrationError
from monitoring.cost.billing import TOTALS
from monitoring.models import CostDay, CostKind

SERVING = "PREMIUM_SERVERLESS_REAL_TIME_INFERENCE_US_EAST"
LAUNCH = "PREMIUM_SERVERLESS_REAL_TIME_INFERENCE_LAUNCH_US_EAST"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Answer:
    """What of a StatementResult is read."""

    records: list[dict[str, Any]]
    truncated: bool = False


def usage(day: str, quantity: str, **values: Any) -> dict[str, Any]:
    """A usage row that is priced at 0.07 USD, as the join of the two tables has it."""
    row = {
        "usage_date": day,
        "endpoint_id": "e1",
        "endpoint_name": "card-fraud",
        "job": "",
        "kind": "serving",
        "sku": SERVING,
        "unit": "DBU",
        "currency": "USD",
        "price": "0.07",
        "tag": "",
        "quantity": quantity,
    }
    return {**row, **values}


@dataclass
class Billing:
    """Adds ``rows`` up as the warehouse does; ``refusal`` is raised instead of any answer."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    refusal: IntegrationError | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, _: Any) -> Billing:
        return self

    def do(self, method: str, path: str) -> Mapping[str, Any]:
        return {"workspace_id": 42}

    def current_user(self) -> str:
        return "portal@example.com"

    def execute_sql(self, statement: str, *, parameters: Mapping[str, str], timeout_s: float) -> Answer:
        if self.refusal:
            raise self.refusal
        assert parameters["workspace_id"] == "42"
        first, last = parameters["first"], parameters["last"]
        self.asked.append((first, last))
        chosen = [row for row in self.rows if first <= row["usage_date"] <= last]
        names = ("currency", "price") if statement == TOTALS else tuple(set(usage("", "")) - {"quantity"})
        sums: dict[tuple[Any, ...], Decimal] = {}
        for row in chosen:
            key = tuple(row[name] for name in names)
            sums[key] = sums.get(key, Decimal(0)) + Decimal(row["quantity"])
        return Answer([{**dict(zip(names, key, strict=True)), "quantity": str(total)} for key, total in sums.items()])


def spent(deployment: Deployment | None, day: date, cost: str | None, **values: Any) -> CostDay:
    """A day of ``deployment`` that cost ``cost`` USD; None where it has no price."""
    workspace: Any = deployment.workspace if deployment else values.pop("workspace")
    given = {
        "endpoint_id": deployment.endpoint_id or f"of-{deployment.pk}" if deployment else "lost",
        "endpoint_name": deployment.name if deployment else "lost",
        "kind": CostKind.SERVING,
        "sku": SERVING,
        "unit": "DBU",
        "currency": "USD" if cost is not None else "",
        "quantity": Decimal(10),
        "cost": None if cost is None else Decimal(cost),
    }
    return CostDay.objects.create(workspace=workspace, deployment=deployment, date=day, **{**given, **values})
