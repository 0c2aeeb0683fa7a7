"""API of drift: the live version compared with its baseline, and the settings of features."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.utils import timezone
from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_field
from pydantic import Field
from rest_framework import serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.people.permissions import user_of
from deployments.deployment.permissions import DEPLOYMENT_ID, deployment_or_404
from deployments.models import Deployment
from monitoring.drift import presenters as present
from monitoring.drift.models import DriftJob
from monitoring.drift.rows import Behind, rows_behind, version_of
from monitoring.drift.services import choose_baseline, set_feature
from monitoring.watched.states import Standing
from sketches.judgement import DriftStatus
from web.api import PortalAPIMixin
from web.bodies import Column, Part, ShortText, parse
from web.errors import Invalid
from web.ranges import FROM, TO, asked_range

RANGE = OpenApiParameter("range", str, description="1h, 24h, 7d, 30d or 90d, judged as one window.")
# Reading may be refused too, for example without an inference table or a running warehouse.
REFUSED = OpenApiResponse(OpenApiTypes.OBJECT, "Not possible now. `code` has the reason.")
VERSION = OpenApiParameter("version", int, description="Only requests that this version served.")
FEATURE = OpenApiParameter("feature", str, description="Only this feature, with its charts.")


class FeatureSettingBody(Part):
    """Fields that are left out are unchanged. null resets a field to the deployment's spec."""

    feature: Column
    threshold: float | None = Field(default=None, gt=0, le=1000, allow_inf_nan=False)
    starred: bool = False
    excluded: bool | None = None
    critical: bool | None = None


class BaselineBody(Part):
    version: str = Field(pattern=r"^[1-9][0-9]{0,8}$")
    source: str = Field(pattern="^(training|table|traffic)$")
    table: ShortText = ""
    prediction_column: ShortText = ""


class DriftFeatureSerializer(serializers.Serializer[Any]):
    feature = serializers.CharField(source="name", read_only=True, help_text="`_prediction` is the prediction.")
    kind = serializers.CharField(source="found.kind", read_only=True)
    status = serializers.ChoiceField(choices=[item.value for item in DriftStatus], read_only=True)
    metric = serializers.CharField(source="found.metric", read_only=True)
    value = serializers.FloatField(source="found.value", read_only=True, allow_null=True)
    threshold = serializers.FloatField(source="found.threshold", read_only=True)
    baseline_values = serializers.IntegerField(source="found.reference_n", read_only=True)
    window_values = serializers.IntegerField(source="found.current_n", read_only=True)
    null_share = serializers.FloatField(source="found.null_share", read_only=True, allow_null=True)
    new_share = serializers.FloatField(source="found.new_share", read_only=True, allow_null=True)
    importance = serializers.FloatField(read_only=True, allow_null=True)
    is_critical = serializers.BooleanField(source="found.is_critical", read_only=True)
    is_starred = serializers.BooleanField(read_only=True)
    reason = serializers.CharField(source="found.reason", read_only=True)


class DriftWindowSerializer(serializers.Serializer[Any]):
    start = serializers.DateTimeField(read_only=True)
    end = serializers.DateTimeField(read_only=True)
    rows = serializers.IntegerField(read_only=True)


class DriftBaselineSerializer(serializers.Serializer[Any]):
    version = serializers.IntegerField(source="version.version", read_only=True)
    made_of = serializers.CharField(source="source", read_only=True)
    detail = serializers.CharField(read_only=True)
    rows = serializers.IntegerField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)


class DriftJobSerializer(serializers.ModelSerializer[DriftJob]):
    class Meta:
        model = DriftJob
        fields = ["status", "message", "job_url", "counted_until", "newest", "skipped", "wanted"]
        read_only_fields = fields


class DriftSerializer(serializers.Serializer[Any]):
    """The same figures as on the page Drift."""

    standing = serializers.ChoiceField(choices=Standing.choices, source="judged.standing", read_only=True)
    reason = serializers.CharField(source="judged.reason", read_only=True)
    rule = serializers.CharField(source="judged.sentence", read_only=True)
    window = DriftWindowSerializer(source="judged.span", read_only=True, allow_null=True)
    baseline = DriftBaselineSerializer(source="judged.baseline", read_only=True, allow_null=True)
    features = DriftFeatureSerializer(source="rows", many=True, read_only=True)
    charts = serializers.SerializerMethodField(help_text="With `feature`: drift over time and the distribution.")
    job = DriftJobSerializer(read_only=True, allow_null=True)

    def get_charts(self, view: present.DriftView) -> list[dict[str, Any]]:
        return [chart.as_json for chart in view.charts]


class DriftRowSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField(read_only=True)
    request_id = serializers.CharField(read_only=True)
    prediction = serializers.JSONField(read_only=True)
    values = serializers.SerializerMethodField(help_text="{feature: value}")

    def get_values(self, row: dict[str, Any]) -> dict[str, Any]:
        return {name: row[name] for name in self.context["features"]}


class DriftRowsSerializer(serializers.Serializer[Any]):
    """The newest predictions in a time range, and the SQL query that reads them."""

    query = serializers.CharField(read_only=True)
    rows = serializers.SerializerMethodField()
    skipped = serializers.DictField(child=serializers.IntegerField(), read_only=True, help_text="{reason: requests}")
    note = serializers.CharField(
        read_only=True, help_text="Why the rows are of all versions although one was requested, or empty."
    )

    @extend_schema_field(DriftRowSerializer(many=True))
    def get_rows(self, behind: Behind) -> list[dict[str, Any]]:
        return list(DriftRowSerializer(behind.rows, many=True, context={"features": behind.features}).data)


ONE_DRIFT = forced_singular_serializer(DriftSerializer)  # type: ignore[no-untyped-call]  # ships no types


class DriftViewSet(PortalAPIMixin, viewsets.GenericViewSet[Deployment]):
    """Drift of one deployment's requests from the baseline of its version."""

    queryset = Deployment.objects.none()
    serializer_class = DriftSerializer
    filter_backends = []
    pagination_class = None

    @extend_schema(
        operation_id="deployments_drift",
        parameters=[DEPLOYMENT_ID, RANGE, FROM, TO, FEATURE],
        responses=ONE_DRIFT,
    )
    def list(self, request: Request, deployment_id: str) -> Response:
        """Drift in the newest window with enough predictions, or in the requested range."""
        view = _view(request, deployment_or_404(request, deployment_id))
        return Response(DriftSerializer(view).data)

    @extend_schema(
        operation_id="deployments_drift_rows",
        parameters=[DEPLOYMENT_ID, RANGE, FROM, TO, VERSION],
        responses={200: DriftRowsSerializer, 409: REFUSED},
    )
    @action(detail=False, methods=["get"])
    def rows(self, request: Request, deployment_id: str) -> Response:
        """Up to twenty requests. Requires the role that may deploy, and is recorded in the audit trail."""
        found, shown = deployment_or_404(request, deployment_id), asked_range(request, "7d")
        behind = rows_behind(
            deployment=found,
            start=shown.start,
            end=shown.end,
            actor=user_of(request),
            version=version_of(request.query_params.get("version", "")),
        )
        return Response(DriftRowsSerializer(behind).data)

    @extend_schema(
        operation_id="deployments_drift_feature",
        parameters=[DEPLOYMENT_ID],
        request=FeatureSettingBody,
        responses=DriftSerializer,
    )
    @action(detail=False, methods=["post"])
    def features(self, request: Request, deployment_id: str) -> Response:
        """Change how a feature is judged. It applies at once, also to past windows."""
        found, asked = deployment_or_404(request, deployment_id), parse(FeatureSettingBody, request.data)
        changes = asked.model_dump(exclude={"feature"}, exclude_unset=True)
        set_feature(deployment=found, feature=asked.feature, changes=changes, actor=user_of(request))
        return Response(DriftSerializer(_view(request, found)).data)

    @extend_schema(
        operation_id="deployments_drift_baseline",
        parameters=[DEPLOYMENT_ID],
        request=BaselineBody,
        responses={202: DriftJobSerializer},
    )
    @action(detail=False, methods=["post"])
    def baseline(self, request: Request, deployment_id: str) -> Response:
        """Start a job that makes a baseline. The current one is used until it succeeds."""
        found, asked = deployment_or_404(request, deployment_id), parse(BaselineBody, request.data)
        job = choose_baseline(deployment=found, actor=user_of(request), **asked.model_dump())
        return Response(DriftJobSerializer(job).data, status.HTTP_202_ACCEPTED)


def _view(request: Request, deployment: Deployment) -> present.DriftView:
    """Raises Invalid if the range or the feature is not valid."""
    shown, feature = asked_range(request, "7d"), request.query_params.get("feature", "")
    asked = any(request.query_params.get(name) for name in ("range", "from", "to"))
    view = present.drift_view(deployment, timezone.now(), shown, feature=feature, whole_range=asked)
    if not feature:
        return replace(view, charts=[])
    if view.chosen is None or view.chosen.name != feature:
        raise Invalid({"feature": ["There is no such feature."]})
    return replace(view, rows=[row for row in view.rows if row == view.chosen])
