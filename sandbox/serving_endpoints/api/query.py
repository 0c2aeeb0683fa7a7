"""`POST /serving-endpoints/{name}/invocations`: queries an endpoint or one served entity. Not below /api/2.0."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from sandbox.identity.dependencies import current_principal
from sandbox.identity.principals import Principal
from sandbox.serving_endpoints.api.access import CAN_QUERY
from sandbox.serving_endpoints.api.routes import find_endpoint
from sandbox.serving_endpoints.replicas.replica import Replica
from sandbox.serving_endpoints.supervisor import Endpoint, Supervisor
from sandbox.serving_endpoints.traffic.invocations import (
    MAX_PAYLOAD_BYTES,
    Invocation,
    Recorders,
    Reply,
    Stopwatch,
    Unavailable,
    check_serving,
    forward,
    not_ready,
)
from sandbox.serving_endpoints.traffic.rate_limits import RateLimiter
from sandbox.web.errors import ApiError, error_response, not_found

router = APIRouter()


@router.post("/serving-endpoints/{name}/invocations", response_model=None)
async def invoke(name: str, request: Request, caller: Annotated[Principal, Depends(current_principal)]) -> Response:
    return await _answer(name, None, request, caller)


@router.post("/serving-endpoints/{name}/served-models/{served_model_name}/invocations", response_model=None)
async def invoke_served_model(
    name: str, served_model_name: str, request: Request, caller: Annotated[Principal, Depends(current_principal)]
) -> Response:
    """Queries one served entity, regardless of the routes."""
    return await _answer(name, served_model_name, request, caller)


async def _answer(name: str, served_model_name: str | None, request: Request, caller: Principal) -> Response:
    try:
        return await _invoke(name, served_model_name, request, caller)
    except Unavailable as error:
        response = error_response(request, error)
        response.headers["Retry-After"] = str(error.retry_after_s)
        return response


async def _invoke(name: str, served_model_name: str | None, request: Request, caller: Principal) -> Response:
    watch = Stopwatch()
    endpoint = find_endpoint(request, caller, name, CAN_QUERY)
    _check_rate(request, endpoint, caller)
    check_serving(endpoint)
    body = await _read_body(request)
    replica = _replica(request, endpoint, served_model_name)
    content_type = request.headers.get("content-type", "application/json")
    request_id: str = request.scope.get("request_id", "")
    reply = await forward(replica, body, content_type, request_id, request.app.state.serving_http)
    _tell(request, Exchange(endpoint, replica, caller, watch), body, reply)
    return Response(reply.body, status_code=reply.status, headers=reply.headers)


def _replica(request: Request, endpoint: Endpoint, served_model_name: str | None) -> Replica:
    """The replica with this name, or one chosen by the routes. Raises ApiError."""
    name = endpoint.record.name
    if served_model_name is not None:
        named = endpoint.active.get(served_model_name)
        if named is None:
            raise not_found(f"Served entity '{served_model_name}' of endpoint '{name}' does not exist.")
        return named
    supervisor: Supervisor = request.app.state.supervisor
    replica = supervisor.choose(endpoint)
    if replica is None:
        raise not_ready(f"Endpoint {name} is not ready.")
    return replica


class Exchange:
    """One request: its caller, replica and start time."""

    def __init__(self, endpoint: Endpoint, replica: Replica, caller: Principal, watch: Stopwatch) -> None:
        self.endpoint = endpoint
        self.replica = replica
        self.caller = caller
        self.watch = watch


def _tell(request: Request, exchange: Exchange, body: bytes, reply: Reply) -> None:
    recorders: Recorders = request.app.state.invocation_recorders
    recorders.tell(
        Invocation(
            endpoint=exchange.endpoint,
            replica=exchange.replica,
            request_id=request.scope.get("request_id", ""),
            user_name=exchange.caller.user_name,
            received_at_ms=exchange.watch.received_at_ms,
            duration_ms=exchange.watch.elapsed_ms(),
            status=reply.status,
            request=body,
            response=reply.body,
        )
    )


def _check_rate(request: Request, endpoint: Endpoint, caller: Principal) -> None:
    limiter: RateLimiter = request.app.state.serving_rate_limiter
    limits = (endpoint.record.ai_gateway or {}).get("rate_limits") or endpoint.record.rate_limits or []
    retry_after_s = limiter.retry_after_s(endpoint.record.id, caller.user_name, limits)
    if retry_after_s is not None:
        message = f"Endpoint {endpoint.record.name} has reached its limit of calls per minute."
        raise Unavailable(429, "REQUEST_LIMIT_EXCEEDED", message, retry_after_s)


async def _read_body(request: Request) -> bytes:
    """Raises ApiError 413 if the body is too large."""
    chunks: list[bytes] = []
    size_bytes = 0
    async for chunk in request.stream():
        size_bytes += len(chunk)
        if size_bytes > MAX_PAYLOAD_BYTES:
            message = f"The request is larger than the limit of {MAX_PAYLOAD_BYTES} bytes."
            raise ApiError(413, "MAX_REQUEST_SIZE_EXCEEDED", message)
        chunks.append(chunk)
    return b"".join(chunks)
