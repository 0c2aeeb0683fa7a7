"""REST calls to the workspace over databricks-sdk, configured only by environment variables."""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
import time
import types
from functools import cached_property
from typing import Any

from standin_databricks import VERSION

HTTP_TIMEOUT_S = 65
RETRY_TIMEOUT_S = 300
# Config() requests metadata from the host with its own client, which StopProvider cannot interrupt.
METADATA_TIMEOUT_S = 5


class StoppedError(Exception):
    """Terraform stopped the provider while it was waiting."""


class ApiError(Exception):
    """The workspace rejected a call, or did not answer, in which case ``code`` is ""."""

    def __init__(self, message: str, *, code: str = "", is_not_found: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.is_not_found = is_not_found


class StopClock:
    """A clock for the SDK whose sleep ends immediately when Terraform stops the provider."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def time(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise StoppedError("interrupted while waiting to try again")


class Workspace:
    """Connects at the first call, because planning a new resource does not need the workspace."""

    def __init__(self, stop: threading.Event) -> None:
        self.stop = stop
        self._connecting = threading.Lock()

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Make an API call. 429, 503 and connection errors are retried for ``RETRY_TIMEOUT_S`` seconds."""
        with self._connecting:
            api, errors = self._connection
        try:
            answer = api.do(method, path, body=body)
        except errors.DatabricksError as error:
            raise ApiError(
                str(error), code=str(error.error_code or ""), is_not_found=isinstance(error, errors.NotFound)
            ) from error
        except (OSError, ValueError) as error:
            raise ApiError(f"no usable answer to {method} {path}: {error}") from error
        return answer if isinstance(answer, dict) else {}

    @cached_property
    def current_user(self) -> str:
        """User name of the caller; the application id for a service principal."""
        return str(self.call("GET", "/api/2.0/preview/scim/v2/Me").get("userName", ""))

    @cached_property
    def _connection(self) -> tuple[Any, Any]:
        _skip_service_imports()
        # Imported late: the SDK takes 0.4 s, and most provider processes only validate or plan.
        from databricks.sdk import core, errors

        try:
            config = core.Config(
                clock=StopClock(self.stop),  # type: ignore[arg-type]  # not a subclass: the SDK is imported late
                retry_timeout_seconds=METADATA_TIMEOUT_S,
                http_timeout_seconds=HTTP_TIMEOUT_S,
                product="databricks-tf-provider-standin",
                product_version=VERSION,
            )
        except ValueError as error:
            raise ApiError(f"provider configuration: {error}") from error
        config.retry_timeout_seconds = RETRY_TIMEOUT_S
        return core.ApiClient(config), errors


def _skip_service_imports() -> None:
    """Replace ``databricks/sdk/__init__.py``, which imports all services and costs 2.5 s and 100 MB."""
    if "databricks.sdk" in sys.modules:
        return
    parent = importlib.util.find_spec("databricks")
    if parent is None or not parent.submodule_search_locations:
        return
    package = types.ModuleType("databricks.sdk")
    package.__path__ = [os.path.join(place, "sdk") for place in parent.submodule_search_locations]
    sys.modules["databricks.sdk"] = package
