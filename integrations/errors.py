"""The exception that all adapters raise."""

from __future__ import annotations


class IntegrationError(Exception):
    """A call to an external system failed.

    ``permanent`` is True if a retry cannot succeed: only errors with ``permanent=False`` are retried.
    ``source`` names the system ("databricks", "terraform"). ``code`` is the system's error code, for example
    ``RESOURCE_DOES_NOT_EXIST``, or "".
    """

    def __init__(self, message: str, *, permanent: bool, source: str = "", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.permanent = permanent
        self.source = source
        self.code = code
