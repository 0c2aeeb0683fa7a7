"""``/api/2.1/unity-catalog/tables``: the metadata of tables. Other parts of the sandbox create the tables."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from sandbox.identity.dependencies import CurrentPrincipal, CurrentStore
from sandbox.unity_catalog.securables import access, names, objects
from sandbox.unity_catalog.securables.objects import SCHEMA_KIND, TABLE, UcObject
from sandbox.web.paging import RequestedPage

router = APIRouter(prefix="/api/2.1/unity-catalog/tables")


def table_view(known: UcObject) -> dict[str, Any]:
    """The table's ``attributes`` have columns, storage_location and other keys of TableInfo."""
    catalog_name, schema_name, _ = known.full_name.split(".")
    fixed = {
        "catalog_name": catalog_name,
        "schema_name": schema_name,
        "table_id": known.id,
        "table_type": "MANAGED",
        "data_source_format": "DELTA",
    }
    return {**known.common_fields(), **fixed, **known.attributes}


@router.get("")
def list_tables(
    catalog_name: Annotated[str, Query()],
    schema_name: Annotated[str, Query()],
    page: RequestedPage,
    _: CurrentPrincipal,
    store: CurrentStore,
) -> dict[str, Any]:
    with store.reading() as connection:
        schema = objects.get(connection, SCHEMA_KIND, f"{catalog_name}.{schema_name}".lower())
        known = objects.children(connection, TABLE, schema.full_name)
    shown, more = page.cut(known, lambda item: item.full_name)
    return {"tables": [table_view(item) for item in shown], **more}


@router.get("/{full_name}/exists")
def table_exists(full_name: str, _: CurrentPrincipal, store: CurrentStore) -> dict[str, Any]:
    name = names.full_name(full_name, 3, "table")
    with store.reading() as connection:
        objects.require_parents(connection, name)
        return {"table_exists": objects.find(connection, TABLE, name) is not None}


@router.get("/{full_name}")
def get_table(full_name: str, _: CurrentPrincipal, store: CurrentStore) -> dict[str, Any]:
    name = names.full_name(full_name, 3, "table")
    with store.reading() as connection:
        return table_view(objects.get(connection, TABLE, name))


@router.delete("/{full_name}")
def delete_table(full_name: str, who: CurrentPrincipal, store: CurrentStore) -> dict[str, Any]:
    name = names.full_name(full_name, 3, "table")
    with store.connection() as connection:
        known = objects.get(connection, TABLE, name)
        access.require(connection, who, known, access.MANAGE)
        objects.delete(connection, known)
    return {}
