"""Ranges of time as the API takes them."""

from __future__ import annotations

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter
from rest_framework import exceptions
from rest_framework.request import Request

from monitoring.specs import RangeInvalid, TimeRange, parse_range

FROM = OpenApiParameter("from", str, description="Start of the range, ISO 8601 with a zone, in place of `range`.")
TO = OpenApiParameter("to", str, description="End of the range; now, if it is left out.")


def asked_range(request: Request, default: str) -> TimeRange:
    """Raises ValidationError."""
    given = request.query_params
    try:
        return parse_range(given.get("range", ""), given.get("from", ""), given.get("to", ""), timezone.now(), default)
    except RangeInvalid as invalid:
        raise exceptions.ValidationError({"range": [str(invalid)]}) from None
