"""API of registered models and their versions."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.people.permissions import user_of
from catalog.registered_models.filters import ModelFilter, VersionFilter
from catalog.registered_models.models import ModelVersion, RegisteredModel, RegisteredModelQuerySet
from catalog.registered_models.serializers import (
    ModelSerializer,
    RiskSerializer,
    VersionDetailSerializer,
    VersionSerializer,
)
from catalog.registered_models.services import set_risk
from web.api import BACKENDS, PortalAPIMixin

FULL_NAME = OpenApiParameter("full_name", str, OpenApiParameter.PATH, description="catalog.schema.name")

WORKSPACE = OpenApiParameter(
    "workspace",
    str,
    description="Name of the workspace; needed only if several workspaces have a model of this name.",
)


class ModelViewSet(PortalAPIMixin, viewsets.ReadOnlyModelViewSet[RegisteredModel]):
    """The registered models of your teams, as of the last sync of their workspace."""

    queryset = RegisteredModel.objects.none()
    serializer_class = ModelSerializer
    lookup_field = "full_name"
    lookup_value_regex = r"[^/\x00]+"
    filter_backends = BACKENDS
    filterset_class = ModelFilter
    ordering_fields = ["full_name", "updated_at", "created_at"]
    ordering = "full_name"

    def get_queryset(self) -> RegisteredModelQuerySet:
        return RegisteredModel.objects.present().visible_to(user_of(self.request)).for_list()

    def get_object(self) -> RegisteredModel:
        return model_or_404(self.get_queryset(), self.kwargs["full_name"], self.request)

    @extend_schema(parameters=[FULL_NAME, WORKSPACE])
    def retrieve(self, request: Request, *args: object, **kwargs: object) -> Response:
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(
        parameters=[FULL_NAME, WORKSPACE], request={"application/json": RiskSerializer}, responses=ModelSerializer
    )
    def partial_update(self, request: Request, *args: object, **kwargs: object) -> Response:
        """Set the risk tier of the model. Requires a team admin."""
        model = self.get_object()
        asked = RiskSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        set_risk(actor=user_of(request), model=model, risk=asked.validated_data["risk"])
        return Response(self.get_serializer(self.get_object()).data)


def model_or_404(models: RegisteredModelQuerySet, full_name: str, request: Request) -> RegisteredModel:
    """The model with that name in the workspace named by ``?workspace=``, or in any. Raises Http404."""
    found = models.filter(full_name=full_name.lower())
    workspace = request.query_params.get("workspace", "").replace("\x00", "")
    if workspace:
        found = found.filter(workspace__name=workspace)
    model = found.order_by("pk").first()
    if model is None:
        raise Http404
    return model


@extend_schema_view(
    list=extend_schema(parameters=[FULL_NAME, WORKSPACE]),
    retrieve=extend_schema(parameters=[FULL_NAME, WORKSPACE]),
)
class ModelVersionViewSet(PortalAPIMixin, viewsets.ReadOnlyModelViewSet[ModelVersion]):
    """The versions of a model, newest first."""

    queryset = ModelVersion.objects.none()
    lookup_field = "version"
    query_parameters = ("workspace",)
    lookup_value_regex = "[0-9]{1,9}"
    filter_backends = BACKENDS
    filterset_class = VersionFilter
    ordering_fields = ["version"]
    ordering = "-version"

    def get_queryset(self) -> QuerySet[ModelVersion]:
        visible = RegisteredModel.objects.present().visible_to(user_of(self.request))
        model = model_or_404(visible, self.kwargs["full_name"], self.request)
        return model.versions.filter(removed_at=None).select_related("model")

    def get_serializer_class(self) -> type[VersionSerializer]:
        return VersionSerializer if self.action == "list" else VersionDetailSerializer
