"""Middleware around all routes: request ids, faults and the request log."""

from __future__ import annotations

import asyncio
import json
import uuid

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.config import WORKSPACE_ID
from sandbox.control.faults import Fault, Faults
from sandbox.control.request_log import LoggedRequest, RequestLog
from sandbox.web.errors import ApiError, envelope

CONTROL_PREFIX = "/_sandbox/"
ERROR_CODES = {
    400: "INVALID_PARAMETER_VALUE",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    409: "RESOURCE_CONFLICT",
    429: "REQUEST_LIMIT_EXCEEDED",
    500: "INTERNAL_ERROR",
    501: "NOT_IMPLEMENTED",
    503: "TEMPORARILY_UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
HTML_BODY = b"<html><head><title>Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


class Gate:
    """The outermost ASGI application. Requests to ``/_sandbox/`` bypass faults and the log."""

    def __init__(self, app: ASGIApp, faults: Faults, log: RequestLog) -> None:
        self._app = app
        self._faults = faults
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = Answer(scope, send)
        if scope["path"].startswith(CONTROL_PREFIX):
            await self._app(scope, receive, answer.send)
            return
        try:
            await self._pass(scope, receive, answer)
        finally:
            await self._record(scope, answer)

    async def _pass(self, scope: Scope, receive: Receive, answer: Answer) -> None:
        after_effect: Fault | None = None
        for fault in self._faults.for_request(scope["method"], scope["path"]):
            if fault.kind == "latency":
                await asyncio.sleep(fault.seconds)
            elif fault.kind == "after_effect":
                after_effect = fault
            else:
                await _strike(fault, receive, answer)
                return
        if after_effect is None:
            await self._app(scope, receive, answer.send)
            return
        await self._app(scope, receive, _discard)
        await answer.error(ApiError(500, after_effect.error_code or "INTERNAL_ERROR", after_effect.message))

    async def _record(self, scope: Scope, answer: Answer) -> None:
        route, principal = scope.get("route"), scope.get("principal")
        entry = LoggedRequest(
            method=scope["method"],
            template=str(getattr(route, "path", scope["path"])),
            path=scope["path"],
            status=answer.status,
            user_name=getattr(principal, "user_name", ""),
            request_id=answer.request_id,
        )
        self._log.add(entry)
        if not entry.may_wait:
            await asyncio.to_thread(self._log.flush)


class Answer:
    """Sends the response: adds the common headers and remembers the status."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._send = send
        self.status = 0
        self.request_id = str(uuid.uuid4())
        scope["request_id"] = self.request_id

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = [(b"x-request-id", self.request_id.encode()), (b"x-databricks-org-id", str(WORKSPACE_ID).encode())]
            message = {**message, "headers": [*message.get("headers", ()), *own]}
        await self._send(message)

    async def error(self, error: ApiError, retry_after: int | None = None) -> None:
        body = json.dumps(envelope(error, self.request_id)).encode()
        extra = [] if retry_after is None else [(b"retry-after", str(retry_after).encode())]
        await self.body(error.status, b"application/json", body, extra)

    async def body(self, status: int, content_type: bytes, body: bytes, extra: list[tuple[bytes, bytes]]) -> None:
        headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode()), *extra]
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})

    async def drop(self, receive: Receive) -> None:
        """Closes the connection without a response.

        ASGI defines no message for this, so it uses the transport of the object that uvicorn's ``send`` is bound to.
        """
        transport = getattr(getattr(self._send, "__self__", None), "transport", None)
        if transport is None:
            raise RuntimeError("the server does not expose its transport")
        transport.abort()
        while (await receive())["type"] != "http.disconnect":
            continue


async def _strike(fault: Fault, receive: Receive, answer: Answer) -> None:
    if fault.kind == "drop":
        await answer.drop(receive)
    elif fault.kind == "html_body":
        await answer.body(502, b"text/html; charset=utf-8", HTML_BODY, [])
    else:
        code = fault.error_code or ERROR_CODES.get(fault.status, "UNKNOWN")
        await answer.error(ApiError(fault.status, code, fault.message), fault.retry_after)


async def _discard(message: Message) -> None:
    return None
