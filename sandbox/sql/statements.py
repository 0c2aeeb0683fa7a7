"""Statements and their results, kept in memory for an hour after they end."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from enum import StrEnum
from typing import TYPE_CHECKING

import pyarrow as pa

from sandbox.identity.principals import Principal
from sandbox.sql.bodies import StatementBody
from sandbox.sql.refusals import Refusal
from sandbox.web.errors import ApiError, denied

if TYPE_CHECKING:
    from pyspark.sql.connect.session import SparkSession

logger = logging.getLogger(__name__)
KEPT_S = 3600.0
ROWS_PER_CHUNK = 10_000
INTERRUPT_EVERY_S = 0.5


class State(StrEnum):
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"

    @property
    def is_end(self) -> bool:
        return self not in (State.PENDING, State.RUNNING)


class Statement:
    """Thread-safe. The first final state wins: a result after a cancellation is dropped."""

    def __init__(self, body: StatementBody, who: Principal) -> None:
        self.id = str(uuid.uuid4())
        self.body = body
        self.who = who
        self.state = State.PENDING
        self.refusal: Refusal | None = None
        self.table: pa.Table | None = None
        self.is_truncated = False
        self.ended_at_s = 0.0
        self._session: SparkSession | None = None
        self._is_over = threading.Event()
        self._lock = threading.Lock()

    def runs_in(self, session: SparkSession) -> bool:
        """Remembers the session of the running statement. False if the statement was cancelled before."""
        with self._lock:
            if self.state.is_end:
                return False
            self.state = State.RUNNING
            self._session = session
            return True

    def succeed(self, table: pa.Table, *, is_truncated: bool) -> None:
        with self._lock:
            if self._end(State.SUCCEEDED):
                self.table, self.is_truncated = table, is_truncated

    def fail(self, refusal: Refusal) -> None:
        with self._lock:
            if self._end(State.FAILED):
                self.refusal = refusal

    def cancel(self) -> None:
        """No effect on a statement that has ended."""
        with self._lock:
            session = self._session if self._end(State.CANCELED) else None
        if session is not None:
            threading.Thread(target=self._interrupt, args=(session,), daemon=True).start()

    def let_go(self) -> None:
        """The engine calls it when nothing of the statement runs any more."""
        self._is_over.set()

    def _interrupt(self, session: SparkSession) -> None:
        """Repeated, because the server does not interrupt an operation that it has not started yet."""
        from pyspark.errors import PySparkException

        while not self._is_over.is_set():
            try:
                session.interruptAll()
            except (PySparkException, ValueError) as error:  # ValueError: the session was closed meanwhile
                logger.info("a statement had ended before it was interrupted: %s", type(error).__name__)
            self._is_over.wait(INTERRUPT_EVERY_S)

    def _end(self, state: State) -> bool:
        if self.state.is_end:
            return False
        self.state = state
        self.ended_at_s = time.monotonic()
        return True

    @property
    def chunk_count(self) -> int:
        return 0 if self.table is None else -(-self.table.num_rows // ROWS_PER_CHUNK)

    def chunk(self, index: int) -> pa.Table:
        """Raises ApiError 400 if the chunk does not exist."""
        if self.table is None or not 0 <= index < self.chunk_count:
            raise ApiError(400, "BAD_REQUEST", f"The statement {self.id} has no chunk {index}.")
        return self.table.slice(index * ROWS_PER_CHUNK, ROWS_PER_CHUNK)


class Statements:
    def __init__(self) -> None:
        self._known: dict[str, Statement] = {}
        self._lock = threading.Lock()

    def add(self, statement: Statement) -> None:
        now_s = time.monotonic()
        with self._lock:
            old = [item.id for item in self._known.values() if item.state.is_end and now_s - item.ended_at_s > KEPT_S]
            for statement_id in old:
                del self._known[statement_id]
            self._known[statement.id] = statement

    def get(self, statement_id: str, who: Principal) -> Statement:
        """Raises ApiError 404 if it does not exist, 403 if ``who`` is neither its author nor an admin."""
        found = self.find(statement_id)
        if found.who.id != who.id and not who.is_admin:
            raise denied(f"{who.user_name} does not have permission to view statement {statement_id}.")
        return found

    def find(self, statement_id: str) -> Statement:
        """Without a permission check, for requests with another credential. Raises ApiError 404."""
        with self._lock:
            found = self._known.get(statement_id)
        if found is None:
            raise ApiError(404, "NOT_FOUND", f"The statement {statement_id} was not found.")
        return found

    def active(self) -> list[Statement]:
        with self._lock:
            return [item for item in self._known.values() if not item.state.is_end]
