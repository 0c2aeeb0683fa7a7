"""DRF classes that all API views share: strict JSON parser, renderer, pagination, filters and error shape."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DataError
from django.http import Http404
from django_filters import CharFilter
from rest_framework import exceptions, filters, metadata, pagination, parsers, renderers
from rest_framework.request import Request
from rest_framework.response import Response


class ORJSONRenderer(renderers.BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        if data is None:
            return b""
        return orjson.dumps(data, default=str, option=orjson.OPT_NON_STR_KEYS)


class StrictJSONParser(parsers.BaseParser):
    """JSON by RFC 8259: UTF-8, no NaN, no trailing text.

    Rejects NUL characters, which PostgreSQL cannot store, and bodies nested deeper than MAX_DEPTH.
    """

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        body = stream.read()
        try:
            data = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise exceptions.ParseError(f"The body is not JSON: {error}") from None
        if b"\\u0000" in body and _has_nul(data):
            raise exceptions.ParseError("The body contains a null character.")
        if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _is_deeper_than(data, MAX_DEPTH):
            raise exceptions.ParseError(f"The body is nested deeper than {MAX_DEPTH} levels.")
        return data


MAX_DEPTH = 100


def _inner(values: list[Any]) -> list[Any]:
    """The values one level below ``values``: elements of lists, keys and values of objects."""
    below: list[Any] = []
    for value in values:
        if isinstance(value, dict):
            below += [*value.keys(), *value.values()]
        elif isinstance(value, list):
            below += value
    return below


def _has_nul(data: Any) -> bool:
    level = [data]
    while level:
        if any(isinstance(value, str) and "\x00" in value for value in level):
            return True
        level = _inner(level)
    return False


def _is_deeper_than(data: Any, depth: int) -> bool:
    level = [data]
    for _ in range(depth):
        level = [value for value in _inner(level) if isinstance(value, dict | list)]
    return bool(level)


class CursorPagination(pagination.CursorPagination):
    """Pages of 50 rows by default and 200 at most, newest first unless ``?ordering=`` is given."""

    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"
    ordering = "-pk"

    def get_page_size(self, request: Request) -> int:
        """The requested size, capped at ``max_page_size``. Raises ValidationError if it is not a positive integer."""
        asked = request.query_params.get(self.page_size_query_param)
        if asked is None:
            return self.page_size
        if not re.fullmatch(r"[0-9]{1,9}", asked) or int(asked) < 1:
            raise exceptions.ValidationError({self.page_size_query_param: ["Enter a positive whole number."]})
        return min(int(asked), self.max_page_size)

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        """Raises NotFound for a malformed cursor, even if only the database rejects it."""
        try:
            return super().paginate_queryset(queryset, request, view)
        except (ValueError, ValidationError, DataError):
            if not request.query_params.get(self.cursor_query_param):
                raise
            raise exceptions.NotFound(self.invalid_cursor_message) from None


class StrictOrderingFilter(filters.OrderingFilter):
    """Rejects ``?ordering=`` by an unknown field; DRF would ignore it."""

    def remove_invalid_fields(self, queryset: Any, fields: Any, view: Any, request: Request) -> list[str]:
        valid = [name for name, _ in self.get_valid_fields(queryset, view, {"request": request})]
        unknown = [field for field in fields if field.lstrip("-") not in valid]
        if unknown:
            raise exceptions.ValidationError({"ordering": [f"Order by one of: {', '.join(valid)}."]})
        return list(fields)


class StrictQueryFilter(filters.BaseFilterBackend):
    """Rejects unknown query parameters of a list: a misspelled filter must not widen the result.

    A view names the parameters it reads besides filters, order and page in ``query_parameters``.
    """

    PAGE = frozenset({"cursor", "page_size", "ordering", "format"})

    def filter_queryset(self, request: Request, queryset: Any, view: Any) -> Any:
        declared = getattr(getattr(view, "filterset_class", None), "base_filters", {})
        searched = {"q"} if getattr(view, "search_fields", None) else set()
        known = {*self.PAGE, *getattr(view, "query_parameters", ()), *declared, *searched}
        errors = {name: ["Unknown parameter."] for name in set(request.query_params) - known}
        for name, declaration in declared.items():
            if request.query_params.get(name) == "" and not isinstance(declaration, CharFilter):
                errors[name] = ["Enter a value, or leave the parameter out."]
        if errors:
            raise exceptions.ValidationError(errors)
        return queryset

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """No parameters of its own."""
        return []


class Metadata(metadata.SimpleMetadata):
    """The response to OPTIONS."""

    def determine_actions(self, request: Request, view: Any) -> Any:
        """Skip DRF's lookup of the object that a PUT would change: it fails for URLs without an object."""
        if (view.lookup_url_kwarg or view.lookup_field) not in view.kwargs:
            vars(view)["get_object"] = lambda: None
        return super().determine_actions(request, view)


def _messages(detail: Any) -> Any:
    """Flatten DRF's error details to {field: [message]} with dotted names for nested fields."""
    if not isinstance(detail, Mapping):
        return {}
    fields: dict[str, list[str]] = {}
    for name, value in detail.items():
        if isinstance(value, Mapping):
            fields.update({f"{name}.{inner}": text for inner, text in _messages(value).items()})
        else:
            fields[str(name)] = [str(item) for item in (value if isinstance(value, list) else [value])]
    return fields


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Every error as ``{"code", "message", "fields"}``; ``fields`` is {name: [message]}."""
    # Imported late: DRF's views import the classes named in the settings, including this module's.
    from rest_framework.views import exception_handler as drf_exception_handler
    from rest_framework.views import set_rollback

    if isinstance(error, Http404):
        error = exceptions.NotFound("The object does not exist, or you may not see it.")
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied(str(error) or None)
    response = drf_exception_handler(error, context)
    if response is None or not isinstance(error, exceptions.APIException):
        return response
    set_rollback()
    fields = _messages(error.detail)
    general = fields.pop("non_field_errors", [])
    if isinstance(error.detail, str):
        message = str(error.detail)
    elif isinstance(error.detail, list):
        message = " ".join(str(item) for item in error.detail)
    else:
        message = " ".join(general) or "Some fields are not valid."
    codes = error.get_codes()
    code = codes if isinstance(codes, str) else "invalid"
    response.data = {"code": code, "message": message, "fields": fields}
    return response
