"""The OpenAPI document: what every operation has, said once."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers


class ErrorSerializer(serializers.Serializer[Any]):
    """Every error has this shape."""

    code = serializers.CharField(help_text="Stable, for programs.")
    message = serializers.CharField(help_text="For people.")
    fields = serializers.DictField(  # type: ignore[assignment]  # the field of the answer, not of this class
        child=serializers.ListField(child=serializers.CharField()),
        help_text="What is wrong, by dotted field name; empty where no field is at fault.",
    )


ERRORS = {
    400: "The request is not right: fields says why.",
    401: "No token, or one that is not valid.",
    403: "You may see this but not do it, or the token may only read.",
    404: "There is no such object, or you may not see it.",
    409: "Not now: code says why.",
    429: "Too many requests: wait as long as Retry-After says.",
}
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[\x21-\x7e]+$"},
    OpenApiParameter.HEADER,
    description="Names this request: sent again within 24 hours it is done once, and answered as the first time.",
)
ETAG = OpenApiParameter(
    "ETag", str, OpenApiParameter.HEADER, description="Of this content; send it back in If-None-Match.", response=[200]
)


class PortalSchema(AutoSchema):
    """Adds the errors, Idempotency-Key and ETag that PortalAPIMixin, which every view has, brings."""

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
            bodies["304"] = {"description": "Unchanged since the answer that had this ETag."}
        # What a view says itself has the one shape of errors, too.
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
