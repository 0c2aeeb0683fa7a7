"""The lifespan of payload logging: its objects in `app.state`, start and stop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from sandbox.payload_logging.logger import InferenceTables
from sandbox.payload_logging.spool import Spool
from sandbox.serving_endpoints.records import EndpointRecords
from sandbox.serving_endpoints.replicas.settings import EndpointSettings
from sandbox.serving_endpoints.traffic.invocations import Recorders
from sandbox.system_tables import serving
from sandbox.system_tables.catalog import SystemTables


@asynccontextmanager
async def payload_logging(app: FastAPI) -> AsyncIterator[None]:
    """Sets `system_tables` and `invocation_recorders`. Must stop after serving endpoints, to keep their last rows."""
    state_dir = app.state.settings.state_dir
    system = SystemTables(app.state.store, state_dir / "tables")
    await asyncio.to_thread(system.prepare, serving.SCHEMAS)
    entities, records = serving.ServedEntities(system), EndpointRecords(app.state.store)
    tables = InferenceTables(
        Spool(state_dir / "inference_tables"),
        app.state.store,
        app.state.faults,
        delay_s=EndpointSettings.from_environ(os.environ).delivery_s,
        first=lambda: entities.note(records),
    )
    app.state.system_tables = system
    app.state.invocation_recorders = Recorders()
    app.state.invocation_recorders.add(tables.record)
    tables.start()
    try:
        yield
    finally:
        await tables.stop()
