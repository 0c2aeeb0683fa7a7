"""The billing tables. Writing the usage of an hour is idempotent, for endpoints and for jobs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from sandbox.billing.rows import LIST_PRICES, USAGE, EndpointHour, TaskUsage, price_table
from sandbox.system_tables.catalog import SystemTables

USAGE_TABLE, PRICES_TABLE = "system.billing.usage", "system.billing.list_prices"
SCHEMAS = {USAGE_TABLE: USAGE, PRICES_TABLE: LIST_PRICES}
JOBS = "jobs"


class BillingTables:
    def __init__(self, tables: SystemTables) -> None:
        self._tables = tables

    def prepare(self) -> None:
        """Creates missing tables and adds missing prices."""
        self._tables.prepare(SCHEMAS)
        prices = self._tables.location(PRICES_TABLE)
        known = DeltaTable(prices).to_pyarrow_table(columns=["sku_name"])["sku_name"].to_pylist()
        missing = price_table(without=known)
        if missing.num_rows:
            write_deltalake(prices, missing, mode="append")

    def charge(self, hours: Sequence[EndpointHour], *, source: str = "") -> int:
        """Writes hours of one endpoint in one commit; skips those up to ``source``'s newest. Returns how many."""
        if not hours:
            return 0
        writer, newest = f"{hours[0].endpoint_id}{source}", max(hour.hour for hour in hours)
        written, today = self._tables.written(USAGE_TABLE, writer), datetime.now(UTC).date()
        if newest <= written:
            return 0
        rows = [row for hour in hours if hour.hour > written for row in hour.rows(today)]
        self._tables.append(USAGE_TABLE, pa.Table.from_pylist(rows, schema=USAGE), writer, newest)
        return sum(hour.hour > written for hour in hours)

    def jobs_charged_until(self) -> int:
        """The newest hour, counted from 1970, whose tasks are charged; 0 before the first."""
        return self._tables.written(USAGE_TABLE, JOBS)

    def charge_jobs(self, tasks: Sequence[TaskUsage], until_hour: int) -> None:
        """Writes the usage of tasks that ended after ``jobs_charged_until``, up to ``until_hour``."""
        today = datetime.now(UTC).date()
        rows = pa.Table.from_pylist([task.row(today) for task in tasks], schema=USAGE)
        self._tables.append(USAGE_TABLE, rows, JOBS, until_hour)
