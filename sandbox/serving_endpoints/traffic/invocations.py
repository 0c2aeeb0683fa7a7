"""Forwards requests to replicas, and reports them to recorders."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from sandbox.serving_endpoints.records import ConfigUpdate
from sandbox.serving_endpoints.replicas.replica import Replica
from sandbox.serving_endpoints.supervisor import Endpoint
from sandbox.web.errors import ApiError, invalid

logger = logging.getLogger(__name__)

MAX_PAYLOAD_BYTES = 16 * 1024 * 1024
PREDICTION_TIMEOUT_S = 297.0
RETRY_AFTER_S = 5
# Headers of the served process that are returned to the caller.
PASSED_BACK = ("content-type", "served-model-name", "retry-after")


@dataclass(frozen=True)
class Invocation:
    """One request and its response, for recorders."""

    endpoint: Endpoint
    replica: Replica
    request_id: str
    user_name: str
    #: Unix ms.
    received_at_ms: int
    duration_ms: float
    status: int
    request: bytes
    response: bytes


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes


class Unavailable(ApiError):
    """A temporary error that tells the client when to retry."""

    def __init__(self, status: int, error_code: str, message: str, retry_after_s: float) -> None:
        self.retry_after_s = math.ceil(retry_after_s)
        delay = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retry_delay": f"{self.retry_after_s}s"}
        super().__init__(status, error_code, message, [delay])


def not_ready(message: str) -> Unavailable:
    return Unavailable(503, "TEMPORARILY_UNAVAILABLE", message, RETRY_AFTER_S)


def check_serving(endpoint: Endpoint) -> None:
    """Raises ApiError if the endpoint has never served: 503 during the first deployment, 400 after it failed."""
    if endpoint.record.config is not None:
        return
    name = endpoint.record.name
    if endpoint.record.config_update is ConfigUpdate.IN_PROGRESS:
        raise not_ready(f"Endpoint {name} is not ready: its first deployment is in progress.")
    raise invalid(f"Endpoint {name} serves nothing: it has no config that was deployed successfully.")


async def forward(replica: Replica, body: bytes, content_type: str, request_id: str, http: httpx.AsyncClient) -> Reply:
    """Returns the model's response unchanged, including errors. Raises ApiError if there is no response."""
    with replica.busy():
        if not await replica.wake(PREDICTION_TIMEOUT_S):
            raise not_ready(f"Served entity {replica.entity.name} is not ready.")
        headers = {"content-type": content_type, "x-request-id": request_id}
        try:
            response = await http.post(
                f"{replica.url}/invocations", content=body, headers=headers, timeout=PREDICTION_TIMEOUT_S
            )
        except httpx.TimeoutException as error:
            message = f"The model did not answer within {PREDICTION_TIMEOUT_S:g} s."
            raise ApiError(504, "DEADLINE_EXCEEDED", message) from error
        except httpx.HTTPError as error:
            logger.warning("served entity %s did not respond: %r", replica.entity.name, error)
            raise not_ready(f"Served entity {replica.entity.name} stopped during the request.") from error
    passed_back = {name: response.headers[name] for name in PASSED_BACK if name in response.headers}
    return Reply(response.status_code, passed_back, response.content)


class Recorders:
    """Functions that record traffic, such as inference tables and meters."""

    def __init__(self) -> None:
        self._recorders: list[Callable[[Invocation], None]] = []

    def add(self, recorder: Callable[[Invocation], None]) -> None:
        """``recorder`` is called on the event loop after each response of a model. It must not block."""
        self._recorders.append(recorder)

    def tell(self, invocation: Invocation) -> None:
        """Logs errors of recorders: they never affect the response."""
        for recorder in self._recorders:
            try:
                recorder(invocation)
            except Exception:
                logger.exception("recording a request failed")


class Stopwatch:
    def __init__(self) -> None:
        self.received_at_ms = int(time.time() * 1000)
        self._started_at = time.perf_counter()

    def elapsed_ms(self) -> float:
        return (time.perf_counter() - self._started_at) * 1000
