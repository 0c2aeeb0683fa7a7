"""Calls for registered models and their versions: Unity Catalog, the Files API and MLflow runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from integrations.databricks import decoding, mlmodel
from integrations.databricks.connection import Connection, segment
from integrations.databricks.datasets import datasets
from integrations.databricks.records import RegisteredModel, Version, VersionDetails
from integrations.errors import IntegrationError

T = TypeVar("T")
MODELS = "/api/2.1/unity-catalog/models"
MLFLOW_UC = "/api/2.0/mlflow/unity-catalog"
PAGE_SIZE = 1000
MAX_MLMODEL_BYTES = 4 * 1024 * 1024
MAX_EXAMPLE_BYTES = 256 * 1024


class RegistryCalls(Connection):
    def list_models(self, *catalogs: str) -> list[RegisteredModel]:
        """All visible models in ``catalogs``, or in the whole metastore if none is given.

        Lists the whole metastore in pages: the API accepts a catalog only together with a schema.
        """
        wanted = {catalog.lower() for catalog in catalogs}
        found = [
            decoding.registered_model(row)
            for page in self.pages(MODELS, query={"max_results": PAGE_SIZE})
            for row in decoding.rows(page.get("registered_models"))
        ]
        return [model for model in found if not wanted or model.catalog_name.lower() in wanted]

    def list_versions(self, full_name: str) -> list[Version]:
        """All versions, newest first. Raises IntegrationError, also for an unknown model."""
        versions = [
            decoding.version(row, full_name)
            for page in self.pages(f"{MODELS}/{segment(full_name)}/versions")
            for row in decoding.rows(page.get("model_versions"))
        ]
        return sorted(versions, key=lambda version: version.version, reverse=True)

    def get_version(self, full_name: str, version: int | str) -> Version:
        """One version. Raises IntegrationError (permanent, RESOURCE_DOES_NOT_EXIST) if it does not exist."""
        path = f"{MODELS}/{segment(full_name)}/versions/{segment(str(version))}"
        return decoding.version(self.do("GET", path), full_name)

    def aliases(self, full_name: str) -> dict[str, int]:
        """{alias: version}. The API returns aliases only for a single model, not in lists."""
        row = self.do("GET", f"{MODELS}/{segment(full_name)}", query={"include_aliases": True})
        return {
            str(alias["alias_name"]): int(alias["version_num"])
            for alias in decoding.rows(row.get("aliases"))
            if alias.get("alias_name") and alias.get("version_num") is not None
        }

    def resolve_alias(self, full_name: str, alias: str) -> Version:
        """The current version of ``alias`` (without @). Raises IntegrationError for an unknown alias."""
        path = f"{MODELS}/{segment(full_name)}/aliases/{segment(alias)}"
        return decoding.version(self.do("GET", path), full_name)

    def model_tags(self, full_name: str) -> dict[str, str]:
        """MLflow tags of the model; {} if the workspace does not provide them."""
        query = {"name": full_name}
        answer = _if_there(lambda: self.do("GET", f"{MLFLOW_UC}/registered-models/get", query=query))
        return decoding.key_values(decoding.mapping((answer or {}).get("registered_model")).get("tags"))

    def version_tags(self, full_name: str, version: int) -> dict[str, str]:
        """MLflow tags of the version; {} if the workspace does not provide them."""
        query = {"name": full_name, "version": str(version)}
        answer = _if_there(lambda: self.do("GET", f"{MLFLOW_UC}/model-versions/get", query=query))
        return decoding.key_values(decoding.mapping((answer or {}).get("model_version")).get("tags"))

    def version_details(self, full_name: str, version: int, *, run_id: str = "") -> VersionDetails:
        """Details from the MLmodel file, the input example, requirements.txt and the MLflow run. Up to six requests.

        Parts that are missing or not readable are empty. Without ``run_id`` the run named in MLmodel is read.
        """
        described = mlmodel.parse(self._artifact(full_name, version, "MLmodel", MAX_MLMODEL_BYTES))
        run = self._run(run_id or described.run_id)
        data = decoding.mapping(run.get("data"))
        return VersionDetails(
            signature=described.signature,
            flavors=described.flavors,
            input_example=self._input_example(full_name, version, described),
            requirements=mlmodel.requirements(
                self._artifact(full_name, version, "requirements.txt", MAX_EXAMPLE_BYTES)
            ),
            metrics=mlmodel.metrics(data.get("metrics")),
            params=decoding.key_values(data.get("params")),
            tags=self.version_tags(full_name, version),
            run_tags=decoding.key_values(data.get("tags")),
            size_bytes=described.size_bytes,
            datasets=datasets(run.get("inputs")),
            feature_importance=described.feature_importance,
        )

    def has_grant(self, full_name: str, principal: str, privilege: str) -> bool:
        """Whether ``principal`` holds ``privilege`` (for example EXECUTE) by grant, inheritance or ownership.

        Grants to groups count only if the workspace lists them for the principal itself.
        """
        # The securable type of a model is "function" in this path.
        path = f"/api/2.1/unity-catalog/effective-permissions/function/{segment(full_name)}"
        for page in self.pages(path, query={"principal": principal}):
            for row in decoding.rows(page.get("privilege_assignments")):
                # A privilege is a string in a grant and an object in an effective grant.
                held = {
                    str(item.get("privilege", "")) if isinstance(item, Mapping) else str(item)
                    for item in row.get("privileges") or []
                }
                if row.get("principal") == principal and held & {privilege, "ALL_PRIVILEGES"}:
                    return True
        owner = self.do("GET", f"{MODELS}/{segment(full_name)}").get("owner")
        return bool(owner) and owner == principal

    def _artifact(self, full_name: str, version: int, name: str, max_bytes: int) -> bytes | None:
        segment(full_name)
        path = f"/Models/{full_name.replace('.', '/')}/{version}/{name}"
        return _if_there(lambda: self.download(path, max_bytes=max_bytes))

    def _input_example(self, full_name: str, version: int, described: mlmodel.MLmodel) -> Mapping[str, Any] | None:
        if not described.example_path:
            return None
        ready = self._artifact(full_name, version, "serving_input_example.json", MAX_EXAMPLE_BYTES)
        if ready is not None:
            return mlmodel.json_object(ready)
        plain = self._artifact(full_name, version, described.example_path, MAX_EXAMPLE_BYTES)
        return mlmodel.invocation_body(plain, described)

    def _run(self, run_id: str) -> Mapping[str, Any]:
        if not run_id:
            return {}
        query = {"run_id": run_id}
        answer = _if_there(lambda: self.do("GET", "/api/2.0/mlflow/runs/get", query=query))
        return decoding.mapping((answer or {}).get("run"))


def _if_there(call: Callable[[], T]) -> T | None:
    """The result of ``call``; None if it raises not found, not implemented or permission denied."""
    try:
        return call()
    except IntegrationError as error:
        from databricks.sdk import errors

        if isinstance(error.__cause__, errors.NotFound | errors.NotImplemented | errors.PermissionDenied):
            return None
        raise
