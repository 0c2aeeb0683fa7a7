"""The parts of the OpenAPI document that all operations share."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers


class ErrorSerializer(serializers.Serializer[Any]):
    """The body of every error response."""

    code = serializers.CharField(help_text="Stable code of the error, for programs.")
    message = serializers.CharField(help_text="Description of the error, for people.")
    fields = serializers.DictField(  # type: ignore[assignment]  # the field of the answer, not of this class
        child=serializers.ListField(child=serializers.CharField()),
        help_text="Messages by dotted field name; empty if the error concerns no field.",
    )


ERRORS = {
    400: "The request is not valid; see fields.",
    401: "The token is missing or not valid.",
    403: "You may not do this, or the token is read-only.",
    404: "The object does not exist, or you may not see it.",
    409: "The request conflicts with the current state; see code.",
    429: "Too many requests; wait for the time in Retry-After.",
}
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[\x21-\x7e]+$"},
    OpenApiParameter.HEADER,
    description="A unique name for this request. Repeating it within 24 hours returns the first response.",
)
ETAG = OpenApiParameter(
    "ETag", str, OpenApiParameter.HEADER, description="Version of the content, for If-None-Match.", response=[200]
)


class PortalSchema(AutoSchema):
    """Documents what PortalAPIMixin adds to every view: errors, Idempotency-Key and ETag."""

    def get_override_parameters(self) -> list[Any]:
        parameters = [*super().get_override_parameters()]
        if self.method == "POST":
            parameters.append(IDEMPOTENCY_KEY)
        if self.method == "GET":
            parameters.append(ETAG)
        return parameters

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies = dict(super()._get_response_bodies(direction))
        if self.method == "GET":
            bodies["304"] = {"description": "The content still matches the ETag in If-None-Match."}
        # A 409 that a view declares itself gets the common shape of errors, too.
        own = [409] if bodies.pop("409", None) else []
        for code in [*self._error_codes(), *own]:
            response = OpenApiResponse(ErrorSerializer, ERRORS[code])
            bodies.setdefault(str(code), self._get_response_for_code(response, str(code)))  # type: ignore[no-untyped-call]
        return dict(sorted(bodies.items()))

    def _error_codes(self) -> list[int]:
        codes = [401, 403, 429]
        if "{" in self.path or self._is_list_view():
            codes.append(404)
        if self.method != "GET" or self._is_list_view() or self.get_override_parameters():
            codes.append(400)
        if self.method in ("POST", "PUT", "DELETE"):
            codes.append(409)
        return codes
