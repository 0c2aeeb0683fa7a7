"""A client of the MLflow child's model registry, over its REST API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from sandbox.web.errors import ApiError

PREFIX = "/api/2.0/mlflow"
PAGE_SIZE = 1000
# MLflow answers 400 for some of these; a Databricks workspace answers these statuses.
STATUS_OF_CODE = {
    "RESOURCE_ALREADY_EXISTS": 409,
    "RESOURCE_DOES_NOT_EXIST": 404,
    "INVALID_PARAMETER_VALUE": 400,
    "BAD_REQUEST": 400,
    "INTERNAL_ERROR": 500,
}
Json = dict[str, Any]


class Registry:
    """Registered models and versions as MLflow's JSON. Every method can raise ApiError. Thread-safe."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=httpx.Timeout(60, connect=5), trust_env=False)

    def close(self) -> None:
        self._client.close()

    def create_model(self, name: str, description: str, tags: list[Json]) -> Json:
        body = {"name": name, "description": description, "tags": tags}
        return self._model(self._send("POST", "registered-models/create", json=body))

    def get_model(self, name: str) -> Json:
        return self._model(self._send("GET", "registered-models/get", params={"name": name}))

    def list_models(self) -> Iterator[Json]:
        yield from self._pages("registered-models/search", "registered_models", {"max_results": PAGE_SIZE})

    def update_model(self, name: str, description: str) -> Json:
        body = {"name": name, "description": description}
        return self._model(self._send("PATCH", "registered-models/update", json=body))

    def rename_model(self, name: str, new_name: str) -> Json:
        return self._model(self._send("POST", "registered-models/rename", json={"name": name, "new_name": new_name}))

    def delete_model(self, name: str) -> None:
        self._send("DELETE", "registered-models/delete", json={"name": name})

    def set_model_tag(self, name: str, key: str, value: str) -> None:
        self._send("POST", "registered-models/set-tag", json={"name": name, "key": key, "value": value})

    def delete_model_tag(self, name: str, key: str) -> None:
        self._send("DELETE", "registered-models/delete-tag", json={"name": name, "key": key})

    def create_version(self, name: str, source: str, run_id: str, description: str, tags: list[Json]) -> Json:
        body = {"name": name, "source": source, "run_id": run_id, "description": description, "tags": tags}
        return self._version(self._send("POST", "model-versions/create", json=body))

    def get_version(self, name: str, version: str) -> Json:
        return self._version(self._send("GET", "model-versions/get", params={"name": name, "version": version}))

    def list_versions(self, name: str) -> Iterator[Json]:
        """All versions that are not deleted, in any order."""
        quoted = name.replace("'", "''")
        query = {"filter": f"name='{quoted}'", "max_results": PAGE_SIZE}
        yield from self._pages("model-versions/search", "model_versions", query)

    def search_versions(self, query: Mapping[str, Any]) -> Json:
        """``query`` has MLflow's parameters filter, max_results and page_token."""
        return self._send("GET", "model-versions/search", params=dict(query))

    def update_version(self, name: str, version: str, description: str) -> Json:
        body = {"name": name, "version": version, "description": description}
        return self._version(self._send("PATCH", "model-versions/update", json=body))

    def delete_version(self, name: str, version: str) -> None:
        self._send("DELETE", "model-versions/delete", json={"name": name, "version": version})

    def set_version_tag(self, name: str, version: str, key: str, value: str) -> None:
        body = {"name": name, "version": version, "key": key, "value": value}
        self._send("POST", "model-versions/set-tag", json=body)

    def delete_version_tag(self, name: str, version: str, key: str) -> None:
        self._send("DELETE", "model-versions/delete-tag", json={"name": name, "version": version, "key": key})

    def download_uri(self, name: str, version: str) -> str:
        answer = self._send("GET", "model-versions/get-download-uri", params={"name": name, "version": version})
        return str(answer["artifact_uri"])

    def set_alias(self, name: str, alias: str, version: str) -> None:
        self._send("POST", "registered-models/alias", json={"name": name, "alias": alias, "version": version})

    def delete_alias(self, name: str, alias: str) -> None:
        self._send("DELETE", "registered-models/alias", json={"name": name, "alias": alias})

    def version_by_alias(self, name: str, alias: str) -> Json:
        return self._version(self._send("GET", "registered-models/alias", params={"name": name, "alias": alias}))

    def _pages(self, path: str, key: str, query: Json) -> Iterator[Json]:
        token = ""
        while True:
            page = self._send("GET", path, params={**query, "page_token": token} if token else query)
            yield from page.get(key, [])
            token = page.get("next_page_token", "")
            if not token:
                return

    def _send(self, method: str, path: str, **content: Any) -> Json:
        try:
            response = self._client.request(method, f"{PREFIX}/{path}", **content)
        except httpx.TransportError as error:
            raise ApiError(503, "TEMPORARILY_UNAVAILABLE", "The MLflow server does not answer.") from error
        if response.is_error:
            raise _error(response)
        answer: Json = response.json()
        return answer

    @staticmethod
    def _model(answer: Json) -> Json:
        model: Json = answer["registered_model"]
        return model

    @staticmethod
    def _version(answer: Json) -> Json:
        version: Json = answer["model_version"]
        return version


def _error(response: httpx.Response) -> ApiError:
    try:
        body = response.json()
        code, message = str(body["error_code"]), str(body["message"])
    except (ValueError, KeyError, TypeError):
        return ApiError(response.status_code, "INTERNAL_ERROR", "The MLflow server returned an error without a reason.")
    return ApiError(STATUS_OF_CODE.get(code, response.status_code), code, message)
