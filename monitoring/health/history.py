"""Fills hours without metrics from the inference table, from before an endpoint was adopted or from a gap.

The table logs every request with its status and the execution time of the model. One SQL statement returns counts per
hour and version. Hours between two hours with requests count as hours without requests. Hours that have metrics are
not changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.apps import apps
from django.db import transaction
from django.utils import timezone

from catalog.models import Workspace
from catalog.workspaces.services import connect as connect_to
from deployments.models import Deployment
from integrations.databricks.workspace import WorkspaceClient
from integrations.errors import IntegrationError
from integrations.metrics import Window
from monitoring.health.models import COARSE, KEPT, HealthBucket, HealthHistory, HealthSource
from monitoring.health.scraping import floor
from monitoring.watched.versions import entities_of, inference_table, quoted, versions_of

TIMEOUT_S = 300
HOUR_S = 3600
HOUR_MINUTES = 60
BOUNDS_MS = (5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000)
NO_TABLE = "The inference table of this endpoint is off."
NO_ROWS = "The inference table has no requests in hours without metrics."
_SUMS = ",\n       ".join(
    f"SUM(CASE WHEN execution_duration_ms <= {bound} THEN 1 ELSE 0 END) AS le_{bound}" for bound in BOUNDS_MS
)
# Delivery is at least once: a request may be logged twice.
HOURS = f"""
SELECT FLOOR(unix_timestamp(request_time) / {HOUR_S}) AS hour, COALESCE(served_entity_id, '') AS entity,
       COUNT(*) AS requests,
       SUM(CASE WHEN status_code BETWEEN 400 AND 499 THEN 1 ELSE 0 END) AS errors_4xx,
       SUM(CASE WHEN status_code >= 500 THEN 1 ELSE 0 END) AS errors_5xx,
       {_SUMS}
FROM (SELECT DISTINCT databricks_request_id, request_time, status_code, execution_duration_ms, served_entity_id
      FROM IDENTIFIER(:payload)
      WHERE request_date >= CAST(:first AS DATE) AND request_date <= CAST(:last AS DATE))
