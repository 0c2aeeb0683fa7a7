"""The HTTP API: MLflow's scoring protocol, health, metrics and an OpenAPI document of the model."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from serving.errors import ServingError, body_too_large, not_ready
from serving.lifecycle import Lifecycle, Phase
from serving.metrics import ServingMetrics
from serving.middleware import ObservedRequests
from serving.openapi import build_openapi
from serving.pool import PredictionPool
from serving.settings import ServingSettings

if TYPE_CHECKING:
    from serving.model import ServedModel

logger = logging.getLogger(__name__)


@dataclass
class Runtime:
    """The state of a server between requests."""

    settings: ServingSettings
    pool: PredictionPool
    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    model: ServedModel | None = None

    def load(self) -> None:
        """Load the model and try it on its input example. Runs in its own thread and ends in READY or FAILED."""
        try:
            # Importing MLflow takes seconds. Meanwhile /ping answers 503 with the reason.
            from serving.model import ServedModel

            model = ServedModel.load(self.settings.model_path)
            proved = model.prove()
        except (Exception, SystemExit) as error:  # a model's own code may raise anything, even sys.exit()
            logger.exception("loading the model")
            self.lifecycle.fail(f"The model could not be loaded. {type(error).__name__}: {error}")
            return
        self.model = model
        reason = (
            "The model predicted on its input example." if proved else "The model is loaded; it has no input example."
        )
        self.lifecycle.ready(reason)
        logger.info("the model is ready", extra={"fields": {"detail": reason}})


def create_app(settings: ServingSettings) -> FastAPI:
    pool = PredictionPool(settings.concurrency, settings.queue_size, settings.request_timeout_s)
    runtime = Runtime(settings, pool)
    metrics = ServingMetrics(pool, runtime.lifecycle)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        threading.Thread(target=runtime.load, name="load-model", daemon=True).start()
        yield
        pool.close()

    app = FastAPI(title=settings.name, lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.runtime = runtime
    app.state.metrics = metrics
    app.add_middleware(ObservedRequests, name=settings.name, metrics=metrics)
    app.add_exception_handler(ServingError, _serving_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_api_route("/invocations", invocations, methods=["POST"], response_model=None)
    for path in ("/ping", "/health"):
        app.add_api_route(path, ping, methods=["GET"], response_model=None)
    app.add_api_route("/version", version, methods=["GET"], response_model=None)
    app.add_api_route("/metrics", render_metrics, methods=["GET"], response_model=None)
    app.add_api_route("/openapi.json", describe, methods=["GET"], response_model=None)
    return app


async def invocations(request: Request) -> Response:
    runtime: Runtime = request.app.state.runtime
    model = runtime.model
    if model is None or runtime.lifecycle.phase is not Phase.READY:
        raise not_ready(runtime.lifecycle.reason)
    body = await _read_body(request, runtime.settings.max_body_bytes)
    done = await runtime.pool.run(partial(model.score, body, request.headers.get("content-type")))
    request.app.state.metrics.prediction_done(done.queue_s, done.run_s)
    return Response(done.value, media_type="application/json")


async def _read_body(request: Request, limit_bytes: int) -> bytes:
    """The whole body. Raises ServingError 413 as soon as it exceeds ``limit_bytes``."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit_bytes:
        raise body_too_large(limit_bytes)
    chunks: list[bytes] = []
    size_bytes = 0
    async for chunk in request.stream():
        size_bytes += len(chunk)
        if size_bytes > limit_bytes:
            raise body_too_large(limit_bytes)
        chunks.append(chunk)
    return b"".join(chunks)


async def ping(request: Request) -> Response:
    lifecycle = request.app.state.runtime.lifecycle
    ready = lifecycle.phase is Phase.READY
    body = {"status": lifecycle.phase.value, "detail": lifecycle.reason}
    return JSONResponse(body, status_code=200 if ready else 503)


async def version(_request: Request) -> Response:
    from mlflow.version import VERSION  # importing any part of MLflow imports all of it

    return Response(VERSION, media_type="text/plain")


async def render_metrics(request: Request) -> Response:
    body, content_type = request.app.state.metrics.render(request.headers.get("accept", ""))
    return Response(body, headers={"content-type": content_type})


async def describe(request: Request) -> Response:
    runtime: Runtime = request.app.state.runtime
    if runtime.model is None:
        raise not_ready(runtime.lifecycle.reason)
    return JSONResponse(build_openapi(runtime.settings.name, _signature(runtime.model.metadata)))


def _signature(metadata: Any) -> dict[str, Any] | None:
    """The signature with inputs, outputs and params decoded: MLflow stores each as JSON text."""
    if metadata.signature is None:
        return None
    sides: dict[str, str | None] = metadata.signature.to_dict()
    return {side: json.loads(text) if text else None for side, text in sides.items()}


async def _serving_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ServingError)
    return error.response()


async def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = {404: "ENDPOINT_NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}.get(error.status_code, "BAD_REQUEST")
    return ServingError(error.status_code, code, str(error.detail)).response()
