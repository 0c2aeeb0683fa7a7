"""A logged-in connection to a workspace. All calls go through it, and all failures become IntegrationError."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests

from integrations.databricks.credentials import Credentials
from integrations.databricks.decoding import mapping
from integrations.errors import IntegrationError

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

MESSAGE_CHARS = 500
MAX_PAGES = 10_000


def failure(message: str, *, permanent: bool, code: str) -> IntegrationError:
    return IntegrationError(message[:MESSAGE_CHARS], permanent=permanent, source="databricks", code=code)


def segment(value: str) -> str:
    """``value`` as one path segment. Raises IntegrationError for dots and NUL characters, which could leave it."""
    if not value.strip(".") or "\x00" in value:
        raise failure(f"{value!r} is not a name.", permanent=True, code="INVALID_PARAMETER_VALUE")
    return quote(value, safe="")


class Connection:
    """Logs in at the first call, because that costs the SDK's import of 2.5 s and some requests.

    ``retry_timeout_s`` limits the SDK's own retries after 429, 503 and lost connections (its default is 300 s).
    The minimum is 1, because 0 selects the SDK's default.
    """

    def __init__(
        self, host: str, credentials: Credentials, *, http_timeout_s: float = 30, retry_timeout_s: int = 60
    ) -> None:
        self.host = host.rstrip("/")
        self.http_timeout_s = http_timeout_s
        self._credentials = credentials
        self._retry_timeout_s = max(1, retry_timeout_s)
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.host!r}, {self._credentials!r})"

    @cached_property
    def _connected(self) -> WorkspaceClient:
        # Imported late: web processes and `manage.py` commands do not need to spend 2.5 s and 100 MB.
        from databricks.sdk import WorkspaceClient
        from databricks.sdk.config import Config

        arguments: dict[str, Any] = dict(self._credentials.sdk_arguments())
        try:
            config = Config(
                host=self.host,
                product="slipway",
                product_version="1.0",
                http_timeout_seconds=self.http_timeout_s,
                retry_timeout_seconds=self._retry_timeout_s,
                **arguments,
            )
        except ValueError as error:
            # The credentials are complete, so the error comes from the host's answer.
            message = f"logging in to {self.host}: the host did not answer like a Databricks workspace"
            raise failure(message, permanent=False, code="CANNOT_LOG_IN") from error
        return WorkspaceClient(config=config)

    @property
    def client(self) -> WorkspaceClient:
        with self._lock:
            return self._connected

    def do(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Mapping[str, Any]:
        """Call ``path`` and return the JSON object in the response. Raises IntegrationError."""
        arguments = {
            "query": dict(query) if query else None,
            "body": dict(body) if body is not None else None,
        }
        return mapping(self._guarded(method, path, arguments))

    def download(self, path: str, *, max_bytes: int) -> bytes | None:
        """The file at ``path`` of the Files API; None if it is larger than ``max_bytes``. Raises IntegrationError."""
        answer = self._guarded("GET", f"/api/2.0/fs/files{quote(path)}", {"raw": True})
        stream = answer["contents"]
        try:
            content: bytes = stream.read(max_bytes + 1)
        except requests.RequestException as error:
            raise failure(f"reading {path}: connection lost", permanent=False, code="LOST") from error
        finally:
            stream.close()
        return None if len(content) > max_bytes else content

    def text(self, path: str, *, accept: str = "text/plain", max_bytes: int = 16 * 2**20) -> str:
        """The response of ``path`` as text, truncated to ``max_bytes``. Raises IntegrationError."""
        answer = self._guarded("GET", path, {"raw": True}, accept)
        stream = answer["contents"]
        try:
            content: bytes = stream.read(max_bytes)
        except requests.RequestException as error:
            raise failure(f"reading {path}: connection lost", permanent=False, code="LOST") from error
        finally:
            stream.close()
        return content.decode(errors="replace")

    def pages(self, path: str, *, query: Mapping[str, Any] | None = None) -> Iterator[Mapping[str, Any]]:
        """All pages, until a page has no token. An empty page can have a token."""
        parameters = dict(query or {})
        for _ in range(MAX_PAGES):
            page = self.do("GET", path, query=parameters)
            yield page
            token = page.get("next_page_token")
            if not token or token == parameters.get("page_token"):
                return
            parameters["page_token"] = token

    def _guarded(self, method: str, path: str, arguments: Mapping[str, Any], accept: str = "application/json") -> Any:
        client = self.client
        from databricks.sdk.errors.base import DatabricksError

        action = f"{method} {path}"
        try:
            return client.api_client.do(method, path, headers={"Accept": accept}, **arguments)
        except DatabricksError as error:
            raise _translated(error, action) from error
        except TimeoutError as error:
            cause = error.__cause__
            if isinstance(cause, DatabricksError):
                raise _translated(cause, action) from error
            raise failure(f"{action}: no answer in time", permanent=False, code="TIMEOUT") from error
        except (requests.RequestException, ValueError) as error:
            # ValueError: the token endpoint refused, or the answer is not JSON. Both can be temporary.
            message = f"{action}: {type(error).__name__}"
            raise failure(message, permanent=False, code="UNEXPECTED_ANSWER") from error


def _translated(error: Any, action: str) -> IntegrationError:
    """Convert an exception of the SDK to IntegrationError; its type decides whether it is permanent."""
    from databricks.sdk import errors

    permanent = (
        errors.BadRequest,
        errors.Unauthenticated,
        errors.PermissionDenied,
        errors.NotFound,
        errors.NotImplemented,
        errors.AlreadyExists,
        errors.ResourceAlreadyExists,
    )
    code = error.error_code or _code_of_type(type(error).__name__)
    return failure(f"{action}: {error}", permanent=isinstance(error, permanent), code=str(code))


def _code_of_type(name: str) -> str:
    """NotFound → NOT_FOUND."""
    return "".join(f"_{char}" if char.isupper() else char for char in name).strip("_").upper()
