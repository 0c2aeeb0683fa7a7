"""Reads the requests behind a point of drift from the inference table, during the request of a user, and audits it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from auditlog.models import LogEntry

from accounts.models import User
from accounts.teams.roles import Action
from catalog.models import ModelVersion
from catalog.workspaces.services import connect
from deployments.deployment.permissions import require
from deployments.models import Deployment
from integrations.errors import IntegrationError
from monitoring.watched.services import require_inference_table
from monitoring.watched.versions import columns_of, entities_of, quoted, versions_of
from sketches.payloads import OURS, PREDICTION, REQUEST_ID, SOURCE_COLUMNS, TIME, unpack
from web.errors import Invalid, Refused

REQUESTS = 20
#: Enough for a running warehouse, but not for one that has to start: then the user gets a message.
TIMEOUT_S = 15
TIMEOUT = "TIMEOUT"
VERSION = re.compile("[1-9][0-9]{0,8}")
QUERY = """SELECT {columns}
FROM {table}
WHERE request_date BETWEEN DATE '{first}' AND DATE '{last}'
  AND request_time >= TIMESTAMP '{start}' AND request_time < TIMESTAMP '{end}'
  AND status_code = 200{narrowed}
ORDER BY request_time DESC
LIMIT {limit}"""

# Only the workspace knows the ids of served entities. Names match if the table has no ids.
OF_VERSION = """
  AND (served_entity_id IN ({names}) OR served_entity_id IN (
    SELECT served_entity_id FROM system.serving.served_entities
    WHERE endpoint_name = {endpoint} AND entity_version = '{version}'))"""


@dataclass(frozen=True)
class Behind:
    """The requests behind a point of drift."""

    #: A query that users can run themselves.
    query: str
    #: In the order of the version's signature.
    features: list[str]
    #: {"at", "request_id", "prediction", feature: value}, newest first.
    rows: list[dict[str, Any]]
    #: {reason: requests}
    skipped: Mapping[str, int]
    #: Why the rows are of all versions although one was requested, or "".
    note: str = ""


def version_of(text: str) -> int | None:
    """The version number in a URL parameter; None if it is empty. Raises Invalid."""
    if text and not VERSION.fullmatch(text):
        raise Invalid({"version": ["Enter a version number."]})
    return int(text) if text else None


def query_behind(deployment: Deployment, start: datetime, end: datetime, version: int | None = None) -> str:
    """The SQL statement, without parameters, so that people can run it. Raises Refused without an inference table."""
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
        narrowed="" if version is None else _narrowed(deployment, version),
    )


def _narrowed(deployment: Deployment, version: int) -> str:
    entities = entities_of(deployment, [ModelVersion(version=version)])
    names = [_text(name) for name, served in entities.items() if served == str(version)]
    return OF_VERSION.format(names=", ".join(names) or "NULL", endpoint=_text(deployment.name), version=version)


def _text(value: str) -> str:
    """``value`` as an escaped literal of Databricks SQL."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def rows_behind(
    *, deployment: Deployment, start: datetime, end: datetime, actor: User, version: int | None = None
) -> Behind:
    """The newest predictions of ``[start, end)``, of all versions or of one.

    Payloads may contain personal data, so each access is recorded in the audit trail. If the workspace cannot tell
    which version served a request, the rows are of all versions and ``Behind.note`` has the reason. Raises
    PermissionDenied or Refused.
    """
    require(actor, Action.DEPLOY, deployment)
    query = query_behind(deployment, start, end, version)
    looked = {"requests_looked_at": ["", f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"]}
    LogEntry.objects.log_create(deployment, force_log=True, action=LogEntry.Action.ACCESS, changes=looked, actor=actor)
    try:
        return _unpacked(deployment, query, _read(deployment, query))
    except IntegrationError as error:
        if version is None or not error.permanent or error.code == TIMEOUT:
            raise _refusal(error) from error
        why = f"Rows of all versions: the version of each request is unknown ({error.message})."
    try:
        query = query_behind(deployment, start, end)
        return replace(_unpacked(deployment, query, _read(deployment, query)), note=why)
    except IntegrationError as error:
        raise _refusal(error) from error


def _read(deployment: Deployment, query: str) -> list[dict[str, Any]]:
    return connect(deployment.workspace).execute_sql(query, timeout_s=TIMEOUT_S).records


def _refusal(error: IntegrationError) -> Refused:
    words = "the warehouse is still starting. Try again in a minute" if error.code == TIMEOUT else error.message
    return Refused("rows_not_read", f"The rows could not be read: {words}.")


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
