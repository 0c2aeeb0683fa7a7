"""``/api/2.1/unity-catalog/volumes``: the volumes. The Files API reads and writes their files."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from sandbox.config import METASTORE_ID
from sandbox.identity.dependencies import CurrentPrincipal, CurrentStore
from sandbox.unity_catalog.securables import access, names, objects
from sandbox.unity_catalog.securables.objects import SCHEMA_KIND, VOLUME, UcObject
from sandbox.web.bodies import Body
from sandbox.web.errors import invalid
from sandbox.web.paging import RequestedPage

router = APIRouter(prefix="/api/2.1/unity-catalog/volumes")


class NewVolume(Body):
    catalog_name: str
    schema_name: str
    name: str
    volume_type: Literal["MANAGED", "EXTERNAL"]
    comment: str | None = None
    storage_location: str | None = None


class VolumeChange(Body):
    new_name: str | None = None
    owner: str | None = None
    comment: str | None = None


def volume_view(known: UcObject) -> dict[str, Any]:
    catalog_name, schema_name, _ = known.full_name.split(".")
    fixed = {
        "catalog_name": catalog_name,
        "schema_name": schema_name,
        "volume_id": known.id,
        "storage_location": f"s3://sandbox/{METASTORE_ID}/volumes/{known.id}",
    }
    return {**known.common_fields(), **fixed, **known.attributes}


@router.post("")
def create_volume(body: NewVolume, who: CurrentPrincipal, store: CurrentStore) -> dict[str, Any]:
    if body.volume_type == "MANAGED" and body.storage_location:
        raise invalid("CreateVolume storage_location can not be provided.")
    if body.volume_type == "EXTERNAL" and not body.storage_location:
        raise invalid("Missing required field: storage_location")
    full_name = names.full_name(f"{body.catalog_name}.{body.schema_name}.{body.name}", 3, "volume")
    attributes = body.model_dump(include={"volume_type", "storage_location"}, exclude_none=True)
    with store.connection() as connection:
        objects.require_parents(connection, full_name)
        schema = objects.get(connection, SCHEMA_KIND, names.parent(full_name))
        access.require(connection, who, schema, "CREATE_VOLUME")
        created = objects.insert(connection, VOLUME, full_name, who.user_name, body.comment, attributes)
    return volume_view(created)


@router.get("")
def list_volumes(
    catalog_name: Annotated[str, Query()],
    schema_name: Annotated[str, Query()],
    page: RequestedPage,
    _: CurrentPrincipal,
    store: CurrentStore,
) -> dict[str, Any]:
    with store.reading() as connection:
        schema = objects.get(connection, SCHEMA_KIND, f"{catalog_name}.{schema_name}".lower())
        known = objects.children(connection, VOLUME, schema.full_name)
    shown, more = page.cut(known, lambda item: item.full_name)
    return {"volumes": [volume_view(item) for item in shown], **more}


@router.get("/{full_name}")
def get_volume(full_name: str, _: CurrentPrincipal, store: CurrentStore) -> dict[str, Any]:
    name = names.full_name(full_name, 3, "volume")
    with store.reading() as connection:
        return volume_view(objects.get(connection, VOLUME, name))


@router.patch("/{full_name}")
def update_volume(full_name: str, body: VolumeChange, who: CurrentPrincipal, store: CurrentStore) -> dict[str, Any]:
    name = names.full_name(full_name, 3, "volume")
    changes = {key: value for key, value in body.given().items() if key == "comment" or value}
    new_name = changes.pop("new_name", None)
    if new_name:
        changes["full_name"] = f"{names.parent(name)}.{names.object_name(new_name, 'volume')}"
    with store.connection() as connection:
        known = objects.get(connection, VOLUME, name)
        access.require(connection, who, known, access.MANAGE)
        return volume_view(objects.update(connection, known, who.user_name, changes))


@router.delete("/{full_name}")
def delete_volume(full_name: str, who: CurrentPrincipal, store: CurrentStore) -> dict[str, Any]:
    name = names.full_name(full_name, 3, "volume")
    with store.connection() as connection:
        known = objects.get(connection, VOLUME, name)
        access.require(connection, who, known, access.MANAGE)
        objects.delete(connection, known)
    return {}
