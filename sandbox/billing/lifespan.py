"""The lifespan of billing: its objects in `app.state`, start and stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from sandbox.billing.meter import BillingMeter
from sandbox.billing.tables import BillingTables


@asynccontextmanager
async def billing(app: FastAPI) -> AsyncIterator[None]:
    """Needs `supervisor` and `system_tables`. Sets `billing_tables`."""
    tables = BillingTables(app.state.system_tables)
    await asyncio.to_thread(tables.prepare)
    app.state.billing_tables = tables
    meter = BillingMeter(app.state.supervisor, app.state.store, tables)
    meter.start()
    try:
        yield
    finally:
        await meter.stop()
