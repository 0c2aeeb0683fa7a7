"""FastAPI dependencies of the routes below ``/_sandbox/``."""

from __future__ import annotations

from ipaddress import ip_address

from fastapi import Request

from sandbox.web.errors import denied


def from_this_machine(request: Request) -> None:
    """Raises ApiError 403 if the client or the Host header is not this machine.

    These routes need no token. The check of the Host header prevents DNS rebinding.
    """
    host = request.url.hostname or ""
    client = request.client.host if request.client else ""
    if host not in ("127.0.0.1", "localhost", "::1") or not ip_address(client).is_loopback:
        raise denied("This address answers requests from its own machine only.")
