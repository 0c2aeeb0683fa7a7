"""``/api/2.1/unity-catalog/schemas``: create, read, change and delete schemas."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from sandbox.identity.dependencies import CurrentPrincipal, CurrentStore
from sandbox.unity_catalog.models.facade import CurrentModels
from sandbox.unity_catalog.securables import access, names, objects
from sandbox.unity_catalog.securables.containers import delete_container, rename_container
from sandbox.unity_catalog.securables.objects import CATALOG, SCHEMA_KIND, UcObject
from sandbox.web.bodies import Body
from sandbox.web.paging import RequestedPage

router = APIRouter(prefix="/api/2.1/unity-catalog/schemas")


class NewSchema(Body):
    name: str
    catalog_name: str
    comment: str | None = None
    properties: dict[str, str] | None = None
    storage_root: str | None = None
    custom_max_retention_hours: int | None = None


class SchemaChange(Body):
    new_name: str | None = None
    owner: str | None = None
    comment: str | None = None
    properties: dict[str, str] | None = None
    enable_predictive_optimization: str | None = None
    custom_max_retention_hours: int | None = None


def schema_view(known: UcObject) -> dict[str, Any]:
    """Leaves out fields that were not set: Terraform would report them as changes."""
    fixed = {
        "catalog_name": names.parent(known.full_name),
        "catalog_type": "MANAGED_CATALOG",
        "schema_id": known.id,
        "enable_predictive_optimization": "INHERIT",
        "effective_predictive_optimization_flag": {"value": "DISABLE", "inherited_from_type": "METASTORE"},
    }
    return {**known.common_fields(), **fixed, **known.attributes}


@router.post("")
def create_schema(body: NewSchema, who: CurrentPrincipal, store: CurrentStore) -> dict[str, Any]:
    catalog_name = names.object_name(body.catalog_name, "catalog")
    name = names.object_name(body.name, "schema")
    attributes = body.model_dump(
        include={"properties", "storage_root", "custom_max_retention_hours"}, exclude_none=True
    )
    with store.connection() as connection:
        catalog = objects.get(connection, CATALOG, catalog_name)
        access.require(connection, who, catalog, "CREATE_SCHEMA")
        created = objects.insert(
            connection, SCHEMA_KIND, f"{catalog_name}.{name}", who.user_name, body.comment, attributes
        )
    return schema_view(created)


@router.get("")
def list_schemas(
    catalog_name: Annotated[str, Query()], page: RequestedPage, _: CurrentPrincipal, store: CurrentStore
) -> dict[str, Any]:
    with store.reading() as connection:
        catalog = objects.get(connection, CATALOG, catalog_name.lower())
        known = objects.children(connection, SCHEMA_KIND, catalog.full_name)
    shown, more = page.cut(known, lambda item: item.full_name)
    return {"schemas": [schema_view(item) for item in shown], **more}


@router.get("/{full_name}")
def get_schema(full_name: str, _: CurrentPrincipal, store: CurrentStore) -> dict[str, Any]:
    name = names.full_name(full_name, 2, "schema")
    with store.reading() as connection:
        return schema_view(objects.get(connection, SCHEMA_KIND, name))


@router.patch("/{full_name}")
def update_schema(full_name: str, body: SchemaChange, who: CurrentPrincipal, store: CurrentStore) -> dict[str, Any]:
    name = names.full_name(full_name, 2, "schema")
    with store.connection() as connection:
        known = objects.get(connection, SCHEMA_KIND, name)
        access.require(connection, who, known, access.MANAGE)
        return schema_view(rename_container(connection, known, who, body.given()))


@router.delete("/{full_name}")
def delete_schema(
    full_name: str, who: CurrentPrincipal, store: CurrentStore, models: CurrentModels, force: bool = False
) -> dict[str, Any]:
    """``force`` deletes the contents too, including models."""
    name = names.full_name(full_name, 2, "schema")
    if force:
        models.delete_below(who, name)
    with store.connection() as connection:
        known = objects.get(connection, SCHEMA_KIND, name)
        access.require(connection, who, known, access.MANAGE)
        delete_container(connection, known, with_contents=force)
    return {}
