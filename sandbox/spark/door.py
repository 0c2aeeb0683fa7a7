"""The address at which a job finds Spark: nothing is started before the job knocks."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sandbox.config import LOOPBACK
from sandbox.identity import Principal
from sandbox.spark.catalog import SparkCatalog
from sandbox.spark.server import SailServer, SparkUnavailableError
from sandbox.spark.sessions import end_session, prepare_session, remote_url

logger = logging.getLogger(__name__)
CHUNK_BYTES = 256 * 1024


class SparkDoors:
    """One for each task of a job: a session of its own, in which the tables that its principal may read have names."""

    def __init__(self, server: SailServer, catalog: SparkCatalog) -> None:
        self._server = server
        self._catalog = catalog

    @asynccontextmanager
    async def open(self, who: Principal) -> AsyncIterator[str]:
        """The value of SPARK_REMOTE. The door closes, and its session ends, with the block."""
        door = _Door(self._server, self._catalog, who)
        listener = await asyncio.start_server(door.let_in, LOOPBACK, 0)
        port = int(listener.sockets[0].getsockname()[1])
        try:
            yield remote_url(port, door.session_id, who.id)
        finally:
            listener.close()
            await door.close()


class _Door:
    def __init__(self, server: SailServer, catalog: SparkCatalog, who: Principal) -> None:
        self.session_id = str(uuid.uuid4())
        self._server = server
        self._catalog = catalog
        self._who = who
        self._prepared_start = 0
        self._lock = asyncio.Lock()
        self._open: set[asyncio.Task[None]] = set()

    async def let_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            port = await self._prepared_port()
            upstream_reader, upstream_writer = await asyncio.open_connection(LOOPBACK, port)
        except (SparkUnavailableError, OSError):
            logger.exception("no Spark for a job")
            writer.close()
            return
        ways = [_copy(reader, upstream_writer), _copy(upstream_reader, writer)]
        tasks = [asyncio.create_task(way) for way in ways]
        self._open.update(tasks)
        await asyncio.wait(tasks)
        self._open.difference_update(tasks)

    async def close(self) -> None:
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        if self._prepared_start:
            await asyncio.to_thread(self._end_session)

    async def _prepared_port(self) -> int:
        """A server that was started again has lost the session with its tables."""
        async with self._lock:
            port, start = await asyncio.to_thread(self._server.running)
            if start != self._prepared_start:
                await asyncio.to_thread(self._prepare, port)
                self._prepared_start = start
            return port

    def _prepare(self, port: int) -> None:
        prepare_session(port, self.session_id, self._who.id, self._catalog.readable(self._who))

    def _end_session(self) -> None:
        try:
            port, start = self._server.running()
        except SparkUnavailableError:
            return
        if start == self._prepared_start:
            end_session(port, self.session_id, self._who.id)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until either side ends it."""
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
    writer.close()
