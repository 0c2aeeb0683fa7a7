"""The workspace as one ASGI application, with the child processes it needs while it runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from sandbox import (
    control,
    files,
    identity,
    mlflow_proxy,
    multipart,
    oidc,
    permissions,
    scim,
    secrets_api,
    uc_registry,
    workspace_api,
)
from sandbox.billing import control as billing_control
from sandbox.config import SandboxSettings
from sandbox.errors import install_handlers
from sandbox.faults import Faults
from sandbox.files import Places
from sandbox.gate import Gate
from sandbox.inference_tables import control as inference_control
from sandbox.jobs import routes as job_routes
from sandbox.jobs import run_routes
from sandbox.jobs.lifespan import jobs
from sandbox.mlflow_server import MlflowServer
from sandbox.models import Models
from sandbox.registry import Registry
from sandbox.request_log import RequestLog
from sandbox.schema import SCHEMAS
from sandbox.secrets import SecretVault
from sandbox.serving_endpoints import query
from sandbox.serving_endpoints import routes as serving_routes
from sandbox.serving_endpoints.lifespan import serving_endpoints
from sandbox.spark.lifespan import spark
from sandbox.sql import routes as sql_routes
from sandbox.sql.lifespan import sql_statements
from sandbox.store import Store
from sandbox.unity_catalog import catalogs, entity_tags, grants, metastore, schemas, tables, volumes
from sandbox.unity_catalog import control as uc_control
from sandbox.unity_catalog import models as uc_models
from sandbox.workspace_files import WorkspaceFiles

# The registry of Unity Catalog stands before the proxy, whose paths include its own.
ROUTERS = (
    control.router,
    billing_control.router,
    inference_control.router,
    uc_control.router,
    oidc.router,
    scim.router,
    permissions.router,
    secrets_api.router,
    catalogs.router,
    schemas.router,
    uc_models.router,
    volumes.router,
    tables.router,
    grants.router,
    metastore.router,
    entity_tags.router,
    uc_registry.router,
    mlflow_proxy.router,
    files.router,
    multipart.router,
    workspace_api.router,
    serving_routes.router,
    query.router,
    job_routes.router,
    run_routes.router,
    sql_routes.router,
)


class Workspace(FastAPI):
    """FastAPI behind the gate. The gate must be outside of FastAPI's own error middleware to drop connections."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.state.gate(scope, receive, send)

    async def behind_the_gate(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__(scope, receive, send)


def create_app(settings: SandboxSettings) -> FastAPI:
    """``app.state`` has settings, store, faults, request_log, mlflow, secrets, models, places, workspace_files."""
    app = Workspace(
        title="Sandbox workspace",
        openapi_url=None,
        lifespan=_lifespan,
        redirect_slashes=False,
        strict_content_type=False,
    )
    _set_state(app, settings)
    install_handlers(app)
    for router in ROUTERS:
        app.include_router(router)
    return app


def _set_state(app: Workspace, settings: SandboxSettings) -> None:
    app.state.settings = settings
    app.state.store = Store(settings.state_dir / "workspace.db", SCHEMAS)
    app.state.faults = Faults()
    app.state.request_log = RequestLog(app.state.store)
    app.state.gate = Gate(app.behind_the_gate, app.state.faults, app.state.request_log)
    app.state.mlflow = MlflowServer(settings)
    app.state.secrets = SecretVault(app.state.store, settings.state_dir / "secrets.key")
    app.state.registry = Registry(app.state.mlflow.url)
    app.state.models = Models(app.state.store, app.state.registry, app.state.mlflow.artifacts_dir)
    app.state.places = Places(app.state.store, app.state.models, app.state.mlflow.artifacts_dir, settings.state_dir)
    app.state.workspace_files = WorkspaceFiles(app.state.store, settings.state_dir)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    identity.seed(app.state.store, app.state.settings)
    metastore.seed(app.state.store)
    app.state.request_log.start()
    await app.state.mlflow.start()
    try:
        async with serving_endpoints(app), spark(app), sql_statements(app), jobs(app):
            yield
    finally:
        app.state.registry.close()
        await app.state.mlflow.stop()
        app.state.request_log.stop()
