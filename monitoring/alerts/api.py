"""API of alerts: the inbox, actions on an alert, and the alert rules of a deployment."""

from __future__ import annotations

from typing import Annotated, Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from pydantic import AwareDatetime, BeforeValidator, Field
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.people.permissions import user_of
from deployments.deployment.permissions import DEPLOYMENT_ID, deployment_or_404
from monitoring.alerts.filters import AlertFilter
from monitoring.alerts.models import Alert, AlertEvent, AlertRule
from monitoring.alerts.rules import Rule, rules_of
from monitoring.alerts.services import acknowledge_alert, resolve_alert, set_alert_rule, snooze_alert
from monitoring.alerts.states import AlertSubject, Severity
from monitoring.watched.states import Standing
from web.api import BACKENDS, ByIdMixin, PortalAPIMixin
from web.bodies import Nothing, Part, parse


def _text(value: object) -> object:
    """Numbers are rejected; pydantic would accept them as timestamps."""
    if not isinstance(value, str):
        raise ValueError("Write the time in RFC 3339 format with a UTC offset, such as 2026-01-31T00:00:00Z.")
    return value


class Snooze(Part):
    #: At most 30 days from now.
    until: Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_text)]


class AlertSerializer(serializers.ModelSerializer[Alert]):
    url = serializers.HyperlinkedIdentityField(view_name="alert-detail")
    deployment = serializers.HyperlinkedRelatedField(view_name="deployment-detail", read_only=True)  # type: ignore[var-annotated]
    deployment_name = serializers.CharField(source="deployment.name", read_only=True)
    environment = serializers.CharField(source="deployment.environment.slug", read_only=True)
    team = serializers.CharField(source="deployment.team.slug", read_only=True)
    handled_by = serializers.CharField(source="handled_by.username", read_only=True, allow_null=True, default=None)

    class Meta:
        model = Alert
        fields = [
            "id",
            "url",
            "deployment",
            "deployment_name",
            "environment",
            "team",
            "subject",
            "key",
            "state",
            "severity",
            "standing",
            "reason",
            "evidence",
            "opened_at",
            "fired_at",
            "reported_at",
            "snoozed_until",
            "resolved_at",
            "handled_by",
        ]
        read_only_fields = fields


class AlertEventSerializer(serializers.ModelSerializer[AlertEvent]):
    actor = serializers.CharField(source="actor.username", read_only=True, allow_null=True, default=None)

    class Meta:
        model = AlertEvent
        fields = ["at", "state", "message", "actor"]
        read_only_fields = fields


class AlertDetailSerializer(AlertSerializer):
    history = AlertEventSerializer(source="events", many=True, read_only=True)

    class Meta(AlertSerializer.Meta):
        fields = [*AlertSerializer.Meta.fields, "history"]
        read_only_fields = fields


class AlertViewSet(PortalAPIMixin, ByIdMixin[Alert], mixins.ListModelMixin, viewsets.GenericViewSet[Alert]):
    """Alerts of your teams, newest first."""

    queryset = Alert.objects.none()
    serializer_class = AlertSerializer
    filter_backends = BACKENDS
    filterset_class = AlertFilter
    ordering_fields = ["opened_at", "reported_at"]
    ordering = "-pk"

    def get_queryset(self) -> QuerySet[Alert]:
        rows = Alert.objects.visible_to(user_of(self.request))
        return rows.select_related("deployment__team", "deployment__environment", "handled_by")

    @extend_schema(responses=AlertDetailSerializer)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One alert with its history."""
        return self._answer(self.get_object())

    @extend_schema(operation_id="alerts_acknowledge", request=Nothing, responses=AlertDetailSerializer)
    @action(detail=True, methods=["post"], filter_backends=[], pagination_class=None)
    def acknowledge(self, request: Request, pk: str) -> Response:
        """Acknowledge the alert. Receivers are not notified again unless it gets worse."""
        found, _ = self.get_object(), parse(Nothing, request.data)
        return self._answer(acknowledge_alert(alert=found, actor=user_of(request)))

    @extend_schema(operation_id="alerts_snooze", request=Snooze, responses=AlertDetailSerializer)
    @action(detail=True, methods=["post"], filter_backends=[], pagination_class=None)
    def snooze(self, request: Request, pk: str) -> Response:
        """Snooze the alert until a given time. If it persists, receivers are notified again then."""
        found, asked = self.get_object(), parse(Snooze, request.data)
        return self._answer(snooze_alert(alert=found, until=asked.until, actor=user_of(request)))

    @extend_schema(operation_id="alerts_resolve", request=Nothing, responses=AlertDetailSerializer)
    @action(detail=True, methods=["post"], filter_backends=[], pagination_class=None)
    def resolve(self, request: Request, pk: str) -> Response:
        """Resolve the alert. It opens again only after the subject was passing, or if it gets worse."""
        found, _ = self.get_object(), parse(Nothing, request.data)
        return self._answer(resolve_alert(alert=found, actor=user_of(request)))

    def _answer(self, alert: Alert) -> Response:
        fresh = self.get_queryset().prefetch_related("events__actor").get(pk=alert.pk)
        return Response(AlertDetailSerializer(fresh, context=self.get_serializer_context()).data)


# -- rules -----------------------------------------------------------------------------------------


class RuleBody(Part):
    subject: Annotated[AlertSubject, Field(strict=False)]
    enabled: bool = True
    from_standing: Annotated[Standing, Field(strict=False)]
    severity: Annotated[Severity, Field(strict=False)]
    #: How long the problem must last before receivers are notified, in seconds.
    for_s: int = Field(default=0, ge=0, le=2**31 - 1)
    #: Seconds without data after which that is an alert of its own; null for never.
    stale_after_s: int | None = Field(default=None, ge=60, le=2**31 - 1)


class RuleSerializer(serializers.Serializer[Any]):
    subject = serializers.ChoiceField(choices=AlertSubject.choices, read_only=True)
    enabled = serializers.BooleanField(read_only=True)
    from_standing = serializers.ChoiceField(choices=Standing.choices, read_only=True)
    severity = serializers.ChoiceField(choices=Severity.choices, read_only=True)
    for_s = serializers.IntegerField(read_only=True)
    stale_after_s = serializers.IntegerField(read_only=True, allow_null=True)


class AlertRuleViewSet(PortalAPIMixin, viewsets.GenericViewSet[AlertRule]):
    """Alert rules of a deployment: one for each subject."""

    queryset = AlertRule.objects.none()
    serializer_class = RuleSerializer
    filter_backends = []
    pagination_class = None

    @extend_schema(parameters=[DEPLOYMENT_ID], responses=RuleSerializer(many=True))
    def list(self, request: Request, deployment_id: str, *args: Any, **kwargs: Any) -> Response:
        return Response(RuleSerializer(rules_of(deployment_or_404(request, deployment_id)), many=True).data)

    @extend_schema(parameters=[DEPLOYMENT_ID], request=RuleBody, responses={200: RuleSerializer(many=True)})
    def create(self, request: Request, deployment_id: str, *args: Any, **kwargs: Any) -> Response:
        """Set the rule of one subject. Returns all rules of the deployment."""
        deployment, asked = deployment_or_404(request, deployment_id), parse(RuleBody, request.data)
        set_alert_rule(deployment=deployment, rule=Rule(**dict(asked)), actor=user_of(request))
        return Response(RuleSerializer(rules_of(deployment), many=True).data)
