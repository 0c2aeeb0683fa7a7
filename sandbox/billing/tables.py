"""The billing tables as tables of Unity Catalog, in the catalog ``system``, which belongs to admins."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from sandbox.billing.rows import LIST_PRICES, USAGE, EndpointHour, price_table
from sandbox.identity import ADMINS
from sandbox.store import Store
from sandbox.unity_catalog import objects
from sandbox.unity_catalog.objects import CATALOG, SCHEMA_KIND, TABLE

USAGE_TABLE, PRICES_TABLE = "system.billing.usage", "system.billing.list_prices"
SCHEMAS = {USAGE_TABLE: USAGE, PRICES_TABLE: LIST_PRICES}


class BillingTables:
    def __init__(self, store: Store, directory: Path) -> None:
        self._store = store
        self._directory = directory

    def location(self, full_name: str) -> str:
        return str(self._directory.joinpath(*full_name.split(".")))

    def prepare(self) -> None:
        """Makes what is missing; what is there stays."""
        for full_name, schema in SCHEMAS.items():
            DeltaTable.create(self.location(full_name), schema, mode="ignore")
        if not DeltaTable(self.location(PRICES_TABLE)).file_uris():
            write_deltalake(self.location(PRICES_TABLE), price_table(), mode="append")
        with self._store.connection() as connection:
            for kind, name in ((CATALOG, "system"), (SCHEMA_KIND, "system.billing")):
                if objects.find(connection, kind, name) is None:
                    objects.insert(connection, kind, name, ADMINS)
            for full_name in SCHEMAS:
                if objects.find(connection, TABLE, full_name) is None:
                    attributes = {"storage_location": Path(self.location(full_name)).as_uri()}
                    objects.insert(connection, TABLE, full_name, ADMINS, attributes=attributes)

    def charge(self, hours: Sequence[EndpointHour], *, source: str = "") -> int:
        """Write the hours of one endpoint in one commit; how many. Those up to ``source``'s newest are left out."""
        if not hours:
            return 0
        writer, newest = f"{hours[0].endpoint_id}{source}", max(hour.hour for hour in hours)
        table = DeltaTable(self.location(USAGE_TABLE))
        written = table.transaction_version(writer) or 0
        today = datetime.now(UTC).date()
        rows = [row for hour in hours if hour.hour > written for row in hour.rows(today)]
        if newest <= written:
            return 0
        commit = CommitProperties(app_transactions=[Transaction(writer, newest)])
        write_deltalake(table, pa.Table.from_pylist(rows, schema=USAGE), mode="append", commit_properties=commit)
        return sum(hour.hour > written for hour in hours)
