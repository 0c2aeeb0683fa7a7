"""The log of requests, which tests use to count calls. It survives restarts."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.store import Store, now_ms

SCHEMA = """
CREATE TABLE IF NOT EXISTS requests (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, method TEXT NOT NULL, template TEXT NOT NULL,
    path TEXT NOT NULL, status INTEGER NOT NULL, user_name TEXT NOT NULL, request_id TEXT NOT NULL);
"""
FLUSH_INTERVAL_S = 0.5
KEEP_ROWS = 200_000
READING_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))
BUSY_PREFIXES = ("/serving-endpoints/", "/api/2.0/mlflow/", "/api/2.0/mlflow-artifacts/", "/_uploads/")


@dataclass(frozen=True)
class LoggedRequest:
    """One request, as the log stores it."""

    method: str
    #: The path of the route with its {names}, or the request path if no route matched.
    template: str
    path: str
    #: 0 if the connection was dropped.
    status: int
    user_name: str
    request_id: str

    @property
    def may_wait(self) -> bool:
        """Whether the row may be written up to FLUSH_INTERVAL_S later. False for calls that change the workspace."""
        return self.method in READING_METHODS or self.path.startswith(BUSY_PREFIXES)


class RequestLog:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._pending: list[tuple[object, ...]] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._flush_forever, name="request-log", daemon=True)

    def start(self) -> None:
        with self._store.connection() as connection:
            connection.execute("DELETE FROM requests WHERE id <= (SELECT MAX(id) FROM requests) - ?", (KEEP_ROWS,))
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(timeout=5)
        self.flush()

    def add(self, entry: LoggedRequest) -> None:
        row = (now_ms(), entry.method, entry.template, entry.path, entry.status, entry.user_name, entry.request_id)
        with self._lock:
            self._pending.append(row)

    def flush(self) -> None:
        with self._lock:
            rows, self._pending = self._pending, []
        if not rows:
            return
        with self._store.connection() as connection:
            connection.executemany(
                "INSERT INTO requests (at_ms, method, template, path, status, user_name, request_id) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                rows,
            )

    def counts(self, after: int, method: str, template: str) -> tuple[int, Sequence[dict[str, object]]]:
        """The cursor for the next call, and the number of requests since ``after`` by method, template and status."""
        self.flush()
        with self._store.reading() as connection:
            cursor = connection.execute("SELECT COALESCE(MAX(id), 0) FROM requests").fetchone()[0]
            rows = connection.execute(
                "SELECT method, template, status, COUNT(*) AS count FROM requests "
                "WHERE id > ? AND (? = '' OR method = ?) AND (? = '' OR template = ?) "
                "GROUP BY method, template, status ORDER BY template, method, status",
                (after, method, method, template, template),
            ).fetchall()
        return cursor, [dict(row) for row in rows]

    def _flush_forever(self) -> None:
        while not self._stopped.wait(FLUSH_INTERVAL_S):
            self.flush()
