"""Renames and deletes catalogs and schemas, with or without their contents."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from sandbox.identity.principals import Principal
from sandbox.unity_catalog.securables import names, objects
from sandbox.unity_catalog.securables.objects import MODEL, SCHEMA_KIND, TABLE, VOLUME, UcObject
from sandbox.web.errors import ApiError, invalid

HELD_KINDS = (SCHEMA_KIND, TABLE, VOLUME, MODEL)


def rename_container(
    connection: sqlite3.Connection, known: UcObject, who: Principal, changes: Mapping[str, Any]
) -> UcObject:
    """Applies ``changes``; ``new_name`` renames. A null unsets an attribute, except for owner and name."""
    wanted = {key: value for key, value in changes.items() if key != "new_name"}
    if wanted.get("owner", "") is None:
        del wanted["owner"]
    new_name = changes.get("new_name")
    if not new_name or new_name.lower() == known.name:
        return objects.update(connection, known, who.user_name, wanted)
    _refuse_with_models(connection, known, "renamed")
    above = names.parent(known.full_name)
    lowered = names.object_name(new_name, known.kind)
    full_name = f"{above}.{lowered}" if above else lowered
    changed = objects.update(connection, known, who.user_name, {**wanted, "full_name": full_name})
    objects.move_children(connection, known.full_name, full_name)
    return changed


def delete_container(connection: sqlite3.Connection, known: UcObject, *, with_contents: bool) -> None:
    """Raises ApiError 400 INVALID_STATE if the container is not empty. Never deletes models."""
    held = held_objects(connection, known)
    _refuse_with_models(connection, known, "deleted")
    has_only_default_schema = [item.full_name for item in held] == [f"{known.full_name}.default"]
    if held and not with_contents and not has_only_default_schema:
        kinds = ", ".join(sorted({item.kind for item in held}))
        raise ApiError(
            400, "INVALID_STATE", f"{objects.LABELS[known.kind]} '{known.full_name}' is not empty: it has a {kinds}."
        )
    for item in reversed(held):
        objects.delete(connection, item)
    objects.delete(connection, known)


def held_objects(connection: sqlite3.Connection, known: UcObject) -> list[UcObject]:
    """All objects in the container, outer objects first."""
    direct = [item for kind in HELD_KINDS for item in objects.children(connection, kind, known.full_name)]
    return [*direct, *(below for item in direct for below in held_objects(connection, item))]


def _refuse_with_models(connection: sqlite3.Connection, known: UcObject, verb: str) -> None:
    if any(item.kind == MODEL for item in held_objects(connection, known)):
        raise invalid(f"'{known.full_name}' holds registered models: delete them before it can be {verb}.")
