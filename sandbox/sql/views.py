"""Responses for statements."""

from __future__ import annotations

from typing import Any

from sandbox.sql.links import Links
from sandbox.sql.statements import ROWS_PER_CHUNK, Statement
from sandbox.sql.values import column_info, rows_of


def statement_view(statement: Statement, links: Links) -> dict[str, Any]:
    """Includes the first chunk of the result of a successful statement."""
    view: dict[str, Any] = {"statement_id": statement.id, "status": _status(statement)}
    if statement.table is None:
        return view
    result = chunk_view(statement, 0, links) if statement.chunk_count else {}
    return {**view, "manifest": _manifest(statement), "result": result}


def chunk_view(statement: Statement, index: int, links: Links) -> dict[str, Any]:
    """Raises ApiError 400 if the chunk does not exist."""
    table = statement.chunk(index)
    view: dict[str, Any] = _chunk_info(statement, index)
    if index + 1 < statement.chunk_count:
        path = f"/api/2.0/sql/statements/{statement.id}/result/chunks/{index + 1}"
        view |= {"next_chunk_index": index + 1, "next_chunk_internal_link": path}
    if statement.body.is_inline:
        return {**view, "data_array": rows_of(table)}
    link, expiration = links.make(statement.id, index)
    return {"external_links": [{**view, "external_link": link, "expiration": expiration}]}


def _status(statement: Statement) -> dict[str, Any]:
    status: dict[str, Any] = {"state": statement.state.value}
    if statement.refusal is not None:
        status["error"] = {"error_code": statement.refusal.error_code, "message": str(statement.refusal)}
        if statement.refusal.sql_state:
            status["sql_state"] = statement.refusal.sql_state
    return status


def _manifest(statement: Statement) -> dict[str, Any]:
    table = statement.table
    assert table is not None
    columns = [column_info(field, position) for position, field in enumerate(table.schema)]
    chunks = [_chunk_info(statement, index) for index in range(statement.chunk_count)]
    return {
        "format": statement.body.format,
        "schema": {"column_count": len(columns), "columns": columns},
        "total_chunk_count": len(chunks),
        "chunks": chunks,
        "total_row_count": table.num_rows,
        "total_byte_count": sum(chunk["byte_count"] for chunk in chunks),
        "truncated": statement.is_truncated,
    }


def _chunk_info(statement: Statement, index: int) -> dict[str, int]:
    table = statement.chunk(index)
    return {
        "chunk_index": index,
        "row_offset": index * ROWS_PER_CHUNK,
        "row_count": table.num_rows,
        "byte_count": table.nbytes,
    }
