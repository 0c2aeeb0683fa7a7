"""The one metastore of the workspace and what it holds from the start."""

from __future__ import annotations

import sqlite3
from typing import Any

from fastapi import APIRouter

from sandbox.config import METASTORE_ID, WORKSPACE_ID
from sandbox.dependencies import CurrentPrincipal, CurrentStore
from sandbox.identity import ADMINS, Principal
from sandbox.store import Store
from sandbox.unity_catalog import access, names, objects
from sandbox.unity_catalog.objects import CATALOG, METASTORE, MODEL, SCHEMA_KIND

router = APIRouter(prefix="/api/2.1/unity-catalog")
MAIN = "main"
MAIN_PRIVILEGES = ("USE_CATALOG", "USE_SCHEMA", "EXECUTE")
DEFAULT_SCHEMA_PRIVILEGES = ("CREATE_FUNCTION", "CREATE_MODEL", "CREATE_TABLE", "CREATE_VOLUME")


@router.get("/current-metastore-assignment")
def current_assignment(_: CurrentPrincipal) -> dict[str, Any]:
    return {"workspace_id": WORKSPACE_ID, "metastore_id": METASTORE_ID, "default_catalog_name": MAIN}


@router.get("/metastore_summary")
def summary(_: CurrentPrincipal, store: CurrentStore) -> dict[str, Any]:
    with store.reading() as connection:
        known = objects.get(connection, METASTORE, METASTORE_ID)
    return {
        **known.common_fields(),
        "name": "sandbox",
        "cloud": "aws",
        "region": "us-east-1",
        "global_metastore_id": f"aws:us-east-1:{METASTORE_ID}",
        "privilege_model_version": "1.0",
        "delta_sharing_scope": "INTERNAL",
        "storage_root": f"s3://sandbox/{METASTORE_ID}",
    }


def seed(store: Store) -> None:
    """The metastore, the catalog ``main`` open to all, and ``system``."""
    with store.connection() as connection:
        if objects.find(connection, METASTORE, METASTORE_ID) is not None:
            return
        objects.insert(connection, METASTORE, METASTORE_ID, ADMINS)
        for catalog_name, schema in ((MAIN, "default"), ("system", "information_schema")):
            catalog = objects.insert(connection, CATALOG, catalog_name, ADMINS)
            created = objects.insert(connection, SCHEMA_KIND, f"{catalog_name}.{schema}", ADMINS)
            if catalog_name == MAIN:
                access.grant(connection, catalog, access.ACCOUNT_USERS, MAIN_PRIVILEGES)
                access.grant(connection, created, access.ACCOUNT_USERS, DEFAULT_SCHEMA_PRIVILEGES)


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
