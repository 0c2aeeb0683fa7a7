"""The lifespan of Spark: its objects in `app.state`. The server starts on first use and stops with the application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from sandbox.spark.catalog import SparkCatalog
from sandbox.spark.server import SailServer


@asynccontextmanager
async def spark(app: FastAPI) -> AsyncIterator[None]:
    """Sets `sail` and `spark_catalog`."""
    app.state.sail = SailServer(app.state.settings.state_dir / "spark")
    app.state.spark_catalog = SparkCatalog(app.state.store)
    try:
        yield
    finally:
        await asyncio.to_thread(app.state.sail.stop)
