"""`/api/2.0/serving-endpoints`: the documented calls. The supervisor builds, deploys and watches the endpoints."""

from __future__ import annotations

import asyncio
import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import PlainTextResponse

from sandbox.identity.dependencies import current_principal
from sandbox.identity.principals import Principal
from sandbox.inference_tables import catalog
from sandbox.serving_endpoints import references
from sandbox.serving_endpoints.api import access
from sandbox.serving_endpoints.api.access import CAN_MANAGE, CAN_VIEW
from sandbox.serving_endpoints.api.bodies import (
    AiGatewayBody,
    ConfigBody,
    CreateBody,
    NotificationsPatchBody,
    RateLimitsBody,
    TagBody,
    TagsPatchBody,
    TelemetryPatchBody,
    given,
)
from sandbox.serving_endpoints.api.validation import Author, check_endpoint_name, read_config
from sandbox.serving_endpoints.api.views import detailed, listed
from sandbox.serving_endpoints.records import EndpointConfig, EndpointRecord
from sandbox.serving_endpoints.replicas.build import tail
from sandbox.serving_endpoints.replicas.replica import Replica
from sandbox.serving_endpoints.supervisor import Endpoint, Supervisor
from sandbox.store import now_ms
from sandbox.web.errors import ApiError, already_exists, invalid, not_found

router = APIRouter(prefix="/api/2.0/serving-endpoints")
Caller = Annotated[Principal, Depends(current_principal)]


@router.post("")
async def create(body: CreateBody, request: Request, caller: Caller) -> dict[str, Any]:
    supervisor = _supervisor(request)
    check_endpoint_name(body.name)
    _refuse_taken_name(supervisor, body.name)
    now = now_ms()
    config = await _read_config(request, caller, body.config, 1) if body.config else None
    await _enable_inference_table(request, caller, body.name, given(body.ai_gateway))
    _refuse_taken_name(supervisor, body.name)  # again: a concurrent request may have come first
    record = EndpointRecord(
        id=uuid.uuid4().hex,
        name=body.name,
        creator=caller.user_name,
        creation_timestamp=now,
        last_updated_timestamp=now,
        route_optimized=bool(body.route_optimized),
        tags=_tags([], body.tags or []) or None,
        ai_gateway=given(body.ai_gateway),
        rate_limits=[limit.model_dump(exclude_none=True) for limit in body.rate_limits or []] or None,
        email_notifications=given(body.email_notifications),
        telemetry_config=body.telemetry_config or None,
        budget_policy_id=body.budget_policy_id or None,
    )
    access.grant_creator(request, caller, record.id)
    return _detailed(request, caller, supervisor.add(record, config))


@router.get("")
async def list_endpoints(request: Request, caller: Caller) -> dict[str, Any]:
    visible = [e for e in _supervisor(request) if access.has_level(request, caller, e.record.id, CAN_VIEW)]
    return {"endpoints": [listed(endpoint) for endpoint in visible]}


@router.post("/pt")
@router.put("/pt/{name}/config")
async def provisioned_throughput(caller: Caller) -> None:
    raise ApiError(501, "NOT_IMPLEMENTED", "The sandbox does not implement provisioned throughput endpoints.")


@router.get("/{name}")
async def get(name: str, request: Request, caller: Caller) -> dict[str, Any]:
    return _detailed(request, caller, find_endpoint(request, caller, name, CAN_VIEW))


@router.delete("/{name}")
async def delete(name: str, request: Request, caller: Caller) -> dict[str, Any]:
    endpoint = find_endpoint(request, caller, name, CAN_MANAGE)
    _supervisor(request).remove(endpoint)
    return {}


@router.put("/{name}/config")
async def update_config(name: str, body: ConfigBody, request: Request, caller: Caller) -> dict[str, Any]:
    endpoint = find_endpoint(request, caller, name, CAN_MANAGE)
    _refuse_while_updating(endpoint)
    served = endpoint.record.config
    config = await _read_config(request, caller, body, served.config_version + 1 if served else 1)
    _refuse_while_updating(endpoint)  # again: a concurrent request may have come first
    _supervisor(request).update(endpoint, config)
    return _detailed(request, caller, endpoint)


@router.patch("/{name}/tags")
async def patch_tags(name: str, body: TagsPatchBody, request: Request, caller: Caller) -> dict[str, Any]:
    """Answers an object, not a list: both SDKs need it."""
    endpoint = find_endpoint(request, caller, name, CAN_MANAGE)
    removed = set(body.delete_tags or [])
    kept = [tag for tag in endpoint.record.tags or [] if tag["key"] not in removed]
    tags = _tags(kept, body.add_tags or [])
    endpoint.record.tags = tags or None
    _supervisor(request).save(endpoint)
    return {"tags": tags}


@router.put("/{name}/ai-gateway")
async def put_ai_gateway(name: str, body: AiGatewayBody, request: Request, caller: Caller) -> dict[str, Any]:
    """Replaces the configuration: absent fields are unset."""
    endpoint = find_endpoint(request, caller, name, CAN_MANAGE)
    await _enable_inference_table(request, caller, name, given(body))
    endpoint.record.ai_gateway = given(body)
    _supervisor(request).save(endpoint)
    return endpoint.record.ai_gateway or {}


@router.put("/{name}/rate-limits")
async def put_rate_limits(name: str, body: RateLimitsBody, request: Request, caller: Caller) -> dict[str, Any]:
    endpoint = find_endpoint(request, caller, name, CAN_MANAGE)
    limits = [limit.model_dump(exclude_none=True) for limit in body.rate_limits or []]
    endpoint.record.rate_limits = limits or None
    _supervisor(request).save(endpoint)
    return {"rate_limits": limits}


