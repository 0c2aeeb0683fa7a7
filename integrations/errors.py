"""The one exception adapters raise when the outside world says no."""

from __future__ import annotations


class IntegrationError(Exception):
    """A call to an outside system did not do what was asked.

    ``permanent`` tells the caller whether trying again can help: only errors with
    ``permanent=False`` are retried. ``source`` names the system ("databricks", "terraform").
    ``code`` is the system's own error code (for example ``RESOURCE_DOES_NOT_EXIST``), or "".
    """

    def __init__(self, message: str, *, permanent: bool, source: str = "", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.permanent = permanent
        self.source = source
        self.code = code
