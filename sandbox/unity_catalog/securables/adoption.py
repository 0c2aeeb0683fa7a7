"""Rows for objects that came to be outside of Unity Catalog's own API."""

from __future__ import annotations

import sqlite3

from sandbox.identity.principals import ADMINS, Principal
from sandbox.unity_catalog.securables import names, objects
from sandbox.unity_catalog.securables.objects import CATALOG, MODEL, SCHEMA_KIND


def adopt_model(connection: sqlite3.Connection, full_name: str, who: Principal | None) -> None:
    """A model that was registered with plain MLflow: give it rows, and its catalog and schema too."""
    owner = who.user_name if who else ADMINS
    adopt_schema(connection, full_name, owner)
    found = objects.find(connection, MODEL, full_name)
    if found is None:
        objects.insert(connection, MODEL, full_name, owner)
    elif found.created_by == ADMINS:
        # Someone listed the models between its creation in MLflow and this: now its maker is known.
        connection.execute(
            "UPDATE uc_objects SET owner = ?, created_by = ?, updated_by = ? WHERE id = ?",
            (owner, owner, owner, found.id),
        )


def adopt_schema(connection: sqlite3.Connection, full_name: str, owner: str) -> None:
    """The catalog and the schema of what has this name, where they are not there yet."""
    for kind, name in ((CATALOG, full_name.split(".")[0]), (SCHEMA_KIND, names.parent(full_name))):
        if objects.find(connection, kind, name) is None:
            objects.insert(connection, kind, name, owner)
