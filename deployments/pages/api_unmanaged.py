"""API of unmanaged endpoints, and adopting one."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from pydantic import Field
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.people.permissions import user_of
from accounts.teams.permissions import teams_where
from accounts.teams.roles import Action
from catalog.models import Environment
from deployments.configuration import adopting
from deployments.configuration.filters import UnmanagedEndpointFilter
from deployments.configuration.unmanaged import UnmanagedEndpoint, UnmanagedEndpointQuerySet
from deployments.pages.api import run_body
from deployments.pages.serializers import RunDetailSerializer
from deployments.runs.models import Run
from web.api import BACKENDS, PortalAPIMixin
from web.bodies import Part, parse
from web.errors import Invalid

SLUG = r"^[a-zA-Z0-9_-]{1,63}$"


class Adopt(Part):
    """``environment`` and ``team`` are slugs."""

    name: str = Field(min_length=1, max_length=255)
    environment: str = Field(pattern=SLUG)
    team: str = Field(pattern=SLUG)


class RefreshListing(Part):
    """Selects the workspace of this environment."""

    environment: str = Field(pattern=SLUG)


class ListedSerializer(serializers.Serializer[Any]):
    environment = serializers.CharField(read_only=True)
    listed_at = serializers.DateTimeField(read_only=True, allow_null=True)


class ServedModelSerializer(serializers.Serializer[Any]):
    entity_name = serializers.CharField(read_only=True)
    entity_version = serializers.CharField(read_only=True)
    workload_type = serializers.CharField(read_only=True)
    workload_size = serializers.CharField(read_only=True)
    scale_to_zero = serializers.BooleanField(read_only=True)
    traffic = serializers.IntegerField(read_only=True, help_text="Share of the requests in percent.")


class UnmanagedEndpointSerializer(serializers.ModelSerializer[UnmanagedEndpoint]):
    workspace = serializers.CharField(source="workspace.name", read_only=True)
    served = ServedModelSerializer(many=True, read_only=True)
    tags = serializers.DictField(child=serializers.CharField(), read_only=True)
    obstacle = serializers.CharField(read_only=True, help_text="Why the endpoint cannot be adopted; empty if it can.")
    listed_at = serializers.SerializerMethodField(help_text="Time of the listing.")

    class Meta:
        model = UnmanagedEndpoint
        fields = [
            "id",
            "name",
            "workspace",
            "creator",
            "ready",
            "config_update",
            "served",
            "tags",
            "made_at",
            "changed_at",
            "obstacle",
            "listed_at",
        ]
        read_only_fields = fields

    def get_listed_at(self, endpoint: UnmanagedEndpoint) -> str | None:
        listing = getattr(endpoint.workspace, "endpoint_listing", None)
        return listing.listed_at.isoformat() if listing and listing.listed_at else None


class UnmanagedEndpointViewSet(PortalAPIMixin, mixins.ListModelMixin, viewsets.GenericViewSet[UnmanagedEndpoint]):
    """Unmanaged serving endpoints of your models, as of the last listing."""

    queryset = UnmanagedEndpoint.objects.none()
    serializer_class = UnmanagedEndpointSerializer
    filter_backends = BACKENDS
    filterset_class = UnmanagedEndpointFilter
    ordering_fields = ["name"]
    ordering = "name"

    def get_queryset(self) -> UnmanagedEndpointQuerySet:
        rows = UnmanagedEndpoint.objects.visible_to(user_of(self.request)).unmanaged()
        return rows.select_related("workspace__endpoint_listing")

    @extend_schema(operation_id="endpoints_refresh", request=RefreshListing, responses={202: ListedSerializer})
    @action(detail=False, methods=["post"], filter_backends=[], pagination_class=None)
    def refresh(self, request: Request) -> Response:
        """Start a listing of the endpoints of an environment's workspace."""
        environment = _environment(parse(RefreshListing, request.data).environment)
        adopting.refresh_unmanaged(workspace=environment.workspace, actor=user_of(request))
        listing = getattr(environment.workspace, "endpoint_listing", None)
        shown = {"environment": environment.slug, "listed_at": listing.listed_at if listing else None}
        return Response(ListedSerializer(shown).data, status.HTTP_202_ACCEPTED)


class AdoptViewSet(PortalAPIMixin, viewsets.GenericViewSet[Run]):
    queryset = Run.objects.none()
    serializer_class = RunDetailSerializer

    @extend_schema(operation_id="endpoints_adopt", request=Adopt, responses={201: RunDetailSerializer})
    def create(self, request: Request) -> Response:
        """Create a deployment for an existing endpoint, and start the run that adopts it unchanged."""
        user, asked = user_of(request), parse(Adopt, request.data)
        team = teams_where(user, Action.VIEW).filter(slug=asked.team).first()
        if team is None:
            raise Invalid({"team": [f"You are not a member of a team {asked.team}."]})
        run = adopting.adopt_endpoint(
            name=asked.name, environment=_environment(asked.environment), team=team, actor=user
        )
        body = run_body(request, run, self.get_serializer_context())
        return Response(body, status.HTTP_201_CREATED, headers={"Location": body["url"]})


def _environment(slug: str) -> Environment:
    found = Environment.objects.select_related("workspace").filter(slug=slug).first()
    if found is None:
        raise Invalid({"environment": [f"There is no environment {slug}."]})
    return found
