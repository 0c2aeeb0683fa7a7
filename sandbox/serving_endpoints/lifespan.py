"""What serving endpoints keep in `app.state`, and their start and end with the application."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import httpx
from fastapi import FastAPI

from sandbox.billing.meter import BillingMeter
from sandbox.billing.tables import BillingTables
from sandbox.payload_logging.logger import InferenceTables
from sandbox.payload_logging.spool import Spool
from sandbox.serving_endpoints import references
from sandbox.serving_endpoints.records import EndpointRecords
from sandbox.serving_endpoints.replicas.replica import Workshop
from sandbox.serving_endpoints.replicas.settings import EndpointSettings
from sandbox.serving_endpoints.supervisor import Supervisor
from sandbox.serving_endpoints.traffic.invocations import Recorders
from sandbox.serving_endpoints.traffic.metrics import Meter
from sandbox.serving_endpoints.traffic.rate_limits import RateLimiter
from sandbox.system_tables import serving
from sandbox.system_tables.catalog import SystemTables


@asynccontextmanager
async def serving_endpoints(app: FastAPI) -> AsyncIterator[None]:
    """Sets `supervisor`, `serving_http`, `serving_meter`, `serving_rate_limiter`, `invocation_recorders`."""
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
        app.state.invocation_recorders = Recorders()
        system = SystemTables(app.state.store, app.state.settings.state_dir / "tables")
        billing_tables = BillingTables(system)
        app.state.billing_tables = billing_tables
        await asyncio.to_thread(_prepare, system, billing_tables)
        inference_tables = _inference_tables(app, system, workshop.settings.delivery_s)
        app.state.invocation_recorders.add(inference_tables.record)
        billing = BillingMeter(supervisor, app.state.store, billing_tables)
        inference_tables.start()
        supervisor.start()
        meter.start()
        billing.start()
        try:
            yield
        finally:
            await billing.stop()
            await meter.stop()
            await supervisor.stop()
            await inference_tables.stop()


def _prepare(system: SystemTables, billing: BillingTables) -> None:
    system.prepare(serving.SCHEMAS)
    billing.prepare()


def _inference_tables(app: FastAPI, system: SystemTables, delivery_s: float) -> InferenceTables:
    """A row of an endpoint never comes before the row that says what its served entity is."""
    entities, records = serving.ServedEntities(system), EndpointRecords(app.state.store)
    return InferenceTables(
        Spool(app.state.settings.state_dir / "inference_tables"),
        app.state.store,
        app.state.faults,
        delay_s=delivery_s,
        first=lambda: entities.note(records),
    )
