"""Middleware of our own."""

from __future__ import annotations

from auditlog.middleware import AuditlogMiddleware
from django.http import HttpRequest


class AuditMiddleware(AuditlogMiddleware):  # type: ignore[misc]  # auditlog ships no types
    """Names the person in the audit trail, with the address of the connection.

    auditlog itself believes any X-Forwarded-For: anybody could write any address into the trail, or text that
    PostgreSQL's inet column refuses. Behind a proxy the server (granian) is told whom to believe.
    """

    @staticmethod
    def _get_remote_addr(request: HttpRequest) -> str | None:
        address: str | None = request.META.get("REMOTE_ADDR") or None
        return address
