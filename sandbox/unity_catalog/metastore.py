"""The workspace's metastore and its initial contents."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from sandbox.config import METASTORE_ID, WORKSPACE_ID
from sandbox.identity.dependencies import CurrentPrincipal, CurrentStore
from sandbox.identity.principals import ADMINS
from sandbox.store import Store
from sandbox.unity_catalog.securables import access, objects
from sandbox.unity_catalog.securables.objects import CATALOG, METASTORE, SCHEMA_KIND

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
    """Creates the metastore, the catalog ``main`` that all users can use, and the catalog ``system``."""
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
