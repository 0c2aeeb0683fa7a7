"""Runs statements on Sail. Each statement has its own session with the tables that it names."""

from __future__ import annotations

import logging
import re
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from sandbox.spark.catalog import SparkCatalog
from sandbox.spark.grouping import without_group_by_all
from sandbox.spark.server import SparkUnavailableError
from sandbox.spark.sessions import name_tables, new_session
from sandbox.sql.names import Prepared, Scope, prepared
from sandbox.sql.refusals import Refusal, not_found
from sandbox.sql.statements import Statement
from sandbox.sql.warehouse import Warehouse

if TYPE_CHECKING:
    from pyspark.errors import PySparkException
    from pyspark.sql import Column
    from pyspark.sql.connect.session import SparkSession

logger = logging.getLogger(__name__)
MAX_INLINE_BYTES = 25 * 2**20
MAX_MESSAGE_CHARS = 2000
TRY_AGAIN = "TEMPORARILY_UNAVAILABLE"
CONDITION = re.compile(r"\[([A-Z][A-Z_]+)\]")


class SqlEngine:
    def __init__(self, warehouse: Warehouse, catalog: SparkCatalog) -> None:
        self._warehouse = warehouse
        self._catalog = catalog

    def run(self, statement: Statement) -> None:
        """Blocks until the statement has ended. Never raises: errors become the statement's failure."""
        try:
            self._run(statement)
        except Refusal as refusal:
            statement.fail(refusal)
        except SparkUnavailableError as error:
            statement.fail(Refusal("", str(error), error_code=TRY_AGAIN))
        except Exception:
            logger.exception("statement %s", statement.id)
            statement.fail(Refusal("", "Internal error. The sandbox's log has the cause.", error_code="INTERNAL_ERROR"))
        finally:
            statement.let_go()

    def _run(self, statement: Statement) -> None:
        body = statement.body
        arguments = {item.name: item.value for item in body.parameters}
        find = partial(self._catalog.find, who=statement.who)
        ready = prepared(body.statement, arguments, Scope(body.catalog, body.schema_name), find)
        port = self._warehouse.start()
        with new_session(port, statement.who.id) as session:
            if not statement.runs_in(session):
                return
            name_tables(session, ready.tables)
            table = _fetched(session, ready, statement)
        cut = _cut(table, body.row_limit, body.byte_limit)
        if body.is_inline and cut.nbytes > MAX_INLINE_BYTES:
            raise Refusal("", f"Inline byte limit exceeded. INLINE results have at most {MAX_INLINE_BYTES} bytes.")
        statement.succeed(cut, is_truncated=cut.num_rows < table.num_rows)


def _fetched(session: SparkSession, ready: Prepared, statement: Statement) -> pa.Table:
    """Fetches one row more than the limit, to detect truncation. Raises Refusal."""
    from pyspark.errors import PySparkException

    limit = statement.body.row_limit
    try:
        frame = session.sql(without_group_by_all(ready.sql), _arguments(statement))
        return (frame if limit is None else frame.limit(limit + 1)).toArrow()
    except PySparkException as error:
        raise _refusal(error, ready) from error


def _arguments(statement: Statement) -> dict[str, Column]:
    from pyspark.sql.connect import functions

    return {item.name: functions.lit(item.value).cast(item.type) for item in statement.body.parameters}


def _refusal(error: PySparkException, ready: Prepared) -> Refusal:
    from pyspark.errors.exceptions.connect import SparkConnectGrpcException

    text = str(error)[:MAX_MESSAGE_CHARS]
    # Errors of the server have their own type. All others are connection errors.
    if type(error) is SparkConnectGrpcException:
        return Refusal("", text, error_code=TRY_AGAIN)
    condition = CONDITION.search(text)
    if condition is None:
        return Refusal("", text)
    if condition[1] == "TABLE_OR_VIEW_NOT_FOUND" and ready.unknown:
        return not_found(ready.unknown[0])
    return Refusal(condition[1], text[condition.end() :].strip())


def _cut(table: pa.Table, row_limit: int | None, byte_limit: int | None) -> pa.Table:
    rows = table.num_rows if row_limit is None else min(row_limit, table.num_rows)
    if byte_limit is not None and table.nbytes > byte_limit:
        rows = min(rows, table.num_rows * byte_limit // table.nbytes)
    return table.slice(0, rows)
