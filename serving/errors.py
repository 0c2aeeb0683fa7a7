"""The error responses of the container: `{"error_code", "message"}` with a 4xx or 5xx status."""

from __future__ import annotations

from fastapi.responses import JSONResponse


class ServingError(Exception):
    """A rejected request: HTTP status, stable code, message for people, optional Retry-After in seconds."""

    def __init__(self, status: int, code: str, message: str, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after_s = retry_after_s

    def response(self) -> JSONResponse:
        headers = {} if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}
        body = {"error_code": self.code, "message": self.message}
        return JSONResponse(body, status_code=self.status, headers=headers)


def bad_request(message: str) -> ServingError:
    return ServingError(400, "BAD_REQUEST", message)


def unsupported_media_type(message: str) -> ServingError:
    return ServingError(415, "UNSUPPORTED_MEDIA_TYPE", message)


def body_too_large(limit_bytes: int) -> ServingError:
    return ServingError(413, "MAX_REQUEST_SIZE_EXCEEDED", f"The request body is larger than {limit_bytes} bytes.")


def not_ready(reason: str) -> ServingError:
    return ServingError(503, "TEMPORARILY_UNAVAILABLE", reason, retry_after_s=1)


def too_many_requests(limit: int) -> ServingError:
    message = f"{limit} requests are already running or waiting. Try again later."
    return ServingError(429, "RESOURCE_EXHAUSTED", message, retry_after_s=1)


def prediction_timeout(timeout_s: float) -> ServingError:
    return ServingError(504, "DEADLINE_EXCEEDED", f"The prediction took longer than {timeout_s:g} s.")
