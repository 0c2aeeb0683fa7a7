"""What the routes below ``/_sandbox/`` ask FastAPI for."""

from __future__ import annotations

from ipaddress import ip_address

from fastapi import Request

from sandbox.web.errors import denied


def from_this_machine(request: Request) -> None:
    """No token is asked for here, so the caller and the Host it names must be this machine (DNS rebinding)."""
    host = request.url.hostname or ""
    client = request.client.host if request.client else ""
    if host not in ("127.0.0.1", "localhost", "::1") or not ip_address(client).is_loopback:
        raise denied("This address answers to its own machine only.")
