"""Inference tables in Unity Catalog."""

from __future__ import annotations

import sqlite3
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from sandbox.identity.principals import Principal
from sandbox.inference_tables import delta
from sandbox.inference_tables.columns import COLUMNS
from sandbox.store import Store
from sandbox.unity_catalog.securables import access, names, objects
from sandbox.unity_catalog.securables.objects import CATALOG, SCHEMA_KIND, TABLE
from sandbox.web.errors import already_exists, invalid

ENDPOINT_PROPERTY = "serving_endpoint"


def table_of(endpoint_name: str, ai_gateway: dict[str, Any] | None) -> str | None:
    """The full name of the table; None if it is disabled. Raises ApiError 400 if the config lacks catalog or schema."""
    config = (ai_gateway or {}).get("inference_table_config") or {}
    if not config.get("enabled"):
        return None
    if not config.get("catalog_name") or not config.get("schema_name"):
        raise invalid("inference_table_config must have catalog_name and schema_name when it is enabled.")
    table_name = f"{config.get('table_name_prefix') or endpoint_name}_payload"
    return names.full_name(f"{config['catalog_name']}.{config['schema_name']}.{table_name}", 3, "table")


def enable(store: Store, tables_dir: Path, who: Principal, endpoint_name: str, full_name: str) -> None:
    """Creates the table unless the endpoint has it already. Raises ApiError 403, 404 or 409."""
    with store.reading() as connection:
        if _is_there(connection, who, endpoint_name, full_name):
            return
    # A new directory for each table, created outside the transaction. Files of a dropped table are never reused.
    path = tables_dir.joinpath(*full_name.split(".")) / uuid.uuid4().hex
    delta.create(path)
    with store.connection() as connection:
        # Checked again: a concurrent request may have created it.
        if not _is_there(connection, who, endpoint_name, full_name):
            objects.insert(connection, TABLE, full_name, who.user_name, None, _attributes(path, endpoint_name))


def _is_there(connection: sqlite3.Connection, who: Principal, endpoint_name: str, full_name: str) -> bool:
    """Whether the endpoint has the table. Raises ApiError without permission, or if it is not the endpoint's table."""
    catalog_name, schema_name, _ = full_name.split(".")
    catalog = objects.get(connection, CATALOG, catalog_name)
    schema = objects.get(connection, SCHEMA_KIND, f"{catalog_name}.{schema_name}")
    access.require(connection, who, catalog, "USE_CATALOG")
    access.require(connection, who, schema, "USE_SCHEMA")
    access.require(connection, who, schema, "CREATE_TABLE")
    known = objects.find(connection, TABLE, full_name)
    if known is not None and known.attributes.get("properties", {}).get(ENDPOINT_PROPERTY) != endpoint_name:
        raise already_exists(f"Table '{full_name}' already exists")
    return known is not None


def location(store: Store, full_name: str) -> Path | None:
    """None if the table was dropped."""
    with store.reading() as connection:
        known = objects.find(connection, TABLE, full_name)
    return Path(unquote(urlsplit(known.attributes["storage_location"]).path)) if known else None


def _attributes(path: Path, endpoint_name: str) -> dict[str, Any]:
    columns = [
        {
            "name": name,
            "type_text": kind,
            "type_name": {"bigint": "LONG", "array<string>": "ARRAY"}.get(kind, kind.upper()),
            "position": position,
            "nullable": True,
        }
        for position, (name, kind, _) in enumerate(COLUMNS)
    ]
    properties = {"delta.enableChangeDataFeed": "true", ENDPOINT_PROPERTY: endpoint_name}
    return {"columns": columns, "storage_location": path.as_uri(), "properties": properties}
