"""Mixins of API views: Idempotency-Key on POST, ETag on GET, the errors of services as API errors."""

from __future__ import annotations

import hashlib
from typing import Any, TypeVar, cast

import orjson
from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import Model
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.http import parse_etags, quote_etag
from rest_framework import exceptions, status
from rest_framework.filters import OrderingFilter, SearchFilter
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from web import idempotency
from web.errors import Invalid, Refused

KEY_HEADER = "Idempotency-Key"


class Conflict(exceptions.APIException):
    """409: the request is valid, but conflicts with the current state."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"
    default_detail = "The request conflicts with the current state of the object."


class _AnsweredBefore(Exception):
    def __init__(self, answer: idempotency.Answer) -> None:
        super().__init__()
        self.answer = answer


class ServiceErrorsMixin(APIView):
    """Turns errors of services into responses: ``Invalid`` to a 400 with its fields, ``Refused`` to a 409."""

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, Invalid):
            exc = exceptions.ValidationError({name: list(texts) for name, texts in exc.fields.items()})
        elif isinstance(exc, Refused):
            exc = Conflict(exc.message, exc.code)
        return super().handle_exception(exc)


class IdempotentPostMixin(APIView):
    """Honours the header ``Idempotency-Key`` on POST, for 24 hours and per user.

    A request with the same key and content gets the first response again, with ``Idempotent-Replayed: true``.
    The answer is 409 if the content differs, or while the first request still runs. Only successful responses are
    kept, so a failed request can be sent again.
    """

    #: Names of response fields that are never stored; a replayed response has null there.
    idempotency_secrets: tuple[str, ...] = ()
    _claimed: idempotency.IdempotencyKey | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        key = request.headers.get(KEY_HEADER)
        if request.method == "POST" and key is not None and isinstance(request.user, AbstractBaseUser):
            self._claimed = self._claim(request, request.user, key)

    def _claim(self, request: Request, user: AbstractBaseUser, key: str) -> idempotency.IdempotencyKey:
        asked = idempotency.fingerprint("POST", request.get_full_path(), request.data)
        try:
            claimed = idempotency.claim(user_id=user.pk, key=key, fingerprint=asked)
        except idempotency.KeyMalformed:
            message = "Use 1 to 255 visible ASCII characters."
            raise exceptions.ValidationError({KEY_HEADER: [message]}) from None
        except idempotency.KeyReused:
            message = "This key was already used for a different request. Use a new key."
            raise Conflict(message, "idempotency_key_reused") from None
        except idempotency.StillRunning:
            message = "The first request with this key is still running. Try again in a moment."
            raise Conflict(message, "idempotency_key_in_use") from None
        if isinstance(claimed, idempotency.Answer):
            raise _AnsweredBefore(claimed)
        return claimed

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, _AnsweredBefore):
            headers = {"Idempotent-Replayed": "true"}
            if exc.answer.location:
                headers["Location"] = exc.answer.location
            return Response(exc.answer.body, status=exc.answer.status_code, headers=headers)
        try:
            return super().handle_exception(exc)
        except Exception:
            self._release()
            raise

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        answered = super().finalize_response(request, response, *args, **kwargs)
        if self._claimed is not None:
            self._settle(answered)
        return answered

    def _settle(self, response: Response) -> None:
        if self._claimed is None or not status.is_success(response.status_code):
            return self._release()
        kept = idempotency.without(response.data, self.idempotency_secrets)
        body = orjson.loads(orjson.dumps(kept, default=str, option=orjson.OPT_NON_STR_KEYS))
        answer = idempotency.Answer(response.status_code, body, response.headers.get("Location", ""))
        idempotency.settle(self._claimed, answer)
        return None

    def _release(self) -> None:
        if self._claimed is not None:
            idempotency.release(self._claimed)


class ETagMixin(APIView):
    """Adds an ETag of the content to every successful GET; a matching ``If-None-Match`` gets an empty 304."""

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        answered = super().finalize_response(request, response, *args, **kwargs)
        if request.method in ("GET", "HEAD") and isinstance(answered, Response):  # not for files and streams
            wanted = parse_etags(request.headers.get("If-None-Match", ""))
            answered.add_post_render_callback(lambda rendered: _conditional(rendered, wanted))
        return answered


def _conditional(response: HttpResponse, wanted: list[str]) -> HttpResponse | None:
    if response.status_code != status.HTTP_200_OK:
        return None
    etag = quote_etag(hashlib.sha256(response.content).hexdigest()[:32])
    response.headers["ETag"] = etag
    # Weak comparison (RFC 9110 13.1.2): a proxy that compresses turns our strong tags into weak ones.
    if "*" not in wanted and etag not in [tag.removeprefix("W/") for tag in wanted]:
        return None
    unchanged = HttpResponse(status=status.HTTP_304_NOT_MODIFIED)
    for name in ("ETag", "Vary", "Cache-Control"):
        if name in response.headers:
            unchanged.headers[name] = response.headers[name]
    return unchanged


class PortalAPIMixin(ServiceErrorsMixin, IdempotentPostMixin, ETagMixin):
    """The base of every API view. List it first: ``class RunViewSet(PortalAPIMixin, ModelViewSet)``."""


# A primary key has up to 18 digits; the database's integers hold no more.
ID = "[0-9]{1,18}"
M = TypeVar("M", bound=Model)


class ByIdMixin(GenericAPIView[M]):
    """Finds one object by its id in ``get_queryset``. The filters of the list do not apply to it."""

    lookup_value_regex = ID

    def get_object(self) -> M:
        return get_object_or_404(self.get_queryset(), pk=int(self.kwargs["pk"]))


# Without the search backend: `q` is already one of the filters, and the document would list it twice.
BACKENDS: list[Any] = [b for b in cast(Any, api_settings.DEFAULT_FILTER_BACKENDS) if not issubclass(b, SearchFilter)]

PAGERS = [backend for backend in BACKENDS if not issubclass(backend, OrderingFilter)]
