"""Models and versions of Unity Catalog: a facade over the MLflow registry.

A model of Unity Catalog is an MLflow registered model with the name ``catalog.schema.name``. The store keeps what
MLflow does not: the owner, the status before the upload ends, the dependencies.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from sandbox.identity.principals import Principal
from sandbox.mlflow import artifacts
from sandbox.mlflow.registry import Registry
from sandbox.store import Store
from sandbox.unity_catalog.models.records import PENDING, READY, Json, Model, NewVersion, Version
from sandbox.unity_catalog.securables import access, names, objects
from sandbox.unity_catalog.securables.adoption import adopt_model
from sandbox.unity_catalog.securables.objects import CATALOG, MODEL, SCHEMA_KIND, UcObject
from sandbox.web.errors import ApiError, already_exists, not_found
from sandbox.web.state import from_state


class Models:
    """All names are full names in lower case. Every method can raise ApiError. Thread-safe."""

    def __init__(self, store: Store, registry: Registry, artifacts_dir: Path) -> None:
        self._store = store
        self._registry = registry
        self._artifacts_dir = artifacts_dir

    def create(self, who: Principal, full_name: str, comment: str, tags: list[Json]) -> Model:
        with self._store.reading() as connection:
            objects.require_parents(connection, full_name)
            schema = objects.get(connection, SCHEMA_KIND, names.parent(full_name))
            access.require(connection, who, schema, "CREATE_MODEL")
        try:
            created = self._registry.create_model(full_name, comment, tags)
        except ApiError as error:
            if error.status != 409:
                raise
            raise already_exists(f"Registered model '{full_name}' already exists") from error
        self.adopt(full_name, who)
        return Model(self._object(full_name), created)

    def adopt(self, full_name: str, who: Principal | None) -> None:
        """Creates the row of a model that exists in MLflow, and its schema and catalog if they are missing."""
        with self._store.connection() as connection:
            adopt_model(connection, full_name, who)

    def forget(self, full_name: str, new_name: str) -> None:
        """Follows MLflow, which renamed the model to ``new_name`` or, if that is empty, deleted it."""
        with self._store.connection() as connection:
            known = objects.find(connection, MODEL, full_name)
            if known is not None and names.is_model_name(new_name):
                objects.update(connection, known, known.updated_by, {"full_name": new_name})
            elif known is not None:
                objects.delete(connection, known)

    def get(self, full_name: str) -> Model:
        try:
            found = self._registry.get_model(full_name)
        except ApiError as error:
            raise self._explained(error, full_name) from error
        return Model(self._object(full_name), found)

    def list_models(self, catalog_name: str, schema_name: str) -> list[Model]:
        """Sorted by full name. An empty name does not filter."""
        prefix = f"{catalog_name}." if catalog_name else ""
        prefix += f"{schema_name}." if catalog_name and schema_name else ""
        found = [item for item in self._registry.list_models() if names.is_model_name(item["name"])]
        shown = sorted((item for item in found if item["name"].startswith(prefix)), key=lambda item: str(item["name"]))
        return [Model(self._object(item["name"]), item) for item in shown]

    def update(self, who: Principal, full_name: str, changes: Mapping[str, Any]) -> Model:
        """``changes`` can have the keys comment, owner and new_name (without catalog and schema)."""
        known = self._writable(who, full_name)
        if changes.get("comment") is not None:
            self._registry.update_model(full_name, changes["comment"])
        wanted = {"owner": changes["owner"]} if changes.get("owner") else {}
        new_name = changes.get("new_name")
        if new_name:
            wanted["full_name"] = f"{names.parent(full_name)}.{names.object_name(new_name, 'model')}"
            self._registry.rename_model(full_name, wanted["full_name"])
        with self._store.connection() as connection:
            changed = objects.update(connection, known, who.user_name, wanted)
        return self.get(changed.full_name)

    def delete(self, who: Principal, full_name: str) -> None:
        """Deletes the model and all its versions."""
        known = self._writable(who, full_name)
        self._registry.delete_model(full_name)
        with self._store.connection() as connection:
            objects.delete(connection, known)

    def delete_below(self, who: Principal, container: str) -> None:
        """Deletes all models of a catalog or schema that ``who`` can manage."""
        kind = SCHEMA_KIND if "." in container else CATALOG
        with self._store.reading() as connection:
            access.require(connection, who, objects.get(connection, kind, container), access.MANAGE)
        catalog_name, _, schema_name = container.partition(".")
        for model in self.list_models(catalog_name, schema_name):
            self.delete(who, model.object.full_name)

    def set_alias(self, who: Principal, full_name: str, alias: str, version: str) -> None:
        self._writable(who, full_name)
        self.get_version(full_name, version)
        self._registry.set_alias(full_name, alias, version)

    def delete_alias(self, who: Principal, full_name: str, alias: str) -> None:
        self._writable(who, full_name)
        if alias not in dict(self.get(full_name).aliases):
            raise not_found(f"Alias '{alias}' does not exist on registered model '{full_name}'.")
        self._registry.delete_alias(full_name, alias)

    def set_tag(self, who: Principal, full_name: str, key: str, value: str) -> None:
        self._writable(who, full_name)
        self._registry.set_model_tag(full_name, key, value)

    def delete_tag(self, who: Principal, full_name: str, key: str) -> None:
        self._writable(who, full_name)
        self._registry.delete_model_tag(full_name, key)

    def create_version(self, who: Principal, full_name: str, new: NewVersion) -> Version:
        """Creates a version with the status PENDING_REGISTRATION. The client then uploads files and finalizes it."""
        known = self._writable(who, full_name)
        storage_id = uuid.uuid4().hex
        source = f"{artifacts.UC_SOURCE}{storage_id}"
        created = self._registry.create_version(full_name, source, new.run_id, new.description, new.tags)
        (self._artifacts_dir / artifacts.UC_FOLDER / storage_id).mkdir(parents=True)
        self._insert_version(known, str(created["version"]), storage_id, PENDING, who, new)
        return self.get_version(full_name, str(created["version"]))

    def adopt_version(self, full_name: str, found: Json, who: Principal) -> None:
        """Records who registered a version with plain MLflow, which stores no users. ``found`` is MLflow's JSON."""
        new = NewVersion(found["source"], "", "", [], found.get("model_id", ""), "", [])
        known = self._object(full_name)
        self._insert_version(known, str(found["version"]), uuid.uuid4().hex, READY, who, new)

    def finalize_version(self, who: Principal, full_name: str, version: str) -> Version:
        known = self._writable(who, full_name)
        self.get_version(full_name, version)
        with self._store.connection() as connection:
            connection.execute(
                "UPDATE uc_model_versions SET status = ? WHERE model_id = ? AND version = ?",
                (READY, known.id, version),
            )
        return self.get_version(full_name, version)

    def get_version(self, full_name: str, version: str) -> Version:
        try:
            found = self._registry.get_version(full_name, version)
        except ApiError as error:
            if error.status not in (400, 404):
                raise
            self.get(full_name)
            raise not_found(f"Version '{version}' of registered model '{full_name}' does not exist.") from error
        return self._version(self._object(full_name), found)

    def version_by_alias(self, full_name: str, alias: str) -> Version:
        version = dict(self.get(full_name).aliases).get(alias)
        if version is None:
            raise not_found(f"Alias '{alias}' does not exist on registered model '{full_name}'.")
        return self.get_version(full_name, version)

    def list_versions(self, full_name: str) -> list[Version]:
        """Sorted by version number."""
        known = self.get(full_name).object
        found = sorted(self._registry.list_versions(full_name), key=lambda item: int(item["version"]))
        return [self._version(known, item) for item in found]

    def search_versions(self, query: Mapping[str, Any]) -> tuple[list[Version], str]:
        """The versions and the next page token for MLflow's filter, max_results and page_token."""
        answer = self._registry.search_versions(query)
        found = [item for item in answer.get("model_versions", []) if names.is_model_name(item["name"])]
        return [self._version(self._object(item["name"]), item) for item in found], answer.get("next_page_token", "")

    def update_version(self, who: Principal, full_name: str, version: str, comment: str | None) -> Version:
        known = self._writable(who, full_name)
        self.get_version(full_name, version)
        if comment is not None:
            self._registry.update_version(full_name, version, comment)
        with self._store.connection() as connection:
            connection.execute(
                "UPDATE uc_model_versions SET updated_by = ? WHERE model_id = ? AND version = ?",
                (who.user_name, known.id, version),
            )
        return self.get_version(full_name, version)

    def delete_version(self, who: Principal, full_name: str, version: str) -> None:
        known = self._writable(who, full_name)
        self.get_version(full_name, version)
        self._registry.delete_version(full_name, version)
        with self._store.connection() as connection:
            connection.execute("DELETE FROM uc_model_versions WHERE model_id = ? AND version = ?", (known.id, version))

    def set_version_tag(self, who: Principal, full_name: str, version: str, key: str, value: str) -> None:
        self._writable(who, full_name)
        self.get_version(full_name, version)
        self._registry.set_version_tag(full_name, version, key, value)

    def delete_version_tag(self, who: Principal, full_name: str, version: str, key: str) -> None:
        self._writable(who, full_name)
        self.get_version(full_name, version)
        self._registry.delete_version_tag(full_name, version, key)

    def local_model_path(self, full_name: str, version: str) -> Path:
        """The local directory with the version's MLmodel file. Never write to it."""
        path = self.version_dir(full_name, version)
        if not (path / "MLmodel").is_file():
            raise ApiError(400, "INVALID_STATE", f"Version {version} of {full_name} has no MLmodel file.")
        return path

    def version_dir(self, full_name: str, version: str) -> Path:
        """The local directory for the version's files, also before they are uploaded."""
        self.get_version(full_name, version)
        return artifacts.local_path(self._artifacts_dir, self._registry.download_uri(full_name, version))

    def _insert_version(
        self, known: UcObject, version: str, storage_id: str, status: str, who: Principal, new: NewVersion
    ) -> None:
        with self._store.connection() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO uc_model_versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    known.id,
                    version,
                    storage_id,
                    status,
                    new.source,
                    who.user_name,
                    who.user_name,
                    new.logged_model_id,
                    new.run_workspace_id,
                    json.dumps(new.dependencies),
                ),
            )

    def _object(self, full_name: str) -> UcObject:
        """The row of a model that exists in MLflow. Creates it if it is missing."""
        with self._store.reading() as connection:
            found = objects.find(connection, MODEL, full_name)
        if found is not None:
            return found
        self.adopt(full_name, None)
        with self._store.reading() as connection:
            return objects.get(connection, MODEL, full_name)

    def _writable(self, who: Principal, full_name: str) -> UcObject:
        known = self.get(full_name).object
        with self._store.reading() as connection:
            access.require(connection, who, known, access.MANAGE)
        return known

    def _version(self, known: UcObject, found: Json) -> Version:
        with self._store.reading() as connection:
            row = connection.execute(
                "SELECT * FROM uc_model_versions WHERE model_id = ? AND version = ?", (known.id, str(found["version"]))
            ).fetchone()
        return Version(known, found, row)

    def _explained(self, error: ApiError, full_name: str) -> ApiError:
        """A 404 that names the first missing one of catalog, schema and model; any other error unchanged."""
        if error.status != 404:
            return error
        with self._store.reading() as connection:
            objects.require_parents(connection, full_name)
        return objects.missing(MODEL, full_name)


CurrentModels = Annotated[Models, from_state("models")]
