"""What serving endpoints ask the rest of the workspace for: the registry, grants, secrets, permissions."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fastapi import FastAPI, Request

from sandbox import permissions
from sandbox.errors import denied, invalid
from sandbox.identity import Principal
from sandbox.models import READY, Models
from sandbox.secrets import REFERENCE, SecretVault, require_permission
from sandbox.serving_endpoints.records import Entity
from sandbox.store import Store
from sandbox.unity_catalog import access

OBJECT_TYPE = "serving-endpoints"
CAN_VIEW, CAN_QUERY, CAN_MANAGE = "CAN_VIEW", "CAN_QUERY", "CAN_MANAGE"
# How the documented error calls what a level lets one do.
ABILITIES = {CAN_VIEW: "View", CAN_QUERY: "Query", CAN_MANAGE: "Manage"}
LEVELS = tuple(ABILITIES)


def grant_creator(request: Request, creator: Principal, endpoint_id: str) -> None:
    permissions.register(request.app.state.store, OBJECT_TYPE, endpoint_id, creator)


def highest_level(request: Request, who: Principal, endpoint_id: str) -> str | None:
    return permissions.permission_level(request.app.state.store, who, OBJECT_TYPE, endpoint_id)


def has_level(request: Request, who: Principal, endpoint_id: str, level: str) -> bool:
    held = highest_level(request, who, endpoint_id)
    return held is not None and LEVELS.index(held) >= LEVELS.index(level)


def require_level(request: Request, who: Principal, endpoint_id: str, level: str, name: str) -> None:
    """Raises ApiError 403 in the words of a workspace."""
    if not has_level(request, who, endpoint_id, level):
        raise denied(f"User does not have permission '{ABILITIES[level]}' on Endpoint {name}.")


async def check_entity(request: Request, who: Principal, entity: Entity) -> None:
    """The model must be there, ready and executable for `who`, and the secrets readable. Raises ApiError."""
    await asyncio.to_thread(_check_model, request.app, who, entity)
    await asyncio.to_thread(_check_secrets, request.app, who, entity)


def _check_model(app: FastAPI, who: Principal, entity: Entity) -> None:
    models: Models = app.state.models
    full_name = entity.entity_name.lower()
    model = models.get(full_name).object
    store: Store = app.state.store
    with store.reading() as connection:
        access.require(connection, who, model, "EXECUTE")
    status = models.version_status(full_name, entity.entity_version)
    if status != READY:
        raise invalid(f"Version {entity.entity_version} of {full_name} cannot be served: its status is {status}.")


def _check_secrets(app: FastAPI, who: Principal, entity: Entity) -> None:
    vault: SecretVault = app.state.secrets
    for value in (entity.environment_vars or {}).values():
        vault.resolve(value)
        if match := REFERENCE.fullmatch(value):
            store: Store = app.state.store
            with store.reading() as connection:
                require_permission(connection, who, match["scope"], "READ")


def locate_model(app: FastAPI, full_name: str, version: str) -> Path:
    """The directory of a model version's files; raises ApiError."""
    models: Models = app.state.models
    return models.local_model_path(full_name.lower(), version)


def resolve_env(app: FastAPI, variables: dict[str, str]) -> dict[str, str]:
    """Variables with their secrets in place; raises ApiError. Never log the result."""
    vault: SecretVault = app.state.secrets
    return {name: vault.resolve(value) for name, value in variables.items()}
