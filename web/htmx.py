"""The type of requests that have passed django-htmx's middleware."""

from __future__ import annotations

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails


class HtmxRequest(HttpRequest):
    """For views that return a fragment to htmx: ``request.htmx`` is true if htmx sent the request."""

    htmx: HtmxDetails
