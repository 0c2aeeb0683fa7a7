"""The lifespan of SQL: its objects in `app.state`, and their end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI

from sandbox.identity.principals import ADMINS
from sandbox.sql.engine import SqlEngine
from sandbox.sql.links import Links
from sandbox.sql.statements import Statements
from sandbox.sql.warehouse import Warehouse

# The concurrent statements of one warehouse cluster. More statements wait as PENDING.
MAX_RUNNING = 10


@dataclass(frozen=True)
class Sql:
    statements: Statements
    warehouse: Warehouse
    engine: SqlEngine
    links: Links
    threads: ThreadPoolExecutor


@asynccontextmanager
async def sql_statements(app: FastAPI) -> AsyncIterator[None]:
    """Needs `sail` and `spark_catalog`. Sets `sql`."""
    warehouse = Warehouse(app.state.sail, ADMINS)
    engine = SqlEngine(warehouse, app.state.spark_catalog)
    threads = ThreadPoolExecutor(MAX_RUNNING, thread_name_prefix="sql")
    app.state.sql = Sql(Statements(), warehouse, engine, Links(app.state.settings.url), threads)
    try:
        yield
    finally:
        for statement in app.state.sql.statements.active():
            await asyncio.to_thread(statement.cancel)
        threads.shutdown(wait=False, cancel_futures=True)
