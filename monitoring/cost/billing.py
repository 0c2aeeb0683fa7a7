"""What the billing tables of a workspace say: system.billing.usage at the prices of system.billing.list_prices.

Quantities are added up by the warehouse and multiplied by their price here: in SQL the product of two DECIMAL(38,18)
keeps six places only. A usage row has the price in force when its hour began, so each has at most one; without one it
stays, without a cost. Corrections (RETRACTION, RESTATEMENT) are rows of their own and are added up like all others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from integrations.databricks.workspace import WorkspaceClient
from integrations.errors import IntegrationError
from monitoring.cost.models import CostKind

TIMEOUT_S = 300
# Names of jobs that the portal starts begin with "Slipway: "; see the callers of ``WorkspaceClient.submit_job``.
_PRICED = """
  SELECT u.usage_date,
         COALESCE(u.usage_metadata.endpoint_id, '') AS endpoint_id,
         COALESCE(u.usage_metadata.endpoint_name, '') AS endpoint_name,
         CASE WHEN u.billing_origin_product = 'MODEL_SERVING' THEN ''
              ELSE COALESCE(u.usage_metadata.run_name, u.usage_metadata.job_name, u.billing_origin_product) END AS job,
         CASE WHEN u.billing_origin_product <> 'MODEL_SERVING' THEN 'monitoring_job'
              WHEN u.sku_name LIKE '%REAL_TIME_INFERENCE_LAUNCH%' THEN 'launch'
              WHEN u.sku_name LIKE '%REAL_TIME_INFERENCE%' THEN 'serving'
              ELSE 'other' END AS kind,
         u.sku_name AS sku, u.usage_unit AS unit, COALESCE(p.currency_code, '') AS currency,
         CAST(COALESCE(p.pricing.effective_list.default, p.pricing.default) AS STRING) AS price,
         COALESCE(u.custom_tags['slipway_deployment'], '') AS tag,
         u.usage_quantity AS quantity
  FROM system.billing.usage u
  LEFT JOIN system.billing.list_prices p
    ON u.sku_name = p.sku_name AND u.cloud = p.cloud AND u.usage_unit = p.usage_unit
   AND u.usage_start_time >= p.price_start_time
   AND (p.price_end_time IS NULL OR u.usage_start_time < p.price_end_time)
  WHERE u.workspace_id = :workspace_id
    AND u.usage_date >= CAST(:first AS DATE) AND u.usage_date <= CAST(:last AS DATE)
    AND (u.billing_origin_product = 'MODEL_SERVING'
         OR u.usage_metadata.run_name LIKE 'Slipway: %' OR u.usage_metadata.job_name LIKE 'Slipway: %'
         OR u.custom_tags['slipway_deployment'] IS NOT NULL)
"""
USAGE = f"""
SELECT usage_date, endpoint_id, job, kind, sku, unit, currency, price,
       MAX(endpoint_name) AS endpoint_name, MAX(tag) AS tag, CAST(SUM(quantity) AS STRING) AS quantity
FROM ({_PRICED})
GROUP BY usage_date, endpoint_id, job, kind, sku, unit, currency, price
"""  # noqa: S608  # made of constants
TOTALS = f"""
SELECT currency, price, CAST(SUM(quantity) AS STRING) AS quantity
FROM ({_PRICED})
GROUP BY currency, price
"""  # noqa: S608  # made of constants


@dataclass(frozen=True)
class Usage:
    """One row to keep, with the fields of ``CostDay``; ``tag`` is a deployment's primary key as the endpoint has it."""

    date: date
    endpoint_id: str
    endpoint_name: str
    job: str
    kind: str
    sku: str
    unit: str
    currency: str
    quantity: Decimal
    cost: Decimal | None
    tag: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        return (
            self.date.isoformat(),
            self.endpoint_id,
            self.job,
            self.kind,
            self.sku,
            self.unit,
            self.currency,
        )


def read_usage(workspace: WorkspaceClient, first: date, last: date) -> list[Usage]:
    """One for each key of ``CostDay``; days are UTC, both included. Raises IntegrationError."""
    merged: dict[tuple[str, ...], Usage] = {}
    for row in _ask(workspace, USAGE, first, last):
        usage = _usage(row)
        before = merged.get(usage.key)
        merged[usage.key] = _added(before, usage) if before else usage
    return list(merged.values())


def read_totals(workspace: WorkspaceClient, first: date, last: date) -> dict[str, Decimal]:
    """{currency: cost}, exact; "" has the units that have no price. Raises IntegrationError."""
    totals: dict[str, Decimal] = {}
    for row in _ask(workspace, TOTALS, first, last):
        quantity, cost = _quantity_and_cost(row)
        currency = str(row["currency"] or "") if cost is not None else ""
        totals[currency] = totals.get(currency, Decimal(0)) + (quantity if cost is None else cost)
    return totals


def grants_needed(principal: str) -> list[str]:
    """The statements an account admin runs, so that ``principal`` may read the billing tables."""
    name = f"`{principal or '<service principal of the portal>'}`"
    return [
        f"GRANT USE CATALOG ON CATALOG system TO {name};",
        f"GRANT USE SCHEMA ON SCHEMA system.billing TO {name};",
        f"GRANT SELECT ON SCHEMA system.billing TO {name};",
    ]


def _ask(workspace: WorkspaceClient, statement: str, first: date, last: date) -> list[dict[str, Any]]:
    assignment = workspace.do("GET", "/api/2.1/unity-catalog/current-metastore-assignment")
    asked = {
        "workspace_id": str(assignment.get("workspace_id") or ""),
        "first": first.isoformat(),
        "last": last.isoformat(),
    }
    result = workspace.execute_sql(statement, parameters=asked, timeout_s=TIMEOUT_S)
    if result.truncated:
        raise IntegrationError("the answer of the billing tables was cut off", permanent=False, source="databricks")
    return result.records


def _usage(row: Mapping[str, Any]) -> Usage:
    quantity, cost = _quantity_and_cost(row)
    return Usage(
        date=date.fromisoformat(str(row["usage_date"])[:10]),
        endpoint_id=str(row["endpoint_id"] or ""),
        endpoint_name=str(row["endpoint_name"] or ""),
        job=str(row["job"] or "")[:255],
        kind=str(row["kind"]) if row["kind"] in CostKind.values else CostKind.OTHER,
        sku=str(row["sku"]),
        unit=str(row["unit"] or ""),
        currency=str(row["currency"] or "") if cost is not None else "",
        quantity=quantity,
        cost=cost,
        tag=str(row["tag"] or ""),
    )


def _quantity_and_cost(row: Mapping[str, Any]) -> tuple[Decimal, Decimal | None]:
    quantity, price = Decimal(str(row["quantity"] or 0)), row["price"]
    priced = price is not None and bool(row["currency"])
    return quantity, quantity * Decimal(str(price)) if priced else None


def _added(one: Usage, other: Usage) -> Usage:
    """Both have a cost or none: the currency is part of the key."""
    cost = None if one.cost is None or other.cost is None else one.cost + other.cost
    values = {**vars(one), "quantity": one.quantity + other.quantity, "cost": cost}
    return Usage(**{**values, "endpoint_name": one.endpoint_name or other.endpoint_name, "tag": one.tag or other.tag})
