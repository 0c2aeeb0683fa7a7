"""API of quality: metrics of predictions against labels, and the label table."""

from __future__ import annotations

from typing import Annotated, Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import Field
from rest_framework import serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.people.permissions import user_of
from deployments.deployment.permissions import DEPLOYMENT_ID, deployment_or_404
from deployments.models import Deployment
from monitoring.quality import presenters as present
from monitoring.quality.models import LabelSource, QualityJob
from monitoring.quality.services import LONGEST_DELAY_DAYS, LONGEST_WINDOW_DAYS, Labels, remove_labels, set_labels
from monitoring.watched.states import Standing
from web.api import PortalAPIMixin
from web.bodies import Column, Part, ShortText, parse
from web.ranges import FROM, TO, asked_range

DEFAULT_RANGE = "30d"
RANGE = OpenApiParameter("range", str, description="1h, 24h, 7d, 30d or 90d, extended to whole UTC days.")


class LabelsBody(Part):
    """The label table. Fields that are left out are empty. A change of table or columns recounts everything."""

    table: str = Field(max_length=767)
    id_column: Column
    label_column: Column
    time_column: ShortText = ""
    kind: str = Field(pattern="^(classification|regression)$")
    positive_label: ShortText = ""
    delay_days: int | None = Field(default=None, ge=0, le=LONGEST_DELAY_DAYS)
    metric: Annotated[LabelSource.Metric, Field(strict=False)] | None = Field(
        default=None, description="The metric to watch. It must apply to this kind of labels."
    )
    limit: float | None = Field(
        default=None, gt=0, description="Minimum of a share, maximum of an error, maximum absolute value of a bias."
    )
    window_days: int = Field(
        default=7, ge=1, le=LONGEST_WINDOW_DAYS, description="Number of days with labels that are judged."
    )

    @property
    def labels(self) -> Labels:
        return Labels(**{**self.model_dump(), "metric": self.metric or ""})


class LabelsSerializer(serializers.ModelSerializer[LabelSource]):
    updated_by = serializers.CharField(source="updated_by.username", read_only=True)

    class Meta:
        model = LabelSource
        fields = [
            "table", "id_column", "label_column", "time_column", "kind", "positive_label", "delay_days",
            "metric", "limit", "window_days", "updated_by", "updated_at",
        ]  # fmt: skip
        read_only_fields = fields


class QualityJobSerializer(serializers.ModelSerializer[QualityJob]):
    class Meta:
        model = QualityJob
        fields = ["status", "message", "job_url", "counted_at", "labels", "newest_label", "skipped"]
        read_only_fields = fields


class QualityRowSerializer(serializers.Serializer[Any]):
    date = serializers.DateField(
        source="day", read_only=True, allow_null=True, help_text="UTC day; null for the whole range."
    )
    version = serializers.IntegerField(read_only=True)
    predictions = serializers.IntegerField(source="counts.predictions", read_only=True)
    labelled = serializers.IntegerField(source="counts.labelled", read_only=True)
    coverage = serializers.FloatField(source="counts.coverage", read_only=True, allow_null=True)
    metrics = serializers.DictField(
        source="values", child=serializers.FloatField(allow_null=True), read_only=True, help_text="{metric: value}"
    )
    note = serializers.CharField(read_only=True, help_text="A caveat of the figures, or empty.")


class QualitySerializer(serializers.Serializer[Any]):
    """The same figures as on the page Quality."""

    standing = serializers.ChoiceField(choices=Standing.choices, source="judged.standing", read_only=True)
    reason = serializers.CharField(source="judged.reason", read_only=True)
    value = serializers.FloatField(
        source="judged.value", read_only=True, allow_null=True, help_text="The judged value of the watched metric."
    )
    rule = serializers.CharField(
        source="judged.rule.sentence", default="", read_only=True, help_text="The rule as text; empty if none is set."
    )
    labels = LabelsSerializer(source="source", read_only=True, allow_null=True)
    job = QualityJobSerializer(read_only=True, allow_null=True)
    predictions = serializers.IntegerField(source="total.predictions", read_only=True)
    with_id = serializers.IntegerField(
        source="total.with_id", read_only=True, help_text="Predictions whose request has a client_request_id."
    )
    labelled = serializers.IntegerField(source="total.labelled", read_only=True)
    coverage = serializers.FloatField(source="total.coverage", read_only=True, allow_null=True)
    delay_days = serializers.FloatField(source="total.delay_days", read_only=True, allow_null=True)
    missing = serializers.CharField(
        source="empty.sentence", default="", read_only=True, help_text="Why there are no figures, or empty."
    )
    doubt = serializers.CharField(read_only=True, help_text="Why these labels may not fit, or empty.")
    versions = QualityRowSerializer(many=True, read_only=True)
    days = QualityRowSerializer(many=True, read_only=True)


class QualityViewSet(PortalAPIMixin, viewsets.GenericViewSet[Deployment]):
    """Quality of one deployment's predictions."""

    queryset = Deployment.objects.none()
    serializer_class = QualitySerializer
    filter_backends = []
    pagination_class = None

    @extend_schema(
        operation_id="deployments_quality",
        parameters=[DEPLOYMENT_ID, RANGE, FROM, TO],
        responses=QualitySerializer,
    )
    @action(detail=False, methods=["get"])
    def quality(self, request: Request, deployment_id: str) -> Response:
        """Quality by version and by day, with the share of labelled predictions."""
        found = deployment_or_404(request, deployment_id)
        view = present.quality_view(found, timezone.now(), asked_range(request, DEFAULT_RANGE))
        return Response(QualitySerializer(view).data)

    @extend_schema(
        operation_id="deployments_quality_set",
        parameters=[DEPLOYMENT_ID],
        request=LabelsBody,
        responses=LabelsSerializer,
    )
    @quality.mapping.put
    def set_labels(self, request: Request, deployment_id: str) -> Response:
        """Set the label table."""
        found, asked = deployment_or_404(request, deployment_id), parse(LabelsBody, request.data)
        source = set_labels(deployment=found, labels=asked.labels, actor=user_of(request))
        return Response(LabelsSerializer(source).data)

    @extend_schema(operation_id="deployments_quality_remove", parameters=[DEPLOYMENT_ID], responses={204: None})
    @quality.mapping.delete
    def remove_labels(self, request: Request, deployment_id: str) -> Response:
        """Remove the label table and all counts."""
        remove_labels(deployment=deployment_or_404(request, deployment_id), actor=user_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
