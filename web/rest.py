"""What every API view shares: one error shape, strict JSON in, fast JSON out, cursor pages."""

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
    """JSON as RFC 8259 has it: no NaN, no trailing text, UTF-8.

    NUL characters, which PostgreSQL cannot keep, and bodies nested deeper than MAX_DEPTH are refused here, for all.
    """

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        body = stream.read()
        try:
            data = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise exceptions.ParseError(f"The body is not JSON: {error}") from None
        if b"\\u0000" in body and _has_nul(data):
            raise exceptions.ParseError("The body has a null character.")
        if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _is_deeper_than(data, MAX_DEPTH):
            raise exceptions.ParseError(f"The body is nested deeper than {MAX_DEPTH} levels.")
        return data


MAX_DEPTH = 100


def _inner(values: list[Any]) -> list[Any]:
    """What stands in ``values`` one level down: elements of lists, keys and values of objects."""
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
    """Pages of 50, at most 200, newest first unless ``?ordering=`` says otherwise."""

    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"
    ordering = "-pk"

    def get_page_size(self, request: Request) -> int:
        """Raises ValidationError for what is no positive number; more than the most is the most."""
        asked = request.query_params.get(self.page_size_query_param)
        if asked is None:
            return self.page_size
        if not re.fullmatch(r"[0-9]{1,9}", asked) or int(asked) < 1:
            raise exceptions.ValidationError({self.page_size_query_param: ["Write a positive whole number."]})
        return min(int(asked), self.max_page_size)

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        """A cursor that somebody wrote by hand is a 404, whatever the database makes of it."""
        try:
            return super().paginate_queryset(queryset, request, view)
        except (ValueError, ValidationError, DataError):
            if not request.query_params.get(self.cursor_query_param):
                raise
            raise exceptions.NotFound(self.invalid_cursor_message) from None


class StrictOrderingFilter(filters.OrderingFilter):
    """``?ordering=`` by a field that the view does not offer is refused, not ignored."""

    def remove_invalid_fields(self, queryset: Any, fields: Any, view: Any, request: Request) -> list[str]:
        valid = [name for name, _ in self.get_valid_fields(queryset, view, {"request": request})]
        unknown = [field for field in fields if field.lstrip("-") not in valid]
        if unknown:
            raise exceptions.ValidationError({"ordering": [f"Order by one of: {', '.join(valid)}."]})
        return list(fields)


class StrictQueryFilter(filters.BaseFilterBackend):
    """A query parameter that a list does not know is refused: a typing error must not widen what somebody gets.

    A view that reads more than its filters, order and page names it in ``query_parameters``.
    """

    PAGE = frozenset({"cursor", "page_size", "ordering", "format"})

    def filter_queryset(self, request: Request, queryset: Any, view: Any) -> Any:
        declared = getattr(getattr(view, "filterset_class", None), "base_filters", {})
        searched = {"q"} if getattr(view, "search_fields", None) else set()
        known = {*self.PAGE, *getattr(view, "query_parameters", ()), *declared, *searched}
        errors = {name: ["There is no such parameter."] for name in set(request.query_params) - known}
        for name, declaration in declared.items():
            if request.query_params.get(name) == "" and not isinstance(declaration, CharFilter):
                errors[name] = ["Write a value, or leave the parameter out."]
        if errors:
            raise exceptions.ValidationError(errors)
        return queryset

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """It adds none."""
        return []


class Metadata(metadata.SimpleMetadata):
    """What OPTIONS answers."""

    def determine_actions(self, request: Request, view: Any) -> Any:
        """DRF looks up the object that a PUT would change, and fails where the address names none."""
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


def _code(error: exceptions.APIException) -> str:
    codes = error.get_codes()
    return codes if isinstance(codes, str) else "invalid"


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Every error as ``{"code", "message", "fields"}``; ``fields`` is {name: [message]}."""
    # Late: DRF's views import the classes that the settings name, this module's among them.
    from rest_framework.views import exception_handler as drf_exception_handler
    from rest_framework.views import set_rollback

    if isinstance(error, Http404):
        error = exceptions.NotFound("There is no such object, or you may not see it.")
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
        message = " ".join(general) or "Some fields are not right."
    response.data = {"code": _code(error), "message": message, "fields": fields}
    return response
