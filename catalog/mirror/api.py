"""API of environments and of refreshing their catalog."""

from __future__ import annotations

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.people.permissions import user_of
from catalog.mirror.serializers import RefreshSerializer
from catalog.mirror.services import request_refresh
from catalog.workspaces.filters import EnvironmentFilter
from catalog.workspaces.models import Environment
from catalog.workspaces.serializers import EnvironmentSerializer
from web.api import PortalAPIMixin


class EnvironmentViewSet(PortalAPIMixin, viewsets.ReadOnlyModelViewSet[Environment]):
    """The environments that models can be deployed to."""

    queryset = Environment.objects.select_related("workspace")
    serializer_class = EnvironmentSerializer
    lookup_field = "slug"
    lookup_value_regex = "[-A-Za-z0-9_]+"
    search_fields = ["slug", "name", "catalog_name"]
    filterset_class = EnvironmentFilter
    ordering_fields = ["position", "slug", "name"]
    ordering = ("position", "slug")

    @extend_schema(request=None, responses={202: RefreshSerializer})
    @action(detail=True, methods=["post"], filter_backends=[], pagination_class=None)
    def refresh(self, request: Request, slug: str) -> Response:
        """Request a full sync of the environment's workspace."""
        environment = get_object_or_404(self.get_queryset(), slug=slug)
        started = request_refresh(user=user_of(request), workspace=environment.workspace)
        return Response({"started": started}, status=status.HTTP_202_ACCEPTED)
