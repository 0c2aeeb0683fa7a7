"""Rows for objects that were created without Unity Catalog's API."""

from __future__ import annotations

import sqlite3

from sandbox.identity.principals import ADMINS, Principal
from sandbox.unity_catalog.securables import names, objects
from sandbox.unity_catalog.securables.objects import CATALOG, MODEL, SCHEMA_KIND


def adopt_model(connection: sqlite3.Connection, full_name: str, who: Principal | None) -> None:
    """Creates the rows of a model that was registered with plain MLflow, and of its catalog and schema."""
    owner = who.user_name if who else ADMINS
    adopt_schema(connection, full_name, owner)
    found = objects.find(connection, MODEL, full_name)
    if found is None:
        objects.insert(connection, MODEL, full_name, owner)
    elif found.created_by == ADMINS:
        # A list request created the row before this call, without knowing the creator. Now the creator is known.
        connection.execute(
            "UPDATE uc_objects SET owner = ?, created_by = ?, updated_by = ? WHERE id = ?",
            (owner, owner, owner, found.id),
        )


def adopt_schema(connection: sqlite3.Connection, full_name: str, owner: str) -> None:
    """Creates the catalog and the schema in ``full_name`` if they are missing."""
    for kind, name in ((CATALOG, full_name.split(".")[0]), (SCHEMA_KIND, names.parent(full_name))):
        if objects.find(connection, kind, name) is None:
            objects.insert(connection, kind, name, owner)
