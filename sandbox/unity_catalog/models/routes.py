"""``/api/2.1/unity-catalog/models``: registered models, their versions and aliases."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter

from sandbox.config import METASTORE_ID, WORKSPACE_ID
from sandbox.identity.dependencies import CurrentPrincipal
from sandbox.unity_catalog.models.facade import CurrentModels
from sandbox.unity_catalog.models.records import Model, Version, storage_location
from sandbox.unity_catalog.securables import names
from sandbox.web.bodies import Body
from sandbox.web.errors import invalid
from sandbox.web.paging import RequestedPage

router = APIRouter(prefix="/api/2.1/unity-catalog/models")


class NewModel(Body):
    catalog_name: str
    schema_name: str
    name: str
    comment: str | None = None
    storage_location: str | None = None


class ModelChange(Body):
    new_name: str | None = None
    owner: str | None = None
    comment: str | None = None


class VersionChange(Body):
    comment: str | None = None


class AliasTarget(Body):
    version_num: int


def model_view(model: Model, *, with_aliases: bool) -> dict[str, Any]:
    """Aliases are shown on request only: Terraform would report them as changes."""
    known = model.object
    catalog_name, schema_name, _ = known.full_name.split(".")
    view = {
        **known.common_fields(),
        "catalog_name": catalog_name,
        "schema_name": schema_name,
        "storage_location": storage_location(known.id),
        "updated_at": max(known.updated_at, model.mlflow.get("last_updated_timestamp", 0)),
    }
    if model.mlflow.get("description"):
        view["comment"] = model.mlflow["description"]
    if with_aliases:
        view["aliases"] = [_alias_view(known.full_name, alias, version) for alias, version in model.aliases]
    return view


def version_view(version: Version, *, with_aliases: bool) -> dict[str, Any]:
    catalog_name, schema_name, model_name = version.model.full_name.split(".")
    found, row = version.mlflow, version.row
    view = {
        "catalog_name": catalog_name,
        "schema_name": schema_name,
        "model_name": model_name,
        "version": int(version.number),
        "source": version.source,
        "status": version.status,
        "id": row["id"] if row else f"{version.model.id}-{version.number}",
        "metastore_id": METASTORE_ID,
        "storage_location": f"{storage_location(version.model.id)}/versions/{version.number}",
        "created_at": found["creation_timestamp"],
        "created_by": row["created_by"] if row else version.model.created_by,
        "updated_at": found["last_updated_timestamp"],
        "updated_by": row["updated_by"] if row else version.model.created_by,
    }
    optional = {"comment": found.get("description"), "run_id": found.get("run_id")}
    view |= {key: value for key, value in optional.items() if value}
    if found.get("run_id"):
        view["run_workspace_id"] = WORKSPACE_ID
    if row and row["dependencies"] != "[]":
        view["model_version_dependencies"] = {"dependencies": json.loads(row["dependencies"])}
    if with_aliases:
        view["aliases"] = [_alias_view(version.model.full_name, alias, version.number) for alias in version.aliases]
    return view


@router.post("")
def create_model(body: NewModel, who: CurrentPrincipal, models: CurrentModels) -> dict[str, Any]:
    full_name = names.full_name(f"{body.catalog_name}.{body.schema_name}.{body.name}", 3, "model")
    return model_view(models.create(who, full_name, body.comment or "", []), with_aliases=False)


@router.get("")
def list_models(
    page: RequestedPage,
    _: CurrentPrincipal,
    models: CurrentModels,
    catalog_name: str = "",
    schema_name: str = "",
) -> dict[str, Any]:
    if bool(catalog_name) != bool(schema_name):
        raise invalid("catalog_name and schema_name must be given together.")
    shown, more = page.cut(
        models.list_models(catalog_name.lower(), schema_name.lower()), lambda item: item.object.full_name
    )
    return {"registered_models": [model_view(item, with_aliases=False) for item in shown], **more}


@router.get("/{full_name}")
def get_model(
    full_name: str, _: CurrentPrincipal, models: CurrentModels, include_aliases: bool = False
) -> dict[str, Any]:
    return model_view(models.get(_model_name(full_name)), with_aliases=include_aliases)


@router.patch("/{full_name}")
def update_model(full_name: str, body: ModelChange, who: CurrentPrincipal, models: CurrentModels) -> dict[str, Any]:
    return model_view(models.update(who, _model_name(full_name), body.given()), with_aliases=False)


@router.delete("/{full_name}")
def delete_model(full_name: str, who: CurrentPrincipal, models: CurrentModels) -> dict[str, Any]:
    models.delete(who, _model_name(full_name))
    return {}


@router.put("/{full_name}/aliases/{alias}")
def set_alias(
    full_name: str, alias: str, body: AliasTarget, who: CurrentPrincipal, models: CurrentModels
) -> dict[str, Any]:
    name = _model_name(full_name)
    models.set_alias(who, name, alias, str(body.version_num))
    return _alias_view(name, alias, str(body.version_num))


@router.delete("/{full_name}/aliases/{alias}")
def delete_alias(full_name: str, alias: str, who: CurrentPrincipal, models: CurrentModels) -> dict[str, Any]:
    models.delete_alias(who, _model_name(full_name), alias)
    return {}


@router.get("/{full_name}/aliases/{alias}")
def get_by_alias(
    full_name: str, alias: str, _: CurrentPrincipal, models: CurrentModels, include_aliases: bool = False
) -> dict[str, Any]:
    return version_view(models.version_by_alias(_model_name(full_name), alias), with_aliases=include_aliases)


@router.get("/{full_name}/versions")
def list_versions(full_name: str, page: RequestedPage, _: CurrentPrincipal, models: CurrentModels) -> dict[str, Any]:
    shown, more = page.cut(models.list_versions(_model_name(full_name)), lambda item: item.number.zfill(12))
    return {"model_versions": [version_view(item, with_aliases=False) for item in shown], **more}


@router.get("/{full_name}/versions/{version}")
def get_version(
    full_name: str, version: int, _: CurrentPrincipal, models: CurrentModels, include_aliases: bool = False
) -> dict[str, Any]:
    found = models.get_version(_model_name(full_name), str(version))
    return version_view(found, with_aliases=include_aliases)


@router.patch("/{full_name}/versions/{version}")
def update_version(
    full_name: str, version: int, body: VersionChange, who: CurrentPrincipal, models: CurrentModels
) -> dict[str, Any]:
    changed = models.update_version(who, _model_name(full_name), str(version), body.comment)
    return version_view(changed, with_aliases=False)


@router.delete("/{full_name}/versions/{version}")
def delete_version(full_name: str, version: int, who: CurrentPrincipal, models: CurrentModels) -> dict[str, Any]:
    models.delete_version(who, _model_name(full_name), str(version))
    return {}


def _model_name(full_name: str) -> str:
    return names.full_name(full_name, 3, "model")


def _alias_view(full_name: str, alias: str, version: str) -> dict[str, Any]:
    catalog_name, schema_name, model_name = full_name.split(".")
    return {
        "alias_name": alias,
        "version_num": int(version),
        "catalog_name": catalog_name,
        "schema_name": schema_name,
        "model_name": model_name,
    }
