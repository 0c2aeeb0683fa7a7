"""Reads hours from the lake that the database no longer keeps."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from django.db.models import Q

from monitoring.health.models import COARSE, KEPT, HealthBucket
from monitoring.watched import delta
from monitoring.watched.lake_tables import OF_DEPLOYMENT, Column, Kind, LakeTable

KINDS: dict[str, Kind] = {
    "BooleanField": "bool",
    "CharField": "string",
    "DateTimeField": "timestamp",
    "FloatField": "float64",
    "JSONField": "json",
    "PositiveIntegerField": "int64",
}
#: All of a bucket.
COLUMNS = tuple(
    Column(one.name, KINDS[one.get_internal_type()], one.name)
    for one in HealthBucket._meta.concrete_fields
    if one.name not in ("id", "deployment", "width")
)


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
    # Rows from before a column existed have null: without slot_minutes the others of sleep are unknown.
    values = {name: row[name] for name in (column.name for column in COLUMNS) if row.get(name) is not None}
    for name in ("latency", "model_latency"):
        values[name] = json.loads(values.get(name) or "{}")
    return HealthBucket(width=COARSE, deployment_id=row["deployment_id"], **values)


ENDPOINT_METRICS = LakeTable(
    "endpoint_metrics",
    "Requests, latency and load of one version of an endpoint in an hour. The database keeps 31 days.",
    lambda: HealthBucket,
    (*OF_DEPLOYMENT, *COLUMNS),
    at="start",
    keys=("deployment_id", "version", "start"),
    schema_version=2,
    # Users may fill hours without metrics from the inference table.
    replaced_days=KEPT[COARSE].days,
    forgotten_days=KEPT[COARSE].days - 1,
    only=Q(width=COARSE),
)
