"""Records requests: the hot path appends to the spool, a background task writes Delta tables in batches."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Any

from deltalake.exceptions import TableNotFoundError

from sandbox.control.faults import Faults
from sandbox.inference_tables import catalog, columns, delta
from sandbox.payload_logging import rows
from sandbox.payload_logging.spool import Segment, Spool
from sandbox.serving_endpoints.traffic.invocations import Invocation
from sandbox.store import Store
from sandbox.system_tables import serving

logger = logging.getLogger(__name__)

FLUSH_S = 2.0


class InferenceTables:
    """Writes the rows of recorded requests.

    ``delay_s`` is the minimum age of delivered rows; a fault can raise it. ``first`` is called before rows are written,
    to write the rows that describe the endpoints.
    """

    def __init__(
        self,
        spool: Spool,
        store: Store,
        faults: Faults,
        *,
        delay_s: float = 0.0,
        first: Callable[[], None] = lambda: None,
    ) -> None:
        self._spool = spool
        self._store = store
        self._faults = faults
        self._delay_s = delay_s
        self._first = first
        self._task: asyncio.Task[None] | None = None

    def record(self, invocation: Invocation) -> None:
        """Appends one line to the spool for each table. Called on the event loop after each response of a model."""
        record = invocation.endpoint.record
        if serving.is_tracked(record):
            client_id = rows.client_request_id(invocation.request)
            self._spool.append(serving.ENDPOINT_USAGE, serving.usage_row(invocation, client_id))
        name = record.name
        table = catalog.table_of(name, record.ai_gateway)
        if table is None or invocation.status in rows.NOT_LOGGED:
            return
        item = rows.row(invocation)
        self._spool.append(table, item)
        if self._faults.active("inference_table_duplicates", endpoint=name):
            self._spool.append(table, item)

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._spool.rotate()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            self._spool.rotate()
            try:
                await asyncio.to_thread(self.write_due)
            except Exception:
                logger.exception("writing inference tables failed: the spool is kept for a retry")

    def write_due(self) -> None:
        """Writes all closed segments that are old enough. Idempotent."""
        self._first()
        due = time.time() - max(self._delay_s, self._faults.inference_table_delay_s())
        for segment in self._spool.segments():
            if segment.closed_at_s > due:
                return
            self._write(segment)
            segment.path.unlink()

    def _write(self, segment: Segment) -> None:
        """Discards rows of tables that were dropped or whose files are gone."""
        batches: dict[str, list[dict[str, Any]]] = {}
        for table, item in segment.entries():
            batches.setdefault(table, []).append(item)
        for table, batch in batches.items():
            try:
                self._write_batch(table, segment.number, batch)
            except TableNotFoundError:
                logger.warning("inference table %s is gone: %s rows dropped", table, len(batch))

    def _write_batch(self, table: str, number: int, batch: list[dict[str, Any]]) -> None:
        """Raises TableNotFoundError if the table was dropped."""
        location = catalog.location(self._store, table)
        if location is None:
            raise TableNotFoundError(table)
        delta.append(location, number, batch, schema=serving.SCHEMAS.get(table, columns.SCHEMA))
        delta.compact(location)
