"""Errors as a Databricks workspace answers them: ``{"error_code", "message", "details"}``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from sandbox.web.unimplemented import is_known_but_unimplemented

REQUEST_INFO_TYPE = "type.googleapis.com/google.rpc.RequestInfo"
ERROR_INFO_TYPE = "type.googleapis.com/google.rpc.ErrorInfo"


class ApiError(Exception):
    """An error response. ``details`` are google.rpc messages in JSON with their ``@type``."""

    def __init__(self, status: int, error_code: str, message: str, details: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.error_code = error_code
        self.message = message
        self.details = tuple(details)


def invalid(message: str) -> ApiError:
    return ApiError(400, "INVALID_PARAMETER_VALUE", message)


def not_found(message: str) -> ApiError:
    return ApiError(404, "RESOURCE_DOES_NOT_EXIST", message)


def already_exists(message: str) -> ApiError:
    return ApiError(409, "RESOURCE_ALREADY_EXISTS", message)


def denied(message: str) -> ApiError:
    return ApiError(403, "PERMISSION_DENIED", message)


def unauthenticated(message: str) -> ApiError:
    return ApiError(401, "UNAUTHENTICATED", message)


def envelope(error: ApiError, request_id: str) -> dict[str, Any]:
    """The body of an error response. The last detail is the RequestInfo of the request."""
    request_info = {"@type": REQUEST_INFO_TYPE, "request_id": request_id, "serving_data": ""}
    return {
        "error_code": error.error_code,
        "message": error.message,
        "details": [*(dict(detail) for detail in error.details), request_info],
    }


def error_response(request: Request, error: ApiError) -> JSONResponse:
    return JSONResponse(envelope(error, request.scope.get("request_id", "")), status_code=error.status)


def install_handlers(app: FastAPI) -> None:
    app.add_exception_handler(ApiError, _on_api_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(Exception, _on_crash)


async def _on_api_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)
    return error_response(request, error)


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    method, path = request.method, request.url.path
    if error.status_code not in (404, 405):
        return error_response(request, ApiError(error.status_code, "BAD_REQUEST", str(error.detail)))
    if is_known_but_unimplemented(method, path):
        return error_response(
            request, ApiError(501, "NOT_IMPLEMENTED", f"The sandbox does not implement {method} {path}.")
        )
    return error_response(request, ApiError(404, "ENDPOINT_NOT_FOUND", f"No API found for '{method} {path}'"))


async def _on_invalid_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    problem = jsonable_encoder(error.errors())[0]
    if problem["type"] == "json_invalid":
        return error_response(
            request, ApiError(400, "MALFORMED_REQUEST", "Invalid JSON given in the body of the request")
        )
    name = ".".join(str(part) for part in problem["loc"][1:]) or "body"
    if problem["type"] == "missing":
        return error_response(request, invalid(f"Missing required field: {name}"))
    return error_response(request, invalid(f"Invalid value for '{name}': {problem['msg']}"))


async def _on_crash(request: Request, error: Exception) -> JSONResponse:
    return error_response(request, ApiError(500, "INTERNAL_ERROR", "Internal error. The sandbox's log has the cause."))
