"""Middleware for every request: request id, log line, metrics, and an error response after an exception."""

from __future__ import annotations

import logging
import re
import time
import uuid
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.errors import ServingError
from serving.logs import access_logger
from serving.metrics import ServingMetrics

logger = logging.getLogger(__name__)

SCORING_PATH = "/invocations"
# Characters that are safe in logs and headers, where the caller's id is copied to.
_SAFE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")


@dataclass
class _Exchange:
    """One request and its response."""

    request_id: str
    started_at: float
    status: int = 0
    response_bytes: int = 0


class ObservedRequests:
    """A plain ASGI middleware, because Starlette's BaseHTTPMiddleware costs a task and a queue per request."""

    def __init__(self, app: ASGIApp, *, name: str, metrics: ServingMetrics) -> None:
        self._app = app
        self._name = name
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(_request_id(Headers(scope=scope)), time.perf_counter())
        scope.setdefault("state", {})["request_id"] = exchange.request_id
        scoring = scope["path"] == SCORING_PATH
        if scoring:
            self._metrics.in_flight.inc()
        try:
            await self._answer(exchange, scope, receive, send)
        finally:
            if scoring:
                self._metrics.in_flight.dec()
            self._record(exchange, scope)

    async def _answer(self, exchange: _Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        async def observed_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = exchange.request_id
                headers["served-model-name"] = self._name
            elif message["type"] == "http.response.body":
                exchange.response_bytes += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, observed_send)
        except Exception:
            logger.exception("answering a request", extra={"fields": {"request_id": exchange.request_id}})
            if exchange.status:
                raise
            error = ServingError(500, "INTERNAL_ERROR", "Internal server error. See the server's log.")
            await error.response()(scope, receive, observed_send)

    def _record(self, exchange: _Exchange, scope: Scope) -> None:
        elapsed_s = time.perf_counter() - exchange.started_at
        if scope["path"] != SCORING_PATH:
            return  # probes and scrapes every few seconds would flood the log
        self._metrics.request_done(exchange.status or 499, elapsed_s)
        fields = {
            "request_id": exchange.request_id,
            "method": scope["method"],
            "path": scope["path"],
            "status": exchange.status,
            "duration_ms": round(elapsed_s * 1000, 3),
            "response_bytes": exchange.response_bytes,
        }
        access_logger.info("request", extra={"fields": fields})


def _request_id(headers: Headers) -> str:
    given = headers.get("x-request-id", "")
    return given if _SAFE_REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
