"""API of your own API tokens."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.people.permissions import user_of
from accounts.tokens.models import AccessToken
from accounts.tokens.serializers import CreatedTokenSerializer, NewTokenSerializer, TokenSerializer
from accounts.tokens.services import create_token, revoke_token
from web.api import PortalAPIMixin


class TokenViewSet(
    PortalAPIMixin,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    viewsets.GenericViewSet[AccessToken],
):
    """Your API tokens. The token itself is returned once, on creation; a replayed POST returns null."""

    queryset = AccessToken.objects.none()
    serializer_class = TokenSerializer
    idempotency_secrets = ("token",)
    search_fields = ["name"]
    ordering_fields = ["name", "created", "expiry", "last_used_at"]
    ordering = "-created"

    def get_queryset(self) -> QuerySet[AccessToken]:
        tokens: QuerySet[AccessToken] = AccessToken.objects.filter(user=user_of(self.request))
        return tokens

    @extend_schema(request=NewTokenSerializer, responses={201: CreatedTokenSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        asked = NewTokenSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        token, plain_text = create_token(user=user_of(request), **asked.validated_data)
        token.token = plain_text
        response = Response(CreatedTokenSerializer(token).data, status=status.HTTP_201_CREATED)
        response.headers["Cache-Control"] = "no-store"
        return response

    def perform_destroy(self, instance: AccessToken) -> None:
        revoke_token(user=user_of(self.request), token=instance)
