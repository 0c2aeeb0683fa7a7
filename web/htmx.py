"""Requests as django-htmx's middleware leaves them."""

from __future__ import annotations

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails


class HtmxRequest(HttpRequest):
    """For a view that answers htmx with a part of its page: ``request.htmx`` is true there, and false otherwise."""

    htmx: HtmxDetails