@router.patch("/{name}/notifications")
async def patch_notifications(
    name: str, body: NotificationsPatchBody, request: Request, caller: Caller
) -> dict[str, Any]:
    endpoint = find_endpoint(request, caller, name, CAN_MANAGE)
    endpoint.record.email_notifications = given(body.email_notifications)
    _supervisor(request).save(endpoint)
    return {"name": name, "email_notifications": endpoint.record.email_notifications or {}}


@router.patch("/{name}/telemetry-config")
async def patch_telemetry(name: str, body: TelemetryPatchBody, request: Request, caller: Caller) -> dict[str, Any]:
    endpoint = find_endpoint(request, caller, name, CAN_MANAGE)
    _refuse_while_updating(endpoint)
    endpoint.record.telemetry_config = body.telemetry_config or None
    _supervisor(request).save(endpoint)
    return _detailed(request, caller, endpoint)


@router.get("/{name}/served-models/{served_model_name}/build-logs")
async def build_logs(name: str, served_model_name: str, request: Request, caller: Caller) -> dict[str, str]:
    return {"logs": tail(_logged(request, caller, name, served_model_name).build_log_path)}


@router.get("/{name}/served-models/{served_model_name}/logs")
async def server_logs(name: str, served_model_name: str, request: Request, caller: Caller) -> dict[str, str]:
    return {"logs": tail(_logged(request, caller, name, served_model_name).server_log_path)}


@router.get("/{name}/openapi")
async def openapi(name: str, request: Request, caller: Caller) -> PlainTextResponse:
    """The OpenAPI document of the served process, with the signature of its model."""
    endpoint = find_endpoint(request, caller, name, CAN_VIEW)
    replica = _supervisor(request).choose(endpoint)
    if replica is None or not await replica.wake(timeout_s=60):
        raise invalid(f"Endpoint {name} is not ready: its schema is unknown.")
    response = await request.app.state.serving_http.get(f"{replica.url}/openapi.json")
    return PlainTextResponse(response.text, status_code=response.status_code)


@router.get("/{name}/metrics")
async def metrics(name: str, request: Request, caller: Caller) -> PlainTextResponse:
    endpoint = find_endpoint(request, caller, name, CAN_VIEW)
    if request.app.state.faults.active("metrics_gone", endpoint=name):
        raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"Metrics of endpoint {name} are not available.")
    text = await request.app.state.serving_meter.export(endpoint)
    return PlainTextResponse(text, media_type="application/openmetrics-text")


# -- what the routes share ------------------------------------------------------------------------------------


def _supervisor(request: Request) -> Supervisor:
    supervisor: Supervisor = request.app.state.supervisor
    return supervisor


def find_endpoint(request: Request, caller: Principal, name: str, level: str) -> Endpoint:
    """Raises ApiError 404 if the endpoint does not exist, 403 without permission."""
    endpoint = _supervisor(request).get(name)
    if endpoint is None:
        raise not_found(f"Endpoint with name '{name}' does not exist.")
    access.require_level(request, caller, endpoint.record.id, level, name)
    return endpoint


def _detailed(request: Request, caller: Principal, endpoint: Endpoint) -> dict[str, Any]:
    level = access.highest_level(request, caller, endpoint.record.id) or ""
    return detailed(_supervisor(request), endpoint, level, request.app.state.settings.url)


async def _read_config(request: Request, caller: Principal, body: ConfigBody, config_version: int) -> EndpointConfig:
    config = read_config(body, Author(caller.user_name, now_ms()), config_version)
    for entity in config.entities:
        await references.check_entity(request, caller, entity)
    return config


async def _enable_inference_table(
    request: Request, caller: Principal, endpoint_name: str, ai_gateway: dict[str, Any] | None
) -> None:
    full_name = catalog.table_of(endpoint_name, ai_gateway)
    if full_name is not None:
        state = request.app.state
        tables_dir = state.settings.state_dir / "tables"
        await asyncio.to_thread(catalog.enable, state.store, tables_dir, caller, endpoint_name, full_name)


def _refuse_taken_name(supervisor: Supervisor, name: str) -> None:
    if supervisor.get(name) is not None:
        raise already_exists(f"Serving endpoint with name {name} already exists")


def _refuse_while_updating(endpoint: Endpoint) -> None:
    if endpoint.is_updating:
        name = endpoint.record.name
        raise ApiError(409, "RESOURCE_CONFLICT", f"Endpoint {name} is currently updating. Try again when it is done.")


def _tags(existing: list[dict[str, str]], added: list[TagBody]) -> list[dict[str, str]]:
    """Adds tags. An existing tag gets the new value."""
    if len({tag.key for tag in added}) != len(added):
        raise invalid("Tag keys must be unique.")
    tags = {tag["key"]: tag["value"] for tag in existing} | {tag.key: tag.value for tag in added}
    return [{"key": key, "value": value} for key, value in tags.items()]


def _logged(request: Request, caller: Principal, name: str, served_model_name: str) -> Replica:
    supervisor = _supervisor(request)
    replica = supervisor.newest(find_endpoint(request, caller, name, CAN_VIEW), served_model_name)
    if replica is None:
        raise not_found(f"Served entity '{served_model_name}' of endpoint '{name}' does not exist.")
    return replica
