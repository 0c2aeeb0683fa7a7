"""Signed links to chunks of results. A link is valid for a limited time and needs no authentication."""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import json
import secrets
import time
from datetime import UTC, datetime

import pyarrow as pa

from sandbox.sql.values import rows_of
from sandbox.web.errors import denied

PREFIX = "/sql-results"
LIFETIME_S = 15 * 60


class Links:
    """A restart of the sandbox invalidates all links, as it discards the results."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._key = secrets.token_bytes(32)

    def make(self, statement_id: str, chunk: int) -> tuple[str, str]:
        """The link and its expiration in ISO 8601."""
        expires = int(time.time()) + LIFETIME_S
        query = f"expires={expires}&signature={self._signature(statement_id, chunk, expires)}"
        until = datetime.fromtimestamp(expires, UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
        return f"{self._base_url}{PREFIX}/{statement_id}/{chunk}?{query}", f"{until}Z"

    def check(self, statement_id: str, chunk: int, expires: int, signature: str) -> None:
        """Raises ApiError 403 if the signature is invalid or expired."""
        wanted = self._signature(statement_id, chunk, expires)
        if not hmac.compare_digest(wanted, signature) or expires < time.time():
            raise denied("The link is invalid or expired.")

    def _signature(self, statement_id: str, chunk: int, expires: int) -> str:
        return hmac.new(self._key, f"{statement_id}/{chunk}/{expires}".encode(), hashlib.sha256).hexdigest()


def file_of(table: pa.Table, format_name: str) -> tuple[bytes, str]:
    """The content and the media type."""
    if format_name == "ARROW_STREAM":
        return _arrow_stream(table), "application/vnd.apache.arrow.stream"
    if format_name == "CSV":
        return _csv(table), "text/csv"
    return json.dumps(rows_of(table), separators=(",", ":")).encode(), "application/json"


def _arrow_stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _csv(table: pa.Table) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(table.column_names)
    writer.writerows(rows_of(table))
    return text.getvalue().encode()
