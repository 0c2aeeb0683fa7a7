"""Middleware of the portal."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

from auditlog.middleware import AuditlogMiddleware
from django.conf import settings
from django.contrib.messages import get_messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event
from django_htmx.middleware import HtmxDetails

from web.templatetags.ui import message_tone

GetResponse = Callable[[HttpRequest], HttpResponse]


class AuditMiddleware(AuditlogMiddleware):  # type: ignore[misc]  # auditlog ships no types
    """Records the user and the address of the connection in the audit trail.

    auditlog's own middleware trusts X-Forwarded-For, so a client could record a false address, or text that
    PostgreSQL's inet column rejects. Behind a proxy, granian is configured with the trusted hosts.
    """

    @staticmethod
    def _get_remote_addr(request: HttpRequest) -> str | None:
        address: str | None = request.META.get("REMOTE_ADDR") or None
        return address


def _htmx(request: HttpRequest) -> HtmxDetails | None:
    """The htmx headers of the request; None if htmx did not send it."""
    details: HtmxDetails | None = getattr(request, "htmx", None)
    return details or None


def _page_of(details: HtmxDetails) -> str:
    """The path and query of the page that contains the fragment."""
    parts = urlsplit(details.current_url_abs_path or "/")
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def htmx_login(get_response: GetResponse) -> Callable[[HttpRequest], HttpResponse]:
    """If a fragment is requested after the session has ended, redirect the whole page to the log-in and back."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        details, login_url = _htmx(request), resolve_url(settings.LOGIN_URL)
        if details is None or urlsplit(response.headers.get("Location", "")).path != login_url:
            return response
        return HttpResponseClientRedirect(f"{login_url}?{urlencode({'next': _page_of(details)})}")

    return answer


def htmx_toasts(get_response: GetResponse) -> Callable[[HttpRequest], HttpResponse]:
    """Show the messages of a view that returns a fragment as toasts. A redirect keeps them for the next page."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        moves = 300 <= response.status_code < 400 or {"HX-Redirect", "HX-Refresh"} & set(response.headers)
        if moves or _htmx(request) is None:
            return response
        toasts = [{"text": str(message), "tone": message_tone(message.level_tag)} for message in get_messages(request)]
        if toasts:
            trigger_client_event(response, "toasts", {"value": toasts})
        return response

    return answer
