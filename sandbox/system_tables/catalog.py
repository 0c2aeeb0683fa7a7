"""Tables of the catalog `system`: Delta tables on disk, objects of Unity Catalog, owned by the admins."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from sandbox.identity.principals import ADMINS
from sandbox.store import Store
from sandbox.unity_catalog.securables import objects
from sandbox.unity_catalog.securables.objects import CATALOG, SCHEMA_KIND, TABLE


class SystemTables:
    def __init__(self, store: Store, directory: Path) -> None:
        self._store = store
        self._directory = directory

    def location(self, full_name: str) -> str:
        return str(self._directory.joinpath(*full_name.split(".")))

    def prepare(self, schemas: Mapping[str, pa.Schema]) -> None:
        """Creates missing tables from {full name: columns}. Existing tables stay unchanged."""
        for full_name, schema in schemas.items():
            DeltaTable.create(self.location(full_name), schema, mode="ignore")
        with self._store.connection() as connection:
            for full_name in schemas:
                catalog, schema_name, _ = full_name.split(".")
                for kind, name in ((CATALOG, catalog), (SCHEMA_KIND, f"{catalog}.{schema_name}")):
                    if objects.find(connection, kind, name) is None:
                        objects.insert(connection, kind, name, ADMINS)
                if objects.find(connection, TABLE, full_name) is None:
                    attributes = {"storage_location": Path(self.location(full_name)).as_uri()}
                    objects.insert(connection, TABLE, full_name, ADMINS, attributes=attributes)

    def written(self, full_name: str, writer: str) -> int:
        """The number of the writer's newest batch; 0 before the first."""
        return DeltaTable(self.location(full_name)).transaction_version(writer) or 0

    def append(self, full_name: str, rows: pa.Table, writer: str, number: int) -> None:
        """Appends the rows in one commit, marked as the writer's batch ``number``."""
        commit = CommitProperties(app_transactions=[Transaction(writer, number)])
        write_deltalake(self.location(full_name), rows, mode="append", commit_properties=commit)
