"""API of the current user."""

from __future__ import annotations

from django.db.models import prefetch_related_objects
from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.utils import extend_schema
from rest_framework import viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.people.permissions import user_of
from accounts.signin.serializers import MeSerializer
from accounts.tokens.models import AccessToken
from web.api import PortalAPIMixin


class MeViewSet(PortalAPIMixin, viewsets.ViewSet):
    """The user of the session or the token."""

    @extend_schema(operation_id="me", responses=forced_singular_serializer(MeSerializer))  # type: ignore[no-untyped-call]
    def list(self, request: Request) -> Response:
        user = user_of(request)
        prefetch_related_objects([user], "memberships__team")
        token = request.auth if isinstance(request.auth, AccessToken) else None
        user.token_scope = token.scope if token else None  # type: ignore[attr-defined]
        return Response(MeSerializer(user).data)
