"""Meters serving processes and tasks, and charges each hour after it ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sqlite3
import time
from collections.abc import Iterable

from sandbox.billing.rows import HOUR_S, EndpointHour, TaskUsage, dbu_per_hour
from sandbox.billing.tables import BillingTables
from sandbox.serving_endpoints.replicas.replica import Replica
from sandbox.serving_endpoints.supervisor import Endpoint, Supervisor
from sandbox.store import Store

logger = logging.getLogger(__name__)
TICK_S = 10.0
ENDED_TASKS = """
SELECT task.run_id AS task_run_id, run.job_id AS job_id, run.run_id AS job_run_id,
       COALESCE(json_extract(run.document, '$.run_name'), '') AS name, run.run_type = 'SUBMIT_RUN' AS was_submitted,
       json_extract(task.document, '$.start_time') AS start_ms, json_extract(task.document, '$.end_time') AS end_ms
FROM job_task_runs task JOIN job_runs run ON run.run_id = task.parent_run_id
WHERE json_extract(task.document, '$.end_time') >= ? AND json_extract(task.document, '$.end_time') < ?
  AND json_extract(task.document, '$.start_time') > 0
ORDER BY task.seq
"""


class BillingMeter:
    """Each tick meters the time since the last one. A crash loses at most one tick."""

    def __init__(self, supervisor: Supervisor, store: Store, tables: BillingTables) -> None:
        self._supervisor = supervisor
        self._store = store
        self._tables = tables
        self._asleep: set[Replica] = set()
        self._jobs_until = 0
        self._last_s = time.monotonic()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="meter usage")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            try:
                hour = int(time.time()) // HOUR_S
                used = self._tick(hour)
                await asyncio.to_thread(self._keep_and_charge, used, hour)
            except Exception:
                logger.exception("metering usage failed: it is retried at the next tick")

    def _tick(self, hour: int) -> list[EndpointHour]:
        """The usage of all endpoints since the last tick. Must run on the event loop."""
        now_s = time.monotonic()
        seconds, self._last_s = now_s - self._last_s, now_s
        live = {replica for endpoint in self._supervisor for replica in endpoint.active.values()}
        self._asleep &= live
        used = [self._of(endpoint, hour, seconds) for endpoint in self._supervisor]
        return [one for one in used if one.slot_s or one.launches]

    def _of(self, endpoint: Endpoint, hour: int, seconds: float) -> EndpointHour:
        slot_s, launches = 0.0, 0
        for replica in endpoint.active.values():
            if replica.url:
                slot_s += dbu_per_hour(replica.entity.workload_type, replica.entity.concurrency) * seconds
            launches += self._is_launch(replica)
        record = endpoint.record
        tags = {tag["key"]: tag.get("value", "") for tag in record.tags or []}
        return EndpointHour(record.id, record.name, hour, slot_s, launches, tags)

    def _is_launch(self, replica: Replica) -> bool:
        """Whether the replica started after scaling to zero since the last tick."""
        if replica.is_asleep:
            self._asleep.add(replica)
            return False
        is_up = bool(replica.url) and replica in self._asleep
        if is_up:
            self._asleep.discard(replica)
        return is_up

    def _keep_and_charge(self, used: Iterable[EndpointHour], hour: int) -> None:
        with self._store.connection() as connection:
            for one in used:
                _add(connection, one)
        self.charge_before(hour)
        self.charge_jobs_before(hour)

    def charge_before(self, hour: int) -> None:
        """Writes all hours before ``hour`` to the table and deletes their rows from the store. Idempotent."""
        with self._store.reading() as connection:
            over = connection.execute("SELECT * FROM billing_hours WHERE hour < ? ORDER BY hour", (hour,)).fetchall()
        by_endpoint: dict[str, list[EndpointHour]] = {}
        for row in over:
            by_endpoint.setdefault(row["endpoint_id"], []).append(_hour(row))
        for hours in by_endpoint.values():
            self._tables.charge(hours)
        with self._store.connection() as connection:
            keys = [(row["endpoint_id"], row["hour"]) for row in over]
            connection.executemany("DELETE FROM billing_hours WHERE endpoint_id = ? AND hour = ?", keys)

    def charge_jobs_before(self, hour: int) -> None:
        """Writes the usage of tasks that ended before ``hour``. Idempotent."""
        if self._jobs_until >= hour - 1:
            return
        charged = self._tables.jobs_charged_until()
        if charged >= hour - 1:
            self._jobs_until = charged
            return
        over = (charged + 1) * HOUR_S * 1000, hour * HOUR_S * 1000
        with self._store.reading() as connection:
            found = connection.execute(ENDED_TASKS, over).fetchall()
        self._tables.charge_jobs([TaskUsage(**dict(row)) for row in found], hour - 1)


def _add(connection: sqlite3.Connection, used: EndpointHour) -> None:
    connection.execute(
        "INSERT INTO billing_hours (endpoint_id, hour, endpoint_name, slot_s, launches, tags) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (endpoint_id, hour) DO UPDATE SET slot_s = slot_s + excluded.slot_s,"
        " launches = launches + excluded.launches, tags = excluded.tags",
        (used.endpoint_id, used.hour, used.endpoint_name, used.slot_s, used.launches, json.dumps(used.tags)),
    )


def _hour(row: sqlite3.Row) -> EndpointHour:
    return EndpointHour(
        row["endpoint_id"], row["endpoint_name"], row["hour"], row["slot_s"], row["launches"], json.loads(row["tags"])
    )
