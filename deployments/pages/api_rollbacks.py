"""API of rollbacks and rehearsals."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.filters import OrderingFilter
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.people.permissions import user_of
from deployments.deployment.permissions import DEPLOYMENT_ID, deployment_or_404
from deployments.pages.api import run_body
from deployments.pages.serializers import RunDetailSerializer
from deployments.rollouts import rolling_back
from deployments.rollouts.bodies import Rollback
from deployments.rollouts.models import Rehearsal
from deployments.runs.models import Run
from deployments.runs.serializers import RunReferenceSerializer
from web.api import BACKENDS, PortalAPIMixin
from web.bodies import Nothing, parse


class RollbackTargetSerializer(serializers.Serializer[Any]):
    """An earlier successful version. If it is still served, only traffic moves and nothing is built."""

    run = RunReferenceSerializer(read_only=True)
    version = serializers.CharField(read_only=True)
    is_served = serializers.BooleanField(read_only=True)


class RollbackTargetsSerializer(serializers.Serializer[Any]):
    """At most 20 rollback targets, without pagination."""

    results = RollbackTargetSerializer(many=True, read_only=True)


class RehearsalSerializer(serializers.ModelSerializer[Rehearsal]):
    """A rehearsed rollback. ``seconds``: from the request to the first answer of the earlier version."""

    seconds = serializers.FloatField(read_only=True, allow_null=True)
    started_by = serializers.CharField(source="started_by.username", read_only=True)
    rollback_run = RunReferenceSerializer(read_only=True)
    return_run = RunReferenceSerializer(read_only=True)

    class Meta:
        model = Rehearsal
        fields = [
            "id",
            "version",
            "rollback_run",
            "return_run",
            "started_by",
            "started_at",
            "answered_at",
            "seconds",
        ]
        read_only_fields = fields


class RollbackViewSet(PortalAPIMixin, viewsets.GenericViewSet[Run]):
    """Rollbacks of one deployment."""

    queryset = Run.objects.none()
    serializer_class = RollbackTargetsSerializer
    filter_backends = []
    pagination_class = None

    @extend_schema(
        operation_id="deployments_rollback_targets",
        parameters=[DEPLOYMENT_ID],
        responses=forced_singular_serializer(RollbackTargetsSerializer),  # type: ignore[no-untyped-call]
    )
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Versions to roll back to, newest first: successful runs that differ from what serves now."""
        deployment = deployment_or_404(request, self.kwargs["deployment_id"])
        found = {"results": rolling_back.rollback_targets(deployment)}
        return Response(self.get_serializer(found).data)

    @extend_schema(
        operation_id="deployments_rollback",
        parameters=[DEPLOYMENT_ID],
        request=Rollback,
        responses={201: RunDetailSerializer},
        examples=[OpenApiExample("Back to run 12", {"run": 12}, request_only=True)],
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Start a rollback to an earlier successful version, with all traffic at once."""
        deployment, asked = deployment_or_404(request, self.kwargs["deployment_id"]), parse(Rollback, request.data)
        to_run = get_object_or_404(deployment.runs.all(), pk=asked.run)
        run = rolling_back.request_rollback(deployment=deployment, to_run=to_run, actor=user_of(request))
        body = run_body(request, run, self.get_serializer_context())
        return Response(body, status.HTTP_201_CREATED, headers={"Location": body["url"]})


@extend_schema_view(list=extend_schema(parameters=[DEPLOYMENT_ID]))
class RehearsalViewSet(PortalAPIMixin, mixins.ListModelMixin, viewsets.GenericViewSet[Rehearsal]):
    """Rehearsals of one deployment, newest first."""

    queryset = Rehearsal.objects.none()
    serializer_class = RehearsalSerializer
    filter_backends = [backend for backend in BACKENDS if not issubclass(backend, OrderingFilter)]
    ordering = "-pk"

    def get_queryset(self) -> QuerySet[Rehearsal]:
        deployment = deployment_or_404(self.request, self.kwargs["deployment_id"])
        rows = Rehearsal.objects.filter(deployment=deployment)
        return rows.select_related("rollback_run", "return_run", "started_by")

    @extend_schema(parameters=[DEPLOYMENT_ID], request=Nothing, responses={201: RehearsalSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Rehearse a rollback: roll back to the newest target and return, and measure the time."""
        deployment, _ = deployment_or_404(request, self.kwargs["deployment_id"]), parse(Nothing, request.data)
        rehearsal = rolling_back.rehearse_rollback(deployment=deployment, actor=user_of(request))
        return Response(self.get_serializer(rehearsal).data, status.HTTP_201_CREATED)
