"""Composes the workspace: one ASGI application and the child processes that it needs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from sandbox.billing import control as billing_control
from sandbox.billing.lifespan import billing
from sandbox.config import SandboxSettings
from sandbox.control import routes as control_routes
from sandbox.control.faults import Faults
from sandbox.control.gate import Gate
from sandbox.control.request_log import RequestLog
from sandbox.files import multipart
from sandbox.files import routes as file_routes
from sandbox.files.places import Places
from sandbox.identity import oidc, principals, scim
from sandbox.jobs.api import job_routes, run_routes
from sandbox.jobs.lifespan import jobs
from sandbox.mlflow.registry import Registry
from sandbox.mlflow.server import MlflowServer
from sandbox.mlflow_api import proxy as mlflow_proxy
from sandbox.mlflow_api import registry as mlflow_registry
from sandbox.payload_logging import control as logging_control
from sandbox.payload_logging.lifespan import payload_logging
from sandbox.permissions import routes as permission_routes
from sandbox.schema import SCHEMAS
from sandbox.secrets import routes as secrets_routes
from sandbox.secrets.vault import SecretVault
from sandbox.serving_endpoints.api import query
from sandbox.serving_endpoints.api import routes as serving_routes
from sandbox.serving_endpoints.lifespan import serving_endpoints
from sandbox.spark.lifespan import spark
from sandbox.sql import routes as sql_routes
from sandbox.sql.lifespan import sql_statements
from sandbox.store import Store
from sandbox.unity_catalog import catalogs, entity_tags, grants, metastore, schemas, tables, volumes
from sandbox.unity_catalog import control as uc_control
from sandbox.unity_catalog.models import routes as model_routes
from sandbox.unity_catalog.models.facade import Models
from sandbox.web.errors import install_handlers
from sandbox.workspace_files import routes as workspace_routes
from sandbox.workspace_files.tree import WorkspaceFiles

# Order matters: the paths of the proxy include those of Unity Catalog's registry, which is listed first.
ROUTERS = (
    control_routes.router,
    billing_control.router,
    logging_control.router,
    uc_control.router,
    oidc.router,
    scim.router,
    permission_routes.router,
    secrets_routes.router,
    catalogs.router,
    schemas.router,
    model_routes.router,
    volumes.router,
    tables.router,
    grants.router,
    metastore.router,
    entity_tags.router,
    mlflow_registry.router,
    mlflow_proxy.router,
    file_routes.router,
    multipart.router,
    workspace_routes.router,
    serving_routes.router,
    query.router,
    job_routes.router,
    run_routes.router,
    sql_routes.router,
)


class Workspace(FastAPI):
    """FastAPI behind the gate. To drop connections, the gate must wrap FastAPI's own error middleware."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.state.gate(scope, receive, send)

    async def behind_the_gate(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__(scope, receive, send)


def create_app(settings: SandboxSettings) -> FastAPI:
    """Sets ``app.state``: settings, store, faults, request_log, mlflow, secrets, models, places, workspace_files."""
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
    principals.seed(app.state.store, app.state.settings)
    metastore.seed(app.state.store)
    app.state.request_log.start()
    await app.state.mlflow.start()
    try:
        async with (
            payload_logging(app),
            serving_endpoints(app),
            billing(app),
            spark(app),
            sql_statements(app),
            jobs(app),
        ):
            yield
    finally:
        app.state.registry.close()
        await app.state.mlflow.stop()
        app.state.request_log.stop()
