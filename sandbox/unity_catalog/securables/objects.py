"""The objects of Unity Catalog and their grants, as rows."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.config import METASTORE_ID
from sandbox.store import now_ms
from sandbox.unity_catalog.securables import names
from sandbox.web.errors import ApiError, already_exists, not_found

METASTORE, CATALOG, SCHEMA_KIND, TABLE, VOLUME, MODEL = "metastore", "catalog", "schema", "table", "volume", "model"
LEVELS = {METASTORE: 1, CATALOG: 1, SCHEMA_KIND: 2, TABLE: 3, VOLUME: 3, MODEL: 3}
LABELS = {
    METASTORE: "Metastore",
    CATALOG: "Catalog",
    SCHEMA_KIND: "Schema",
    TABLE: "Table",
    VOLUME: "Volume",
    MODEL: "Registered model",
}

SCHEMA = """
CREATE TABLE IF NOT EXISTS uc_objects (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, full_name TEXT NOT NULL, parent TEXT NOT NULL, owner TEXT NOT NULL,
    comment TEXT, attributes TEXT NOT NULL, created_at INTEGER NOT NULL, created_by TEXT NOT NULL,
    updated_at INTEGER NOT NULL, updated_by TEXT NOT NULL, UNIQUE (kind, full_name));
CREATE INDEX IF NOT EXISTS uc_objects_by_parent ON uc_objects (kind, parent);
CREATE TABLE IF NOT EXISTS uc_grants (
    object_id TEXT NOT NULL REFERENCES uc_objects (id) ON DELETE CASCADE, principal TEXT NOT NULL,
    privilege TEXT NOT NULL, PRIMARY KEY (object_id, principal, privilege));
"""


@dataclass(frozen=True)
class UcObject:
    """An object of Unity Catalog. Timestamps are Unix ms."""

    id: str
    kind: str
    full_name: str
    owner: str
    comment: str | None
    created_at: int
    created_by: str
    updated_at: int
    updated_by: str
    #: The fields that only this kind of object has, if they were set.
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return names.last(self.full_name)

    def common_fields(self) -> dict[str, Any]:
        """The response fields that all kinds of objects share."""
        fields = {
            "name": self.name,
            "full_name": self.full_name,
            "owner": self.owner,
            "metastore_id": METASTORE_ID,
            "created_at": self.created_at,
            "created_by": self.created_by,
            "updated_at": self.updated_at,
            "updated_by": self.updated_by,
        }
        return fields if self.comment is None else {**fields, "comment": self.comment}


def find(connection: sqlite3.Connection, kind: str, full_name: str) -> UcObject | None:
    row = connection.execute("SELECT * FROM uc_objects WHERE kind = ? AND full_name = ?", (kind, full_name)).fetchone()
    return _object(row) if row else None


def get(connection: sqlite3.Connection, kind: str, full_name: str) -> UcObject:
    """Raises ApiError 404, which names the first missing one of catalog, schema and object."""
    found = find(connection, kind, full_name)
    if found is None:
        require_parents(connection, full_name)
        raise missing(kind, full_name)
    return found


def require_parents(connection: sqlite3.Connection, full_name: str) -> None:
    """Raises ApiError 404 if the catalog or the schema of ``full_name`` does not exist."""
    parts = full_name.split(".")
    for kind, level in ((CATALOG, 1), (SCHEMA_KIND, 2)):
        above = ".".join(parts[:level])
        if len(parts) > level and find(connection, kind, above) is None:
            raise missing(kind, above)


def missing(kind: str, full_name: str) -> ApiError:
    return not_found(f"{LABELS[kind]} '{full_name}' does not exist.")


def children(connection: sqlite3.Connection, kind: str, parent: str) -> list[UcObject]:
    """Sorted by name."""
    rows = connection.execute(
        "SELECT * FROM uc_objects WHERE kind = ? AND parent = ? ORDER BY full_name", (kind, parent)
    ).fetchall()
    return [_object(row) for row in rows]


def insert(
    connection: sqlite3.Connection,
    kind: str,
    full_name: str,
    owner: str,
    comment: str | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> UcObject:
    """Raises ApiError 409 if the object exists. The caller checks the parents."""
    if find(connection, kind, full_name) is not None:
        raise already_exists(f"{LABELS[kind]} '{full_name}' already exists")
    now = now_ms()
    connection.execute(
        "INSERT INTO uc_objects (id, kind, full_name, parent, owner, comment, attributes, created_at, created_by, "
        "updated_at, updated_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            str(uuid.uuid4()),
            kind,
            full_name,
            names.parent(full_name),
            owner,
            comment,
            json.dumps(attributes or {}),
            now,
            owner,
            now,
            owner,
        ),
    )
    return get(connection, kind, full_name)


def update(connection: sqlite3.Connection, known: UcObject, changed_by: str, changes: Mapping[str, Any]) -> UcObject:
    """``changes`` can have owner, comment and full_name. Every other key is an attribute; None unsets it."""
    attributes = dict(known.attributes)
    attributes.update({key: value for key, value in changes.items() if key not in ("owner", "comment", "full_name")})
    kept = {key: value for key, value in attributes.items() if value is not None}
    full_name = changes.get("full_name", known.full_name)
    if full_name != known.full_name and find(connection, known.kind, full_name) is not None:
        raise already_exists(f"{LABELS[known.kind]} '{full_name}' already exists")
    connection.execute(
        "UPDATE uc_objects SET full_name = ?, parent = ?, owner = ?, comment = ?, attributes = ?, updated_at = ?, "
        "updated_by = ? WHERE id = ?",
        (
            full_name,
            names.parent(full_name),
            changes.get("owner", known.owner),
            changes.get("comment", known.comment),
            json.dumps(kept),
            now_ms(),
            changed_by,
            known.id,
        ),
    )
    return get(connection, known.kind, full_name)


def move_children(connection: sqlite3.Connection, old: str, new: str) -> None:
    """Renames everything below ``old`` after the catalog or schema was renamed to ``new``."""
    for row in connection.execute(
        "SELECT id, full_name FROM uc_objects WHERE substr(full_name, 1, ?) = ?", (len(old) + 1, f"{old}.")
    ).fetchall():
        full_name = new + row["full_name"][len(old) :]
        connection.execute(
            "UPDATE uc_objects SET full_name = ?, parent = ? WHERE id = ?",
            (full_name, names.parent(full_name), row["id"]),
        )


def delete(connection: sqlite3.Connection, known: UcObject) -> None:
    connection.execute("DELETE FROM uc_objects WHERE id = ?", (known.id,))


def _object(row: sqlite3.Row) -> UcObject:
    return UcObject(
        id=row["id"],
        kind=row["kind"],
        full_name=row["full_name"],
        owner=row["owner"],
        comment=row["comment"],
        created_at=row["created_at"],
        created_by=row["created_by"],
        updated_at=row["updated_at"],
        updated_by=row["updated_by"],
        attributes=json.loads(row["attributes"]),
    )
