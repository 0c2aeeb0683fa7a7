"""SQL statements on a warehouse, over the Statement Execution API."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

from integrations.databricks import cells, decoding
from integrations.databricks.cells import Value
from integrations.databricks.connection import Connection, failure, segment
from integrations.databricks.records import StatementResult, Warehouse
from integrations.errors import IntegrationError

STATEMENTS = "/api/2.0/sql/statements"
WAREHOUSES = "/api/2.0/sql/warehouses"
UNDER_WAY = ("PENDING", "RUNNING")
# The API accepts a wait of 0 or of 5 to 50 seconds; long waits would exceed the connection's timeout.
MIN_WAIT_S, MAX_WAIT_S = 5, 10
MAX_POLL_S = 10.0
# Error codes of temporary failures: the same statement may succeed later.
PASSING = frozenset(
    (
        "ABORTED",
        "CANCELLED",
        "DEADLINE_EXCEEDED",
        "INTERNAL_ERROR",
        "IO_ERROR",
        "RESOURCE_EXHAUSTED",
        "SERVICE_UNDER_MAINTENANCE",
        "TEMPORARILY_UNAVAILABLE",
        "UNKNOWN",
        "WORKSPACE_TEMPORARILY_UNAVAILABLE",
    )
)
# Spark's error messages start with the error condition: "[TABLE_OR_VIEW_NOT_FOUND] The table ...".
CONDITION = re.compile(r"\[([A-Z][A-Z0-9_]+)(?:\.[A-Z0-9_]+)*\]")


class StatementCalls(Connection):
    def warehouses(self) -> list[Warehouse]:
        """All visible SQL warehouses."""
        pages = self.pages(WAREHOUSES)
        return [_warehouse(row) for page in pages for row in decoding.rows(page.get("warehouses"))]

    def execute_sql(
        self,
        statement: str,
        *,
        parameters: Mapping[str, Value] | None = None,
        warehouse_id: str = "",
        timeout_s: float = 300,
        row_limit: int | None = None,
    ) -> StatementResult:
        """Run one statement, wait for its end and return its rows, or the first ``row_limit`` of them.

        ``parameters`` replace ``:name`` in the statement; a datetime needs a time zone. Without ``warehouse_id`` the
        statement runs on the first running warehouse, or else on the first that starts by itself. The result must
        not exceed 25 MiB.

        Raises IntegrationError. The code is Spark's error condition if there is one, for example
        TABLE_OR_VIEW_NOT_FOUND or INSUFFICIENT_PERMISSIONS (permanent); NO_WAREHOUSE (permanent); or TIMEOUT
        (not permanent) after ``timeout_s`` seconds, when the statement has been cancelled.
        """
        deadline = time.monotonic() + timeout_s
        wait_s = 0 if timeout_s < MIN_WAIT_S else int(min(timeout_s, MAX_WAIT_S))
        body: dict[str, Any] = {
            "statement": statement,
            "warehouse_id": warehouse_id or self._chosen_warehouse(),
            "wait_timeout": f"{wait_s}s",
            "on_wait_timeout": "CONTINUE",
            "disposition": "INLINE",
            "format": "JSON_ARRAY",
            "parameters": _parameters(parameters or {}),
        }
        if row_limit is not None:
            body["row_limit"] = row_limit
        answer = self.do("POST", STATEMENTS, body=body)
        return self._result(self._ended(answer, deadline))

    def _chosen_warehouse(self) -> str:
        known = self.warehouses()
        usable = [item for item in known if item.is_running] + [item for item in known if item.starts_by_itself]
        if not usable:
            message = f"none of the {len(known)} SQL warehouses is running or can start by itself"
            raise failure(message, permanent=True, code="NO_WAREHOUSE")
        return usable[0].id

    def _ended(self, answer: Mapping[str, Any], deadline: float) -> Mapping[str, Any]:
        """Poll until the statement succeeds and return the response. Raises IntegrationError."""
        statement_id = str(answer.get("statement_id") or "")
        pause_s = 1.0
        while (state := str(decoding.mapping(answer.get("status")).get("state"))) in UNDER_WAY:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                self._cancel(statement_id)
                raise failure(f"statement {statement_id}: no result in time", permanent=False, code="TIMEOUT")
            time.sleep(min(pause_s, left_s))
            pause_s = min(pause_s * 2, MAX_POLL_S)
            answer = self.do("GET", f"{STATEMENTS}/{segment(statement_id)}")
        if state != "SUCCEEDED":
            raise _refused(statement_id, state, decoding.mapping(decoding.mapping(answer.get("status")).get("error")))
        return answer

    def _cancel(self, statement_id: str) -> None:
        """Best effort: the caller gets the timeout even if the cancellation fails."""
        try:
            self.do("POST", f"{STATEMENTS}/{segment(statement_id)}/cancel")
        except IntegrationError:
            return

    def _result(self, answer: Mapping[str, Any]) -> StatementResult:
        statement_id = str(answer.get("statement_id") or "")
        manifest = decoding.mapping(answer.get("manifest"))
        columns = cells.columns(decoding.mapping(manifest.get("schema")))
        try:
            rows = [row for chunk in self._chunks(statement_id, answer) for row in cells.decoded(chunk, columns)]
        except (ValueError, ArithmeticError, TypeError) as error:
            message = f"statement {statement_id}: a value does not match the type of its column"
            raise failure(message, permanent=True, code="UNEXPECTED_ANSWER") from error
        return StatementResult(statement_id, columns, tuple(rows), bool(manifest.get("truncated")))

    def _chunks(self, statement_id: str, answer: Mapping[str, Any]) -> Iterator[list[list[str | None]]]:
        """The rows of each chunk. The response contains the first chunk."""
        chunk = decoding.mapping(answer.get("result"))
        while chunk:
            yield list(chunk.get("data_array") or [])
            following = chunk.get("next_chunk_index")
            if following is None:
                return
            chunk = self.do("GET", f"{STATEMENTS}/{segment(statement_id)}/result/chunks/{int(following)}")


def _parameters(values: Mapping[str, Value]) -> list[dict[str, str | None]]:
    try:
        return [cells.parameter(name, value) for name, value in values.items()]
    except ValueError as error:
        raise failure(f"a parameter: {error}", permanent=True, code="INVALID_PARAMETER_VALUE") from error


def _warehouse(row: Mapping[str, Any]) -> Warehouse:
    return Warehouse(
        id=str(row.get("id") or ""),
        name=str(row.get("name") or ""),
        state=str(row.get("state") or ""),
        is_serverless=bool(row.get("enable_serverless_compute")),
        size=str(row.get("cluster_size") or ""),
    )


def _refused(statement_id: str, state: str, error: Mapping[str, Any]) -> IntegrationError:
    """The error of a failed statement. A statement cancelled or closed by others is not a permanent failure."""
    service_code = str(error.get("error_code") or ("CANCELLED" if state in ("CANCELED", "CLOSED") else "UNKNOWN"))
    message = str(error.get("message") or f"it ended as {state}")
    condition = CONDITION.match(message)
    return failure(
        f"statement {statement_id}: {message}",
        permanent=service_code not in PASSING,
        code=condition[1] if condition else service_code,
    )
