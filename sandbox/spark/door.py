"""The Spark Connect address for a job. Nothing starts before the first call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sandbox.identity.principals import Principal
from sandbox.spark.catalog import SparkCatalog
from sandbox.spark.proxy import SessionProxy
from sandbox.spark.server import SailServer
from sandbox.spark.sessions import remote_url


class SparkDoors:
    """Opens one door for each task: its own session with the tables that its principal can read."""

    def __init__(self, server: SailServer, catalog: SparkCatalog) -> None:
        self._server = server
        self._catalog = catalog

    @asynccontextmanager
    async def open(self, who: Principal) -> AsyncIterator[str]:
        """Yields the value of SPARK_REMOTE. The session ends with the block."""
        proxy = SessionProxy(self._server, self._catalog, who)
        port = await asyncio.to_thread(proxy.start)
        try:
            yield remote_url(port, proxy.session_id, who.id)
        finally:
            await asyncio.to_thread(proxy.stop)
