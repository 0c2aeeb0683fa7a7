"""``/api/2.1/unity-catalog/entity-tag-assignments``: governed tags, separate from MLflow's tags."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter

from sandbox.identity.dependencies import CurrentPrincipal, CurrentStore
from sandbox.identity.principals import Principal
from sandbox.unity_catalog.securables import access, names, objects
from sandbox.unity_catalog.securables.objects import CATALOG, LEVELS, MODEL, SCHEMA_KIND, TABLE, VOLUME, UcObject
from sandbox.web.bodies import Body
from sandbox.web.errors import already_exists, invalid, not_found
from sandbox.web.paging import RequestedPage

SCHEMA = """
CREATE TABLE IF NOT EXISTS uc_entity_tags (
    object_id TEXT NOT NULL REFERENCES uc_objects (id) ON DELETE CASCADE, tag_key TEXT NOT NULL,
    tag_value TEXT NOT NULL, updated_at INTEGER NOT NULL, updated_by TEXT NOT NULL,
    PRIMARY KEY (object_id, tag_key));
"""
router = APIRouter(prefix="/api/2.1/unity-catalog/entity-tag-assignments")
KIND_OF_ENTITY = {
    "catalogs": CATALOG,
    "schemas": SCHEMA_KIND,
    "tables": TABLE,
    "volumes": VOLUME,
    "models": MODEL,
    "functions": MODEL,
    "registered_models": MODEL,
}


class Assignment(Body):
    entity_type: str
    entity_name: str
    tag_key: str
    tag_value: str = ""


class AssignmentChange(Body):
    tag_value: str = ""


@router.post("")
def create_assignment(body: Assignment, who: CurrentPrincipal, store: CurrentStore) -> dict[str, Any]:
    if not body.tag_key:
        raise invalid("tag_key must not be empty.")
    with store.connection() as connection:
        known = _writable(connection, who, body.entity_type, body.entity_name)
        if _find(connection, known, body.tag_key):
            raise already_exists(f"Tag {body.tag_key} is already assigned to {body.entity_name}.")
        _put(connection, known, body.tag_key, body.tag_value, who)
        return _get(connection, known, body.entity_type, body.tag_key)


@router.get("/{entity_type}/{entity_name}/tags")
def list_assignments(
    entity_type: str, entity_name: str, page: RequestedPage, _: CurrentPrincipal, store: CurrentStore
) -> dict[str, Any]:
    with store.reading() as connection:
        known = _entity(connection, entity_type, entity_name)
        rows = connection.execute(
            "SELECT * FROM uc_entity_tags WHERE object_id = ? ORDER BY tag_key", (known.id,)
        ).fetchall()
    shown, more = page.cut(rows, lambda row: str(row["tag_key"]))
    return {"tag_assignments": [_view(known, entity_type, row) for row in shown], **more}


@router.get("/{entity_type}/{entity_name}/tags/{tag_key}")
def get_assignment(
    entity_type: str, entity_name: str, tag_key: str, _: CurrentPrincipal, store: CurrentStore
) -> dict[str, Any]:
    with store.reading() as connection:
        return _get(connection, _entity(connection, entity_type, entity_name), entity_type, tag_key)


@router.patch("/{entity_type}/{entity_name}/tags/{tag_key}")
def update_assignment(
    entity_type: str,
    entity_name: str,
    tag_key: str,
    body: AssignmentChange,
    who: CurrentPrincipal,
    store: CurrentStore,
) -> dict[str, Any]:
    with store.connection() as connection:
        known = _writable(connection, who, entity_type, entity_name)
        _get(connection, known, entity_type, tag_key)
        _put(connection, known, tag_key, body.tag_value, who)
        return _get(connection, known, entity_type, tag_key)


@router.delete("/{entity_type}/{entity_name}/tags/{tag_key}")
def delete_assignment(
    entity_type: str, entity_name: str, tag_key: str, who: CurrentPrincipal, store: CurrentStore
) -> dict[str, Any]:
    with store.connection() as connection:
        known = _writable(connection, who, entity_type, entity_name)
        _get(connection, known, entity_type, tag_key)
        connection.execute("DELETE FROM uc_entity_tags WHERE object_id = ? AND tag_key = ?", (known.id, tag_key))
    return {}


def _entity(connection: sqlite3.Connection, entity_type: str, entity_name: str) -> UcObject:
    kind = KIND_OF_ENTITY.get(entity_type.lower())
    if kind is None:
        raise invalid(f"Entity type '{entity_type}' is not supported.")
    return objects.get(connection, kind, names.full_name(entity_name, LEVELS[kind], kind))


def _writable(connection: sqlite3.Connection, who: Principal, entity_type: str, entity_name: str) -> UcObject:
    known = _entity(connection, entity_type, entity_name)
    access.require(connection, who, known, "APPLY_TAG")
    return known


def _find(connection: sqlite3.Connection, known: UcObject, tag_key: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM uc_entity_tags WHERE object_id = ? AND tag_key = ?", (known.id, tag_key)
    ).fetchone()
    return row


def _get(connection: sqlite3.Connection, known: UcObject, entity_type: str, tag_key: str) -> dict[str, Any]:
    row = _find(connection, known, tag_key)
    if row is None:
        raise not_found(f"Tag {tag_key} is not assigned to {known.full_name}.")
    return _view(known, entity_type, row)


def _put(connection: sqlite3.Connection, known: UcObject, tag_key: str, tag_value: str, who: Principal) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO uc_entity_tags (object_id, tag_key, tag_value, updated_at, updated_by) "
        "VALUES (?, ?, ?, CAST(strftime('%s', 'now') AS INTEGER), ?)",
        (known.id, tag_key, tag_value, who.user_name),
    )


def _view(known: UcObject, entity_type: str, row: sqlite3.Row) -> dict[str, Any]:
    return {
        "entity_type": entity_type,
        "entity_name": known.full_name,
        "tag_key": row["tag_key"],
        "tag_value": row["tag_value"],
        "update_time": datetime.fromtimestamp(row["updated_at"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "updated_by": row["updated_by"],
    }
