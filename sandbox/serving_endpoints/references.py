"""What a served entity refers to in the workspace: its model version, and secrets in its variables."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fastapi import FastAPI, Request

from sandbox.identity.principals import Principal
from sandbox.secrets.vault import REFERENCE, SecretVault, require_permission
from sandbox.serving_endpoints.records import Entity
from sandbox.store import Store
from sandbox.unity_catalog.models.facade import Models
from sandbox.unity_catalog.models.records import READY
from sandbox.unity_catalog.securables import access
from sandbox.web.errors import invalid


async def check_entity(request: Request, who: Principal, entity: Entity) -> None:
    """Raises ApiError if the model is not ready, or if `who` cannot execute it or cannot read the secrets."""
    await asyncio.to_thread(_check_model, request.app, who, entity)
    await asyncio.to_thread(_check_secrets, request.app, who, entity)


def _check_model(app: FastAPI, who: Principal, entity: Entity) -> None:
    models: Models = app.state.models
    full_name = entity.entity_name.lower()
    model = models.get(full_name).object
    store: Store = app.state.store
    with store.reading() as connection:
        access.require(connection, who, model, "EXECUTE")
    status = models.get_version(full_name, entity.entity_version).status
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
    """The local directory of a model version's files. Raises ApiError."""
    models: Models = app.state.models
    return models.local_model_path(full_name.lower(), version)


def resolve_env(app: FastAPI, variables: dict[str, str]) -> dict[str, str]:
    """Replaces references by the secrets' values. Raises ApiError. Never log the result."""
    vault: SecretVault = app.state.secrets
    return {name: vault.resolve(value) for name, value in variables.items()}
