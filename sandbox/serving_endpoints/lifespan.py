"""The lifespan of serving endpoints: their objects in `app.state`, start and stop."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import httpx
from fastapi import FastAPI

from sandbox.serving_endpoints import references
from sandbox.serving_endpoints.records import EndpointRecords
from sandbox.serving_endpoints.replicas.replica import Workshop
from sandbox.serving_endpoints.replicas.settings import EndpointSettings
from sandbox.serving_endpoints.supervisor import Supervisor
from sandbox.serving_endpoints.traffic.metrics import Meter
from sandbox.serving_endpoints.traffic.rate_limits import RateLimiter


@asynccontextmanager
async def serving_endpoints(app: FastAPI) -> AsyncIterator[None]:
    """Sets `supervisor`, `serving_http`, `serving_meter` and `serving_rate_limiter`."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
    async with httpx.AsyncClient(trust_env=False, limits=limits) as http:
        workshop = Workshop(
            settings=EndpointSettings.from_environ(os.environ),
            faults=app.state.faults,
            locate_model=partial(references.locate_model, app),
            resolve_env=partial(references.resolve_env, app),
            http=http,
            log_dir=app.state.settings.state_dir / "serving",
        )
        supervisor = Supervisor(EndpointRecords(app.state.store), workshop)
        meter = Meter(supervisor, http)
        app.state.supervisor = supervisor
        app.state.serving_http = http
        app.state.serving_meter = meter
        app.state.serving_rate_limiter = RateLimiter()
        supervisor.start()
        meter.start()
        try:
            yield
        finally:
            await meter.stop()
            await supervisor.stop()
