"""databricks_registered_model: a registered model of Unity Catalog, without its versions and aliases."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from standin_databricks.client import ApiError
from standin_databricks.payload import from_api, to_api
from standin_databricks.resources.base import PartialStateError, Resource, only_known
from standin_databricks.schema import State

BASE_PATH = "/api/2.1/unity-catalog/models"
_CREATE_KEYS = ("catalog_name", "schema_name", "name", "comment", "storage_location", "browse_only")


class RegisteredModel(Resource):
    type_name = "databricks_registered_model"

    def create(self, planned: State) -> State:
        body = {key: value for key, value in to_api(self.spec, planned).items() if key in _CREATE_KEYS}
        created = self.workspace.call("POST", BASE_PATH, body=body)
        full_name = created["full_name"]
        owner = to_api(self.spec, planned).get("owner")
        if owner:
            self._patch(full_name, {"owner": owner}, only_known(planned) | {"id": full_name})
        return self._read_back(full_name, planned)

    def read(self, state: State) -> State | None:
        try:
            return self._get(state["id"], state)
        except ApiError as error:
            if error.is_not_found:
                return None
            raise

    def update(self, prior: State, planned: State) -> State:
        for key in ("owner", "comment"):
            if planned[key] != prior[key] and planned[key] is not None:
                self._patch(prior["id"], {key: planned[key]}, prior)
        return self._read_back(prior["id"], planned)

    def delete(self, prior: State) -> None:
        try:
            self.workspace.call("DELETE", _path(prior["id"]))
        except ApiError as error:
            if not error.is_not_found:
                raise

    def _get(self, full_name: str, reference: State) -> State:
        answer = self.workspace.call("GET", _path(full_name))
        is_import = reference.get("name") is None
        state = from_api(self.spec, answer, None if is_import else reference)
        return state | {
            "id": answer.get("full_name", full_name),
            "full_name": answer.get("full_name", full_name),
        }

    def _read_back(self, full_name: str, planned: State) -> State:
        try:
            return self._get(full_name, planned)
        except ApiError as error:
            state = only_known(planned) | {"id": full_name}
            raise PartialStateError(f"reading {full_name} back: {error}", state) from error

    def _patch(self, full_name: str, body: dict[str, Any], known: State) -> None:
        try:
            self.workspace.call("PATCH", _path(full_name), body=body)
        except ApiError as error:
            raise PartialStateError(f"changing {', '.join(body)} of {full_name}: {error}", known) from error


def _path(full_name: str) -> str:
    return f"{BASE_PATH}/{quote(full_name, safe='')}"
