"""Reads hours from the lake that the database no longer keeps."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from django.db.models import Q

from monitoring.health.models import COARSE, KEPT, HealthBucket
from monitoring.watched import delta
from monitoring.watched.lake_tables import OF_DEPLOYMENT, Column, LakeTable


class LakeUnreadable(Exception):
    """The lake does not respond, or the data is not a Delta table. The message is shown to people."""


def old_hours(deployment_id: int, start: datetime, end: datetime) -> list[HealthBucket]:
    """The hours of ``[start, end)`` as unsaved rows. Only files of these days are read. Raises LakeUnreadable."""
    import pyarrow.dataset as ds
    from deltalake.exceptions import DeltaError

    first, last = start.astimezone(UTC).date(), end.astimezone(UTC).date()
    try:
        target = delta.find(ENDPOINT_METRICS)
        if target is None:
            return []
        of_days = (ds.field("date") >= first) & (ds.field("date") <= last)
        mine = (ds.field("deployment_id") == deployment_id) & (ds.field("start") >= start) & (ds.field("start") < end)
        found = delta.dataset(target).to_table(filter=of_days & mine).to_pylist()
    except (DeltaError, OSError, ValueError) as error:
        raise LakeUnreadable(f"The data lake cannot be read: {type(error).__name__}.") from error
    return [_bucket(row) for row in found]


def _bucket(row: dict[str, Any]) -> HealthBucket:
    fields = ("deployment_id", "version", "start", "minutes", "requests", "errors_4xx", "errors_5xx")
    loads = ("load_minutes", "cpu_percent", "memory_percent", "concurrency", "is_backfilled")
    values = {name: row[name] for name in (*fields, *loads)}
    # Rows from before these columns existed have null: 0 slot_minutes means unknown.
    sleep = {name: row.get(name) or 0 for name in ("slot_minutes", "asleep_minutes", "cold_starts")}
    own = json.loads(row.get("model_latency") or "{}")
    return HealthBucket(width=COARSE, latency=json.loads(row["latency"]), model_latency=own, **values, **sleep)


ENDPOINT_METRICS = LakeTable(
    "endpoint_metrics",
    "Requests, latency and load of one version of an endpoint in an hour. The database keeps 31 days.",
    lambda: HealthBucket,
    (
        *OF_DEPLOYMENT,
        Column("version", "string", "version"),
        Column("start", "timestamp", "start"),
        Column("minutes", "int64", "minutes"),
        Column("requests", "float64", "requests"),
        Column("errors_4xx", "float64", "errors_4xx"),
        Column("errors_5xx", "float64", "errors_5xx"),
        Column("latency", "json", "latency"),
        Column("model_latency", "json", "model_latency"),
        Column("load_minutes", "int64", "load_minutes"),
        Column("cpu_percent", "float64", "cpu_percent"),
        Column("memory_percent", "float64", "memory_percent"),
        Column("concurrency", "float64", "concurrency"),
        Column("slot_minutes", "int64", "slot_minutes"),
        Column("asleep_minutes", "int64", "asleep_minutes"),
        Column("cold_starts", "int64", "cold_starts"),
        Column("is_backfilled", "bool", "is_backfilled"),
    ),
    at="start",
    keys=("deployment_id", "version", "start"),
    schema_version=2,
    # Users may fill hours without metrics from the inference table.
    replaced_days=KEPT[COARSE].days,
    forgotten_days=KEPT[COARSE].days - 1,
    only=Q(width=COARSE),
)
