"""``/api/2.0/sql``: statements, results, the warehouse, and links to chunks."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from sandbox.identity.dependencies import CurrentAdmin, CurrentPrincipal
from sandbox.sql.bodies import StatementBody
from sandbox.sql.lifespan import Sql
from sandbox.sql.links import PREFIX, file_of
from sandbox.sql.statements import Statement
from sandbox.sql.views import chunk_view, statement_view
from sandbox.sql.warehouse import require_named, require_usable
from sandbox.web.errors import ApiError
from sandbox.web.state import from_state

router = APIRouter()
STATEMENTS, WAREHOUSES = "/api/2.0/sql/statements", "/api/2.0/sql/warehouses"
CurrentSql = Annotated[Sql, from_state("sql")]


@router.post(STATEMENTS)
async def execute(body: StatementBody, who: CurrentPrincipal, sql: CurrentSql) -> dict[str, Any]:
    """A failed statement answers with status 200 too."""
    wait_s = body.checked_wait_s()
    require_usable(body.warehouse_id)
    statement = Statement(body, who)
    sql.statements.add(statement)
    running = asyncio.get_running_loop().run_in_executor(sql.threads, sql.engine.run, statement)
    await asyncio.wait({running}, timeout=wait_s)
    if body.on_wait_timeout == "CANCEL":
        await asyncio.to_thread(statement.cancel)
    return await asyncio.to_thread(statement_view, statement, sql.links)


@router.get(STATEMENTS + "/{statement_id}")
def get_statement(statement_id: str, who: CurrentPrincipal, sql: CurrentSql) -> dict[str, Any]:
    return statement_view(sql.statements.get(statement_id, who), sql.links)


@router.get(STATEMENTS + "/{statement_id}/result/chunks/{chunk_index}")
def get_chunk(statement_id: str, chunk_index: int, who: CurrentPrincipal, sql: CurrentSql) -> dict[str, Any]:
    return chunk_view(sql.statements.get(statement_id, who), chunk_index, sql.links)


@router.post(STATEMENTS + "/{statement_id}/cancel")
def cancel(statement_id: str, who: CurrentPrincipal, sql: CurrentSql) -> dict[str, Any]:
    sql.statements.get(statement_id, who).cancel()
    return {}


@router.get(PREFIX + "/{statement_id}/{chunk_index}")
def download(
    statement_id: str,
    chunk_index: int,
    expires: Annotated[int, Query()],
    signature: Annotated[str, Query()],
    request: Request,
    sql: CurrentSql,
) -> Response:
    """Like cloud storage, it accepts the signature only: a request with an Authorization header is rejected."""
    if "authorization" in request.headers:
        raise ApiError(400, "INVALID_ARGUMENT", "Only one auth mechanism allowed; the signature of the link is one.")
    sql.links.check(statement_id, chunk_index, expires, signature)
    statement = sql.statements.find(statement_id)
    content, media_type = file_of(statement.chunk(chunk_index), statement.body.format)
    return Response(content, media_type=media_type)


@router.get(WAREHOUSES)
def list_warehouses(_: CurrentPrincipal, sql: CurrentSql) -> dict[str, Any]:
    return {"warehouses": [sql.warehouse.view()]}


@router.get(WAREHOUSES + "/{warehouse_id}")
def get_warehouse(warehouse_id: str, _: CurrentPrincipal, sql: CurrentSql) -> dict[str, Any]:
    require_named(warehouse_id)
    return sql.warehouse.view()


@router.post(WAREHOUSES + "/{warehouse_id}/start")
def start_warehouse(warehouse_id: str, _: CurrentPrincipal, sql: CurrentSql) -> dict[str, Any]:
    require_named(warehouse_id)
    sql.warehouse.start()
    return {}


@router.post(WAREHOUSES + "/{warehouse_id}/stop")
def stop_warehouse(warehouse_id: str, _: CurrentAdmin, sql: CurrentSql) -> dict[str, Any]:
    require_named(warehouse_id)
    sql.warehouse.stop()
    return {}
