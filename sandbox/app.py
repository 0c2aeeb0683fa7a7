"""The workspace as one ASGI application, with the child processes it needs while it runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from sandbox import control, identity
from sandbox.config import SandboxSettings
from sandbox.errors import install_handlers
from sandbox.faults import Faults
from sandbox.gate import Gate
from sandbox.mlflow_server import MlflowServer
from sandbox.request_log import RequestLog
from sandbox.schema import SCHEMAS
from sandbox.store import Store

ROUTERS = (control.router,)


class Workspace(FastAPI):
    """FastAPI behind the gate. The gate must be outside of FastAPI's own error middleware to drop connections."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.state.gate(scope, receive, send)

    async def behind_the_gate(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__(scope, receive, send)


def create_app(settings: SandboxSettings) -> FastAPI:
    """``app.state`` has settings, store, faults, request_log and mlflow for the routes."""
    app = Workspace(
        title="Sandbox workspace",
        openapi_url=None,
        lifespan=_lifespan,
        redirect_slashes=False,
        strict_content_type=False,
    )
    app.state.settings = settings
    app.state.store = Store(settings.state_dir / "workspace.db", SCHEMAS)
    app.state.faults = Faults()
    app.state.request_log = RequestLog(app.state.store)
    app.state.gate = Gate(app.behind_the_gate, app.state.faults, app.state.request_log)
    app.state.mlflow = MlflowServer(settings)
    install_handlers(app)
    for router in ROUTERS:
        app.include_router(router)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    identity.seed(app.state.store, app.state.settings)
    app.state.request_log.start()
    await app.state.mlflow.start()
    try:
        yield
    finally:
        await app.state.mlflow.stop()
        app.state.request_log.stop()
