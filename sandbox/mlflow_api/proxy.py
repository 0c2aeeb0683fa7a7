"""MLflow's own API: authenticates requests and forwards them to the MLflow child.

Clients with the tracking URI ``databricks`` call it through databricks-sdk. They read artifacts through the Files API,
so they get other artifact URIs (see ``sandbox.mlflow.artifacts``).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import httpx
from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException

from sandbox.identity.dependencies import CurrentPrincipal
from sandbox.identity.principals import Principal
from sandbox.mlflow import artifacts
from sandbox.mlflow.server import MlflowServer
from sandbox.unity_catalog.models.facade import Models
from sandbox.unity_catalog.securables import names
from sandbox.web.errors import ApiError

router = APIRouter()
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]
NOT_PASSED_ON = frozenset(
    ("authorization", "connection", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade")
)
DECODED = frozenset(("content-encoding", "content-length"))
WORKSPACE_CLIENT = "databricks-sdk"
UC_PREFIX = "unity-catalog/"
CHANGES_OF_MODELS = frozenset(
    ("registered-models/create", "registered-models/rename", "registered-models/delete", "model-versions/create")
)


@router.api_route("/api/2.0/mlflow-artifacts/{path:path}", methods=METHODS)
async def artifacts_of_mlflow(path: str, request: Request, _: CurrentPrincipal) -> Response:
    """Streams files in both directions."""
    return await _stream(request, request.stream() if request.method in ("PUT", "POST", "PATCH") else None)


@router.api_route("/api/2.0/mlflow/{path:path}", methods=METHODS)
async def tracking_and_registry(path: str, request: Request, who: CurrentPrincipal) -> Response:
    if path.startswith(UC_PREFIX):
        raise HTTPException(404)
    return await _call(request, path, who)


@router.api_route("/api/3.0/mlflow/{path:path}", methods=METHODS)
async def newer_api(path: str, request: Request, who: CurrentPrincipal) -> Response:
    return await _call(request, path, who)


async def _call(request: Request, path: str, who: Principal) -> Response:
    """Forwards a JSON call: translates artifact URIs both ways and tells Unity Catalog about changes to models."""
    body = artifacts.for_server((await request.body()).decode(errors="surrogateescape"))
    answer = await _send(request, body.encode(errors="surrogateescape"))
    if _is_page(answer):
        raise HTTPException(404)
    text = answer.text
    if answer.is_success and request.method in ("POST", "PATCH", "DELETE"):
        await asyncio.to_thread(_tell_models, request.app.state.models, path, who, body, text)
    is_workspace_client = WORKSPACE_CLIENT in request.headers.get("user-agent", "")
    shown = artifacts.for_workspace_client(text) if is_workspace_client else artifacts.for_plain_client(text)
    return Response(shown, status_code=answer.status_code, headers=_passed_on(answer.headers, DECODED))


def _tell_models(models: Models, path: str, who: Principal, body: str, answer: str) -> None:
    if path not in CHANGES_OF_MODELS:
        return
    sent: dict[str, Any] = json.loads(body)
    name = str(sent.get("name", ""))
    if not names.is_model_name(name):
        return
    if path == "registered-models/create":
        models.adopt(name, who)
    elif path == "model-versions/create":
        models.adopt_version(name, json.loads(answer)["model_version"], who)
    else:
        models.forget(name, str(sent.get("new_name", "")))


async def _send(request: Request, body: bytes) -> httpx.Response:
    server: MlflowServer = request.app.state.mlflow
    try:
        return await server.client.request(
            request.method,
            _target(request),
            content=body,
            headers=_passed_on(request.headers, DECODED),
        )
    except httpx.TransportError as error:
        raise _unreachable() from error


async def _stream(request: Request, content: Any) -> Response:
    client: httpx.AsyncClient = request.app.state.mlflow.client
    without = frozenset() if content is not None else DECODED
    built = client.build_request(
        request.method, _target(request), content=content, headers=_passed_on(request.headers, without)
    )
    try:
        answer = await client.send(built, stream=True)
    except httpx.TransportError as error:
        raise _unreachable() from error
    if _is_page(answer):
        await answer.aclose()
        raise HTTPException(404)
    return StreamingResponse(
        answer.aiter_raw(),
        status_code=answer.status_code,
        headers=_passed_on(answer.headers, frozenset()),
        background=BackgroundTask(answer.aclose),
    )


def _target(request: Request) -> str:
    """Path and query exactly as the client sent them."""
    path, query = request.scope["raw_path"].decode("ascii"), request.scope["query_string"].decode("ascii")
    return f"{path}?{query}" if query else path


def _passed_on(headers: Mapping[str, str], but: frozenset[str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in NOT_PASSED_ON | but}


def _is_page(answer: httpx.Response) -> bool:
    """Whether MLflow answered with an HTML page, as it does for an unknown path or method."""
    return answer.status_code in (404, 405) and "json" not in answer.headers.get("content-type", "")


def _unreachable() -> ApiError:
    return ApiError(503, "TEMPORARILY_UNAVAILABLE", "The MLflow server does not answer.")
