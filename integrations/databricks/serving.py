"""Calls for serving endpoints: configuration, logs, metrics, permissions and queries."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from functools import cache
from typing import Any

import httpx

from integrations.databricks import decoding
from integrations.databricks.connection import Connection, failure, segment
from integrations.databricks.records import Endpoint, QueryResult
from integrations.errors import IntegrationError

ENDPOINTS = "/api/2.0/serving-endpoints"
# Status codes that come from the endpoint itself, never from a model.
REFUSALS = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "RESOURCE_DOES_NOT_EXIST"}


class ServingCalls(Connection):
    def get_endpoint(self, name: str) -> Endpoint | None:
        """The current state of the endpoint; None if it does not exist."""
        try:
            row = self.do("GET", f"{ENDPOINTS}/{segment(name)}")
        except IntegrationError as error:
            from databricks.sdk import errors

            if isinstance(error.__cause__, errors.NotFound):
                return None
            raise
        return decoding.endpoint(row)

    def list_endpoints(self) -> list[Endpoint]:
        """All visible endpoints with tags and config, but without the states of their entities."""
        return [decoding.endpoint(row) for row in decoding.rows(self.do("GET", ENDPOINTS).get("endpoints"))]

    def build_logs(self, name: str, entity: str) -> str:
        """The build log of the served entity's container. Not available after a failed first deployment."""
        return self._logs(name, entity, "build-logs")

    def server_logs(self, name: str, entity: str) -> str:
        """The last lines of the served entity's output."""
        return self._logs(name, entity, "logs")

    def _logs(self, name: str, entity: str, kind: str) -> str:
        path = f"{ENDPOINTS}/{segment(name)}/served-models/{segment(entity)}/{kind}"
        return str(self.do("GET", path).get("logs") or "")

    def endpoint_permissions(self, endpoint_id: str) -> dict[str, frozenset[str]]:
        """{user, group or service principal: permission levels}. ``endpoint_id`` is the id, not the name."""
        answer = self.do("GET", f"/api/2.0/permissions/serving-endpoints/{segment(endpoint_id)}")
        return {
            _principal(row): frozenset(
                str(item.get("permission_level")) for item in decoding.rows(row.get("all_permissions"))
            )
            for row in decoding.rows(answer.get("access_control_list"))
            if _principal(row)
        }

    def set_traffic(self, name: str, percents: Mapping[str, int]) -> Endpoint:
        """Route traffic by ``percents``, {served entity name: percent}, and change nothing else.

        The call replaces the whole config, so it sends the served entities back unchanged, and none is rebuilt.
        Returns the endpoint while it is still updating. Raises IntegrationError, also if an entity of ``percents``
        is not served (permanent) or another update is in progress (not permanent).
        """
        path = f"{ENDPOINTS}/{segment(name)}"
        config = decoding.mapping(self.do("GET", path).get("config"))
        entities = [
            {key: value for key, value in row.items() if key not in READ_ONLY and value is not None}
            for row in decoding.rows(config.get("served_entities"))
        ]
        if missing := set(percents) - {str(row.get("name")) for row in entities}:
            message = f"{name} does not serve {', '.join(sorted(missing))}"
            raise failure(message, permanent=True, code="NOT_SERVED")
        routes = [{"served_entity_name": key, "traffic_percentage": value} for key, value in percents.items()]
        kept = {key: config[key] for key in ("auto_capture_config",) if config.get(key)}
        body = {"served_entities": entities, "traffic_config": {"routes": routes}, **kept}
        return decoding.endpoint(self.do("PUT", f"{path}/config", body=body))

    def metrics(self, name: str) -> str:
        """The endpoint's metrics of the last minute as OpenMetrics text, for integrations.metrics."""
        return self.text(f"{ENDPOINTS}/{segment(name)}/metrics")

    def query_entity(self, name: str, entity: str, body: Mapping[str, Any], *, timeout_s: float) -> QueryResult:
        """Query one served entity directly, bypassing the routes. Otherwise the same as ``query``."""
        path = f"/serving-endpoints/{segment(name)}/served-models/{segment(entity)}/invocations"
        return self._invoke(f"{entity} of {name}", path, body, timeout_s)

    def query(self, name: str, body: Mapping[str, Any], *, timeout_s: float) -> QueryResult:
        """Send ``body`` to the endpoint once, without retries, and wait at most ``timeout_s`` seconds.

        Every response of the model is a result, including 400 and 500. Raises IntegrationError if the endpoint is
        unknown or not permitted (permanent), or unreachable or too slow (not permanent).
        """
        return self._invoke(name, f"/serving-endpoints/{segment(name)}/invocations", body, timeout_s)

    def _invoke(self, asked: str, path: str, body: Mapping[str, Any], timeout_s: float) -> QueryResult:
        # The SDK's `query` retries for minutes, does not support `params`, and raises on a model's 400.
        started = time.monotonic()
        try:
            with httpx.Client(verify=_authorities(), headers=self._login_headers(), timeout=timeout_s) as client:
                answer = client.post(f"{self.host}{path}", json=dict(body))
        except httpx.TimeoutException as error:
            message = f"querying {asked}: no answer in {timeout_s:g} s"
            raise failure(message, permanent=False, code="TIMEOUT") from error
        except httpx.HTTPError as error:
            message = f"querying {asked}: {type(error).__name__}"
            raise failure(message, permanent=False, code="UNREACHABLE") from error
        return _query_result(asked, answer, (time.monotonic() - started) * 1000)

    def _login_headers(self) -> dict[str, str]:
        try:
            return dict(self.client.config.authenticate())
        except (ValueError, OSError) as error:
            message = f"logging in to {self.host}: {type(error).__name__}"
            raise failure(message, permanent=False, code="CANNOT_LOG_IN") from error


@cache
def _authorities() -> ssl.SSLContext:
    """Read once: httpx reads all certificates of the machine for each new client, for 50 ms of a core."""
    return httpx.create_ssl_context()


# Read-only fields of a served entity, which the workspace rejects in updates.
READ_ONLY = frozenset({"state", "creator", "creation_timestamp", "foundation_model"})


def _principal(row: Mapping[str, Any]) -> str:
    return str(row.get("user_name") or row.get("group_name") or row.get("service_principal_name") or "")


def _query_result(name: str, answer: httpx.Response, latency_ms: float) -> QueryResult:
    try:
        body: Any = answer.json()
    except ValueError:
        body = answer.text
    if answer.status_code in REFUSALS:
        row = decoding.mapping(body)
        code = str(row.get("error_code") or REFUSALS[answer.status_code])
        raise failure(f"querying {name}: {row.get('message') or code}", permanent=True, code=code)
    return QueryResult(
        status_code=answer.status_code,
        body=body,
        latency_ms=latency_ms,
        served_entity=answer.headers.get("served-model-name", ""),
        request_id=answer.headers.get("x-request-id", ""),
    )
