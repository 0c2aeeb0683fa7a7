"""``/api/2.0/mlflow/unity-catalog``: the API for MLflow clients with the registry URI ``databricks-uc``.

Versions are strings here and numbers in the REST API of Unity Catalog.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from sandbox.identity.dependencies import CurrentPrincipal
from sandbox.unity_catalog.models.facade import CurrentModels
from sandbox.unity_catalog.models.records import Model, NewVersion, Version, storage_location
from sandbox.unity_catalog.securables import names
from sandbox.web.bodies import Body
from sandbox.web.errors import invalid
from sandbox.web.paging import RequestedPage

router = APIRouter(prefix="/api/2.0/mlflow/unity-catalog")


class Tag(Body):
    key: str
    value: str = ""


class Named(Body):
    name: str

    @property
    def full_name(self) -> str:
        return names.full_name(self.name, 3, "model")


class NewModel(Named):
    description: str = ""
    tags: list[Tag] = []


class ModelChange(Named):
    new_name: str | None = None
    description: str | None = None


class TagKey(Named):
    key: str


class NewTag(TagKey):
    value: str = ""


class NamedAlias(Named):
    alias: str


class NewAlias(NamedAlias):
    version: str


class NamedVersion(Named):
    version: str


class VersionChange(NamedVersion):
    description: str | None = None


class VersionTagKey(NamedVersion):
    key: str


class NewVersionTag(VersionTagKey):
    value: str = ""


class RegisteredVersion(Named):
    source: str
    run_id: str = ""
    description: str = ""
    tags: list[Tag] = []
    model_id: str = ""
    run_tracking_server_id: str = ""
    model_version_dependencies: list[dict[str, Any]] = []


def model_view(model: Model) -> dict[str, Any]:
    known, found = model.object, model.mlflow
    return {
        "name": known.full_name,
        "creation_timestamp": found["creation_timestamp"],
        "last_updated_timestamp": found["last_updated_timestamp"],
        "user_id": known.owner,
        "description": found.get("description", ""),
        "aliases": [{"alias": alias, "version": version} for alias, version in model.aliases],
        "tags": found.get("tags", []),
    }


def version_view(version: Version) -> dict[str, Any]:
    known, found, row = version.model, version.mlflow, version.row
    view = {
        "name": known.full_name,
        "version": version.number,
        "creation_timestamp": found["creation_timestamp"],
        "last_updated_timestamp": found["last_updated_timestamp"],
        "user_id": row["created_by"] if row else known.created_by,
        "description": found.get("description", ""),
        "source": version.source,
        "run_id": found.get("run_id", ""),
        "status": version.status,
        "storage_location": f"{storage_location(known.id)}/versions/{version.number}",
        "aliases": [{"alias": alias, "version": version.number} for alias in version.aliases],
        "tags": found.get("tags", []),
    }
    optional = {
        "run_tracking_server_id": row["run_workspace_id"] if row else "",
        "model_id": row["logged_model_id"] if row else found.get("model_id", ""),
    }
    return view | {key: value for key, value in optional.items() if value}


@router.get("/registered-models:is-databricks-sdk-models-artifact-repository-enabled")
def is_files_api_used(_: CurrentPrincipal) -> dict[str, Any]:
    """Always yes: artifacts of versions use the Files API, so clients need no cloud credentials."""
    return {"is_databricks_sdk_models_artifact_repository_enabled": True}


@router.post("/registered-models/create")
def create_model(body: NewModel, who: CurrentPrincipal, models: CurrentModels) -> dict[str, Any]:
    created = models.create(who, body.full_name, body.description, [tag.model_dump() for tag in body.tags])
    return {"registered_model": model_view(models.get(created.object.full_name))}


@router.patch("/registered-models/update")
def update_model(body: ModelChange, who: CurrentPrincipal, models: CurrentModels) -> dict[str, Any]:
    full_name, new_name = body.full_name, None
    if body.new_name:
        new_full_name = names.full_name(body.new_name, 3, "model")
        if names.parent(new_full_name) != names.parent(full_name):
            raise invalid("A model cannot be moved to another schema.")
        new_name = names.last(new_full_name)
    changed = models.update(who, full_name, {"comment": body.description, "new_name": new_name})
    return {"registered_model": model_view(changed)}


@router.delete("/registered-models/delete")
def delete_model(body: Named, who: CurrentPrincipal, models: CurrentModels) -> dict[str, Any]:
    models.delete(who, body.full_name)
    return {}


@router.get("/registered-models/get")
def get_model(name: str, _: CurrentPrincipal, models: CurrentModels) -> dict[str, Any]:
    return {"registered_model": model_view(models.get(names.full_name(name, 3, "model")))}


@router.get("/registered-models/search")
def search_models(page: RequestedPage, _: CurrentPrincipal, models: CurrentModels) -> dict[str, Any]:
    shown, more = page.cut(models.list_models("", ""), lambda item: item.object.full_name)
    return {"registered_models": [model_view(item) for item in shown], **more}


@router.post("/registered-models/set-tag")
def set_model_tag(body: NewTag, who: CurrentPrincipal, models: CurrentModels) -> dict[str, Any]:
    models.set_tag(who, body.full_name, body.key, body.value)
    return {}


@router.delete("/registered-models/delete-tag")
def delete_model_tag(body: TagKey, who: CurrentPrincipal, models: CurrentModels) -> dict[str, Any]:
    models.delete_tag(who, body.full_name, body.key)
    return {}


@router.post("/registered-models/alias")
def set_alias(body: NewAlias, who: CurrentPrincipal, models: CurrentModels) -> dict[str, Any]:
    models.set_alias(who, body.full_name, body.alias, body.version)
    return {}


@router.delete("/registered-models/alias")
def delete_alias(body: NamedAlias, who: CurrentPrincipal, models: CurrentModels) -> dict[str, Any]:
    models.delete_alias(who, body.full_name, body.alias)
    return {}


@router.get("/registered-models/alias")
def get_by_alias(name: str, alias: str, _: CurrentPrincipal, models: CurrentModels) -> dict[str, Any]:
    return {"model_version": version_view(models.version_by_alias(names.full_name(name, 3, "model"), alias))}


@router.post("/model-versions/create")
def create_version(body: RegisteredVersion, who: CurrentPrincipal, models: CurrentModels) -> dict[str, Any]:
    new = NewVersion(
        source=body.source,
        run_id=body.run_id,
        description=body.description,
        tags=[tag.model_dump() for tag in body.tags],
        logged_model_id=body.model_id,
        run_workspace_id=body.run_tracking_server_id,
        dependencies=body.model_version_dependencies,
    )
    return {"model_version": version_view(models.create_version(who, body.full_name, new))}


@router.post("/model-versions/finalize")
def finalize_version(body: NamedVersion, who: CurrentPrincipal, models: CurrentModels) -> dict[str, Any]:
    return {"model_version": version_view(models.finalize_version(who, body.full_name, body.version))}


@router.patch("/model-versions/update")
def update_version(body: VersionChange, who: CurrentPrincipal, models: CurrentModels) -> dict[str, Any]:
    changed = models.update_version(who, body.full_name, body.version, body.description)
    return {"model_version": version_view(changed)}


@router.delete("/model-versions/delete")
def delete_version(body: NamedVersion, who: CurrentPrincipal, models: CurrentModels) -> dict[str, Any]:
    models.delete_version(who, body.full_name, body.version)
    return {}


@router.get("/model-versions/get")
def get_version(name: str, version: str, _: CurrentPrincipal, models: CurrentModels) -> dict[str, Any]:
    return {"model_version": version_view(models.get_version(names.full_name(name, 3, "model"), version))}


@router.get("/model-versions/search")
def search_versions(
    _: CurrentPrincipal,
    models: CurrentModels,
    filter: str = "",
    max_results: int = 0,
    page_token: str = "",
) -> dict[str, Any]:
    given = {"filter": filter, "max_results": max_results, "page_token": page_token}
    found, token = models.search_versions({key: value for key, value in given.items() if value})
    answer: dict[str, Any] = {"model_versions": [version_view(item) for item in found]}
    return {**answer, "next_page_token": token} if token else answer


@router.get("/model-versions/get-download-uri")
def get_download_uri(name: str, version: str, _: CurrentPrincipal, models: CurrentModels) -> dict[str, Any]:
    found = models.get_version(names.full_name(name, 3, "model"), version)
    return {"artifact_uri": version_view(found)["storage_location"]}


@router.post("/model-versions/set-tag")
def set_version_tag(body: NewVersionTag, who: CurrentPrincipal, models: CurrentModels) -> dict[str, Any]:
    models.set_version_tag(who, body.full_name, body.version, body.key, body.value)
    return {}


@router.delete("/model-versions/delete-tag")
def delete_version_tag(body: VersionTagKey, who: CurrentPrincipal, models: CurrentModels) -> dict[str, Any]:
    models.delete_version_tag(who, body.full_name, body.version, body.key)
    return {}
