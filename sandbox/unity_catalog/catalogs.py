"""``/api/2.1/unity-catalog/catalogs``: create, read, change and delete catalogs."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from sandbox.config import METASTORE_ID
from sandbox.identity.dependencies import CurrentPrincipal, CurrentStore
from sandbox.unity_catalog.models.facade import CurrentModels
from sandbox.unity_catalog.securables import access, names, objects
from sandbox.unity_catalog.securables.containers import delete_container, rename_container
from sandbox.unity_catalog.securables.objects import CATALOG, METASTORE, SCHEMA_KIND, UcObject
from sandbox.web.bodies import Body
from sandbox.web.paging import RequestedPage

router = APIRouter(prefix="/api/2.1/unity-catalog/catalogs")
DEFAULT_SCHEMA = "default"


class NewCatalog(Body):
    name: str
    comment: str | None = None
    properties: dict[str, str] | None = None
    options: dict[str, str] | None = None
    storage_root: str | None = None


class CatalogChange(Body):
    new_name: str | None = None
    owner: str | None = None
    comment: str | None = None
    properties: dict[str, str] | None = None
    options: dict[str, str] | None = None
    isolation_mode: str | None = None
    enable_predictive_optimization: str | None = None


def catalog_view(known: UcObject) -> dict[str, Any]:
    fixed = {"catalog_type": "MANAGED_CATALOG", "securable_type": "CATALOG", "isolation_mode": "OPEN"}
    return {**known.common_fields(), **fixed, "enable_predictive_optimization": "INHERIT", **known.attributes}


@router.post("")
def create_catalog(body: NewCatalog, who: CurrentPrincipal, store: CurrentStore) -> dict[str, Any]:
    name = names.object_name(body.name, "catalog")
    attributes = body.model_dump(include={"properties", "options", "storage_root"}, exclude_none=True)
    with store.connection() as connection:
        metastore = objects.get(connection, METASTORE, METASTORE_ID)
        access.require(connection, who, metastore, "CREATE_CATALOG")
        created = objects.insert(connection, CATALOG, name, who.user_name, body.comment, attributes)
        objects.insert(connection, SCHEMA_KIND, f"{name}.{DEFAULT_SCHEMA}", who.user_name)
    return catalog_view(created)


@router.get("")
def list_catalogs(page: RequestedPage, _: CurrentPrincipal, store: CurrentStore) -> dict[str, Any]:
    with store.reading() as connection:
        known = objects.children(connection, CATALOG, "")
    shown, more = page.cut(known, lambda item: item.full_name)
    return {"catalogs": [catalog_view(item) for item in shown], **more}


@router.get("/{name}")
def get_catalog(name: str, _: CurrentPrincipal, store: CurrentStore) -> dict[str, Any]:
    with store.reading() as connection:
        return catalog_view(objects.get(connection, CATALOG, name.lower()))


@router.patch("/{name}")
def update_catalog(name: str, body: CatalogChange, who: CurrentPrincipal, store: CurrentStore) -> dict[str, Any]:
    with store.connection() as connection:
        known = objects.get(connection, CATALOG, name.lower())
        access.require(connection, who, known, access.MANAGE)
        return catalog_view(rename_container(connection, known, who, body.given()))


@router.delete("/{name}")
def delete_catalog(
    name: str, who: CurrentPrincipal, store: CurrentStore, models: CurrentModels, force: bool = False
) -> dict[str, Any]:
    """``force`` deletes the contents too, including models."""
    if force:
        models.delete_below(who, name.lower())
    with store.connection() as connection:
        known = objects.get(connection, CATALOG, name.lower())
        access.require(connection, who, known, access.MANAGE)
        delete_container(connection, known, with_contents=force)
    return {}
