"""The state of the workspace: one SQLite database. Thread-safe."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

BUSY_TIMEOUT_S = 30.0


class Store:
    """Opens a connection for each block, so threads and processes can share a Store."""

    def __init__(self, path: Path, schemas: Iterable[str]) -> None:
        """Runs ``schemas``, scripts of CREATE ... IF NOT EXISTS statements, in order."""
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        with closing(self._open()) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            for schema in schemas:
                connection.executescript(schema)
        # Whoever closes the last connection writes the whole log back and removes it: that shall not be each block.
        self._last = self._open()
        self._last.execute("SELECT 1 FROM sqlite_schema").fetchone()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """A write transaction: committed at the end of the block, rolled back if the block raises."""
        with closing(self._open()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A read-only snapshot. Never waits for writers."""
        with closing(self._open()) as connection:
            connection.execute("BEGIN DEFERRED")
            yield connection
            connection.execute("ROLLBACK")


def now_ms() -> int:
    """Unix time in milliseconds, the unit of every timestamp of the workspace API."""
    return int(time.time() * 1000)
