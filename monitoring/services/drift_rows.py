"""The predictions behind a point of drift, read from the inference table while somebody waits: a few, and audited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from auditlog.models import LogEntry

from accounts.models import User
from accounts.roles import Action
from catalog.sync import connect
from deployments.models import Deployment
from deployments.services.base import ActionRefused, require
from integrations.drift.payloads import OURS, PREDICTION, REQUEST_ID, SOURCE_COLUMNS, TIME, unpack
from integrations.errors import IntegrationError
from monitoring.services.base import require_inference_table
from monitoring.sync.drift_versions import columns_of, quoted, versions_of

REQUESTS = 20
# Longer than a warehouse that runs takes, shorter than one that has to start: that one is said in words.
TIMEOUT_S = 15
QUERY = """SELECT {columns}
FROM {table}
WHERE request_date BETWEEN DATE '{first}' AND DATE '{last}'
  AND request_time >= TIMESTAMP '{start}' AND request_time < TIMESTAMP '{end}'
  AND status_code = 200
ORDER BY request_time DESC
LIMIT {limit}"""


@dataclass(frozen=True)
class Behind:
    """``rows``: {"at", "request_id", "prediction", feature: value}, the newest first; ``query`` as anybody may run it.

    ``features`` are in the order of the version's signature.
    """

    query: str
    features: list[str]
    rows: list[dict[str, Any]]
    skipped: Mapping[str, int]


def query_behind(deployment: Deployment, start: datetime, end: datetime) -> str:
    """The statement, without parameters: for people too. Raises ActionRefused without an inference table."""
    table = require_inference_table(deployment)
    first, last = start.astimezone(UTC), end.astimezone(UTC)
    return QUERY.format(
        columns=", ".join(SOURCE_COLUMNS),
        table=quoted(table),
        first=first.date(),
        last=last.date(),
        start=f"{first:%Y-%m-%d %H:%M:%S}Z",
        end=f"{last:%Y-%m-%d %H:%M:%S}Z",
        limit=REQUESTS,
    )


def rows_behind(*, deployment: Deployment, start: datetime, end: datetime, actor: User) -> Behind:
    """The newest predictions of ``[start, end)``. Payloads may be about people: who looks stands in the audit trail.

    Raises PermissionDenied, or ActionRefused with the reason in words.
    """
    require(actor, Action.DEPLOY, deployment)
    query = query_behind(deployment, start, end)
    looked = {"requests_looked_at": ["", f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"]}
    LogEntry.objects.log_create(deployment, force_log=True, action=LogEntry.Action.ACCESS, changes=looked, actor=actor)
    try:
        records = connect(deployment.workspace).execute_sql(query, timeout_s=TIMEOUT_S).records
    except IntegrationError as error:
        words = "the warehouse is not running yet: try again in a minute" if error.code == "TIMEOUT" else error.message
        raise ActionRefused("rows_not_read", f"The rows could not be read: {words}.") from error
    return _unpacked(deployment, query, records)


def _unpacked(deployment: Deployment, query: str, records: list[dict[str, Any]]) -> Behind:
    columns: dict[str, str] = {}
    for version in reversed(versions_of(deployment)):
        columns |= columns_of(version)
    features = [name for name in columns if name not in OURS]
    if not records:
        return Behind(query, features, [], {})
    [(found, skipped)] = unpack(pa.Table.from_pylist(records).combine_chunks().to_batches(), columns)
    rows = [
        {
            "at": row[TIME],
            "request_id": row[REQUEST_ID],
            "prediction": row[PREDICTION],
            **{name: row[name] for name in features},
        }
        for row in found.to_pylist()
    ]
    return Behind(query, features, rows, skipped)
