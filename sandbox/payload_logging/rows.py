"""The row of one request in an inference table."""

from __future__ import annotations

import json
from typing import Any

from sandbox.serving_endpoints.records import served_entity_id
from sandbox.serving_endpoints.traffic.invocations import Invocation

MAX_LOGGED_BYTES = 1024 * 1024
NOT_LOGGED = frozenset((401, 403, 429))


def row(invocation: Invocation) -> dict[str, Any]:
    """The row as JSON: request_time is in Unix ms, request_date is derived later. Payloads above 1 MiB are left out."""
    request, response = _text(invocation.request), _text(invocation.response)
    codes = (("MAX_REQUEST_SIZE_EXCEEDED", request), ("MAX_RESPONSE_SIZE_EXCEEDED", response))
    return {
        "databricks_request_id": invocation.request_id,
        "client_request_id": client_request_id(invocation.request),
        "request_time": invocation.received_at_ms,
        "status_code": invocation.status,
        "sampling_fraction": 1.0,
        "execution_duration_ms": round(invocation.duration_ms),
        "request": request,
        "response": response,
        "logging_error_codes": [code for code, text in codes if text is None],
        "served_entity_id": served_entity_id(invocation.endpoint.record.id, invocation.replica.entity),
        "requester": None if invocation.endpoint.record.route_optimized else invocation.user_name,
    }


def _text(payload: bytes) -> str | None:
    return payload.decode("utf-8", "replace") if len(payload) <= MAX_LOGGED_BYTES else None


def client_request_id(request: bytes) -> str | None:
    """The id that the caller set, or None. Parses only bodies that contain the key."""
    if b'"client_request_id"' not in request or len(request) > MAX_LOGGED_BYTES:
        return None
    try:
        found = json.loads(request).get("client_request_id")
    except (ValueError, AttributeError):
        return None
    return found if isinstance(found, str) else None
