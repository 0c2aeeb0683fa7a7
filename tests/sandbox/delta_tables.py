"""Delta tables that a running sandbox knows as tables of Unity Catalog."""

from __future__ import annotations

import uuid
from urllib.parse import unquote, urlsplit

import pyarrow as pa
from deltalake import write_deltalake

from sandbox.identity.principals import ADMINS
from sandbox.store import Store
from sandbox.unity_catalog.securables import access, objects
from sandbox.unity_catalog.securables.objects import CATALOG, SCHEMA_KIND, TABLE
from tests.sandbox.running import RunningSandbox


def add_table(sandbox: RunningSandbox, full_name: str, content: pa.Table, reader: str = "") -> str:
    """The table's location; one that is there has this content then. ``reader`` may read it, apart from admins."""
    catalog, schema, _ = full_name.split(".")
    store = Store(sandbox.var_dir / "sandbox" / "workspace.db", ())
    with store.reading() as connection:
        there = objects.find(connection, TABLE, full_name)
    location = str(sandbox.var_dir / uuid.uuid4().hex)
    if there:
        location = unquote(urlsplit(str(there.attributes["storage_location"])).path)
    write_deltalake(location, content, mode="overwrite", schema_mode="overwrite")
    with store.connection() as connection:
        for kind, name in ((CATALOG, catalog), (SCHEMA_KIND, f"{catalog}.{schema}")):
            if objects.find(connection, kind, name) is None:
                objects.insert(connection, kind, name, ADMINS)
        known = there or objects.insert(connection, TABLE, full_name, ADMINS, attributes={"storage_location": location})
        if reader:
            access.grant(connection, known, reader, ["SELECT"])
    return location