GROUP BY FLOOR(unix_timestamp(request_time) / {HOUR_S}), COALESCE(served_entity_id, '')
"""  # noqa: S608  # made of constants
ENTITIES = """
SELECT DISTINCT served_entity_id, entity_version FROM system.serving.served_entities WHERE endpoint_name = :endpoint
"""
Connect = Callable[[Workspace], WorkspaceClient]


@dataclass(frozen=True)
class PastHour:
    """The requests of one version in the hour from ``start``, UTC."""

    start: datetime
    version: str
    window: Window


def read_history(history: HealthHistory, *, connect: Connect = connect_to, now: datetime | None = None) -> None:
    """Fill the hours of the last month that have no metrics. An error is stored in ``history``."""
    deployment, moment = history.deployment, now or timezone.now()
    table = inference_table(deployment)
    if table is None:
        _end(history, moment, error=NO_TABLE)
        return
    try:
        workspace = connect(deployment.workspace)
        found = _read(deployment, workspace, table, moment)
    except IntegrationError as error:
        _end(history, moment, error=error.message[:1000])
        return
    hours = keep(deployment, found, moment)
    _end(history, moment, hours=hours, error="" if hours else NO_ROWS)


def _end(history: HealthHistory, now: datetime, **values: Any) -> None:
    """Store the result, unless a newer request for the same deployment replaced this one."""
    ended = {"ended_at": now, "hours": 0, "error": "", **values}
    HealthHistory.objects.filter(pk=history.pk, asked_at=history.asked_at).update(**ended)


def _read(deployment: Deployment, workspace: WorkspaceClient, table: str, now: datetime) -> list[PastHour]:
    first = now - KEPT[COARSE]
    asked = {"payload": quoted(table), "first": first.date().isoformat(), "last": now.date().isoformat()}
    rows = workspace.execute_sql(HOURS, parameters=asked, timeout_s=TIMEOUT_S).records
    versions = _versions(deployment, workspace)
    return merged(_hour(row, versions) for row in rows)


def _versions(deployment: Deployment, workspace: WorkspaceClient) -> dict[str, str]:
    """{id or name of a served entity: version}. Ids are left out if the system table cannot be read."""
    named = entities_of(deployment, versions_of(deployment))
    try:
        asked = {"endpoint": deployment.name}
        rows = workspace.execute_sql(ENTITIES, parameters=asked, timeout_s=TIMEOUT_S).records
    except IntegrationError as error:
        if not error.permanent:
            raise
        return named
    return named | {str(row["served_entity_id"]): str(row["entity_version"]) for row in rows}


def _hour(row: Mapping[str, Any], versions: Mapping[str, str]) -> PastHour:
    entity, requests = str(row["entity"]), float(row["requests"])
    latency = {float(bound): float(row[f"le_{bound}"]) for bound in BOUNDS_MS} | {float("inf"): requests}
    window = Window(requests, float(row["errors_4xx"]), float(row["errors_5xx"]), latency)
    start = datetime.fromtimestamp(int(row["hour"]) * HOUR_S, UTC)
    return PastHour(start, versions.get(entity, entity)[:64], window)


def merged(hours: Iterable[PastHour]) -> list[PastHour]:
    """One item for each hour and version, in order of time. A version may have been served under several ids."""
    found: dict[tuple[datetime, str], Window] = {}
    for hour in hours:
        key = (hour.start, hour.version)
        found[key] = found.get(key, Window()) + hour.window
    return [PastHour(*key, found[key]) for key in sorted(found)]


@transaction.atomic
def keep(deployment: Deployment, hours: list[PastHour], now: datetime) -> int:
    """Replace hours that were filled before and return the number of filled hours. Idempotent."""
    HealthSource.objects.get_or_create(deployment=deployment)
    HealthSource.objects.select_for_update().get(deployment=deployment)
    of_hours = HealthBucket.objects.filter(deployment=deployment, width=COARSE)
    of_hours.filter(is_backfilled=True).delete()
    read = set(of_hours.filter(minutes__gt=0).values_list("start", flat=True))
    first, this_hour = floor(now - KEPT[COARSE], COARSE) + COARSE, floor(now, COARSE)
    # Skip the current hour: it is incomplete, but would count as a whole one.
    wanted = [hour for hour in _without_gaps(hours) if first <= hour.start < this_hour and hour.start not in read]
    HealthBucket.objects.bulk_create(_bucket(deployment, hour) for hour in wanted)
    if wanted:
        # Restart drift counting from the first of these hours. By name: drift imports health, not vice versa.
        apps.get_model("monitoring", "DriftJob").objects.filter(deployment=deployment).update(counted_until=None)
    return len({hour.start for hour in wanted})


def _without_gaps(hours: list[PastHour]) -> list[PastHour]:
    """Add hours without requests between the first and the last hour, for the version that served before."""
    found: list[PastHour] = []
    for hour in hours:
        while found and found[-1].start + COARSE < hour.start:
            found.append(PastHour(found[-1].start + COARSE, found[-1].version, Window()))
        found.append(hour)
    return found


def _bucket(deployment: Deployment, hour: PastHour) -> HealthBucket:
    window = hour.window
    return HealthBucket(
        deployment=deployment,
        version=hour.version,
        width=COARSE,
        start=hour.start,
        minutes=HOUR_MINUTES,
        requests=window.requests,
        errors_4xx=window.errors_4xx,
        errors_5xx=window.errors_5xx,
        model_latency={str(bound): count for bound, count in window.latency.items()},
        is_backfilled=True,
    )


def is_overdue(history: HealthHistory, now: datetime) -> bool:
    """Whether the worker must have died, so that the history may be requested again."""
    return history.is_under_way and now - history.asked_at > timedelta(seconds=2 * TIMEOUT_S)
