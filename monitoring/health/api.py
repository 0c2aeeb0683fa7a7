"""API of the health of deployments."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.people.permissions import user_of
from deployments.deployment.permissions import DEPLOYMENT_ID, deployment_or_404
from monitoring.health.figures import FIGURES, Figure
from monitoring.health.models import HealthHistory
from monitoring.health.presenters import HealthReport, health_report
from monitoring.health.services import ask_for_history
from monitoring.watched.states import Standing
from web.api import PortalAPIMixin
from web.ranges import FROM, RANGES, TO, asked_range

RANGE_PARAMETERS = [
    OpenApiParameter("range", str, enum=["", *RANGES], description="Time range up to now. 24h by default."),
    FROM,
    TO,
]


class HealthPointSerializer(serializers.Serializer[dict[str, Any]]):
    """Counts are sums over ``minutes`` readings, each covering one minute. null is unknown."""

    start = serializers.DateTimeField(read_only=True)
    version = serializers.CharField(read_only=True)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return super().get_fields() | {figure.name: field_of(figure) for figure in FIGURES}


def field_of(figure: Figure) -> serializers.Field[Any, Any, Any, Any]:
    kind = serializers.IntegerField if figure.is_whole else serializers.FloatField
    return kind(read_only=True, allow_null=figure.may_be_unknown, help_text=figure.help or None)


class HealthSerializer(serializers.Serializer[HealthReport]):
    deployment = serializers.IntegerField(source="deployment.pk", read_only=True)
    standing = serializers.ChoiceField(Standing.choices, source="health.standing", read_only=True)
    reason = serializers.CharField(source="health.reason", read_only=True)
    rule = serializers.CharField(read_only=True)
    last_read_at = serializers.DateTimeField(source="source.minute", read_only=True, default=None, allow_null=True)
    last_request_at = serializers.DateTimeField(
        source="source.last_request_at", read_only=True, default=None, allow_null=True
    )
    error = serializers.CharField(source="source.error", read_only=True, default="")
    start = serializers.DateTimeField(source="range.start", read_only=True)
    end = serializers.DateTimeField(source="range.end", read_only=True)
    step_s = serializers.IntegerField(read_only=True)
    note = serializers.CharField(read_only=True, help_text="Why part of the range is missing, if so.")
    versions = serializers.ListField(child=serializers.CharField(), read_only=True)
    points = HealthPointSerializer(source="rows", many=True, read_only=True)


ONE_HEALTH = forced_singular_serializer(HealthSerializer)  # type: ignore[no-untyped-call]  # ships no types


class HealthHistorySerializer(serializers.ModelSerializer[HealthHistory]):
    """``hours`` is the number of hours that were filled, ``error`` the reason for a failure."""

    class Meta:
        model = HealthHistory
        fields = ["asked_at", "ended_at", "hours", "error"]
        read_only_fields = fields


class DeploymentHealthViewSet(PortalAPIMixin, viewsets.GenericViewSet[Any]):
    """Health of a deployment's endpoint."""

    serializer_class = HealthSerializer
    filter_backends = []
    pagination_class = None

    @extend_schema(
        operation_id="deployments_health",
        parameters=[
            DEPLOYMENT_ID,
            *RANGE_PARAMETERS,
            OpenApiParameter("version", str, many=True, description="Up to five versions. The newest by default."),
        ],
        responses=ONE_HEALTH,
    )
    def list(self, request: Request, deployment_id: str) -> Response:
        """Standing with its reason, and requests, errors, latency and load over time."""
        deployment = deployment_or_404(request, deployment_id)
        wanted = request.query_params.getlist("version")
        report = health_report(deployment, asked_range(request, "24h"), wanted, timezone.now())
        return Response(HealthSerializer(report, context=self.get_serializer_context()).data)

    @extend_schema(
        operation_id="deployments_health_history",
        parameters=[DEPLOYMENT_ID],
        request=None,
        responses={202: HealthHistorySerializer},
    )
    @action(detail=False, methods=["post"])
    def history(self, request: Request, deployment_id: str) -> Response:
        """Start filling hours of the last month that have no metrics from the inference table."""
        found = ask_for_history(deployment=deployment_or_404(request, deployment_id), actor=user_of(request))
        return Response(HealthHistorySerializer(found).data, status.HTTP_202_ACCEPTED)
