"""API of receivers, which alerts of a team are sent to. Addresses are write-only."""

from __future__ import annotations

from typing import Annotated, Any

from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import extend_schema
from pydantic import Field
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Team
from accounts.people.permissions import user_of
from catalog.models import Environment
from monitoring.alerts.models import AlertRoute, Delivery, Receiver, ReceiverKind
from monitoring.alerts.receivers import (
    create_alert_route,
    create_receiver,
    delete_alert_route,
    delete_receiver,
    request_receiver_test,
)
from monitoring.alerts.states import AlertSubject, Severity
from web.api import PAGERS, ByIdMixin, PortalAPIMixin
from web.bodies import Nothing, Part, ShortText, parse
from web.errors import Invalid

SHOWN = 5


class NewReceiver(Part):
    team: ShortText
    name: str = Field(min_length=1, max_length=80, pattern=r"^[^\x00]*$")
    kind: Annotated[ReceiverKind, Field(strict=False)]
    #: An apprise URL or the URL of a webhook. Stored encrypted and never shown again.
    address: str = Field(min_length=1, max_length=2000, pattern=r"^[^\x00]*$")


class NewRoute(Part):
    """Without ``subject`` or ``environment``, the route covers all of them."""

    receiver: int = Field(ge=1, lt=10**18)
    subject: Annotated[AlertSubject, Field(strict=False)] | None = None
    environment: ShortText | None = None
    min_severity: Annotated[Severity, Field(strict=False)] = Severity.WARNING


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    is_test = serializers.SerializerMethodField()

    class Meta:
        model = Delivery
        fields = ["id", "is_test", "status", "attempts", "error", "created_at", "sent_at"]
        read_only_fields = fields

    def get_is_test(self, delivery: Delivery) -> bool:
        return delivery.event_id is None


class ReceiverSerializer(serializers.ModelSerializer[Receiver]):
    url = serializers.HyperlinkedIdentityField(view_name="receiver-detail")
    team = serializers.CharField(source="team.slug", read_only=True)
    created_by = serializers.CharField(source="created_by.username", read_only=True)
    deliveries = DeliverySerializer(source="latest", many=True, read_only=True, help_text="The five newest deliveries.")

    class Meta:
        model = Receiver
        fields = ["id", "url", "team", "name", "kind", "created_by", "created_at", "deliveries"]
        read_only_fields = fields


class RouteSerializer(serializers.ModelSerializer[AlertRoute]):
    team = serializers.CharField(source="team.slug", read_only=True)
    receiver = serializers.HyperlinkedRelatedField(view_name="receiver-detail", read_only=True)  # type: ignore[var-annotated]
    subject = serializers.CharField(read_only=True, help_text='"" for all subjects.')
    environment = serializers.CharField(source="environment.slug", read_only=True, allow_null=True, default=None)

    class Meta:
        model = AlertRoute
        fields = ["id", "team", "receiver", "subject", "environment", "min_severity"]
        read_only_fields = fields


class ReceiverViewSet(
    PortalAPIMixin,
    ByIdMixin[Receiver],
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[Receiver],
):
    """Receivers of your teams. Team admins create, test and delete them."""

    queryset = Receiver.objects.none()
    serializer_class = ReceiverSerializer
    filter_backends = PAGERS
    ordering = "-pk"

    def get_queryset(self) -> QuerySet[Receiver]:
        latest = Prefetch("deliveries", Delivery.objects.order_by("-pk")[:SHOWN], to_attr="latest")
        rows: QuerySet[Receiver] = Receiver.objects.visible_to(user_of(self.request))
        return rows.select_related("team", "created_by").prefetch_related(latest)

    @extend_schema(request=NewReceiver, responses={201: ReceiverSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Create a receiver. It gets alerts of severity warning and above until its routes are changed."""
        asked, actor = parse(NewReceiver, request.data), user_of(request)
        team = Team.objects.visible_to(actor).filter(slug=asked.team).first()
        if team is None:
            raise Invalid({"team": [f"There is no team {asked.team}."]})
        made = create_receiver(team=team, name=asked.name, kind=asked.kind, address=asked.address, actor=actor)
        body = self.get_serializer(self.get_queryset().get(pk=made.pk)).data
        return Response(body, status.HTTP_201_CREATED, headers={"Location": body["url"]})

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Delete a receiver with its routes and its delivery history."""
        delete_receiver(receiver=self.get_object(), actor=user_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(operation_id="receivers_test", request=Nothing, responses={202: DeliverySerializer})
    @action(detail=True, methods=["post"], filter_backends=[], pagination_class=None)
    def test(self, request: Request, pk: str) -> Response:
        """Send a test message. Its result appears in the deliveries of the receiver."""
        receiver, _ = self.get_object(), parse(Nothing, request.data)
        sent = request_receiver_test(receiver=receiver, actor=user_of(request))
        return Response(DeliverySerializer(sent).data, status.HTTP_202_ACCEPTED)


class AlertRouteViewSet(
    PortalAPIMixin, ByIdMixin[AlertRoute], mixins.ListModelMixin, viewsets.GenericViewSet[AlertRoute]
):
    """Which alerts of your teams go to which receiver."""

    queryset = AlertRoute.objects.none()
    serializer_class = RouteSerializer
    filter_backends = PAGERS
    ordering = "-pk"

    def get_queryset(self) -> QuerySet[AlertRoute]:
        rows: QuerySet[AlertRoute] = AlertRoute.objects.visible_to(user_of(self.request))
        return rows.select_related("team", "receiver", "environment")

    @extend_schema(request=NewRoute, responses={201: RouteSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        asked, actor = parse(NewRoute, request.data), user_of(request)
        receiver = Receiver.objects.visible_to(actor).select_related("team").filter(pk=asked.receiver).first()
        here = Environment.objects.filter(slug=asked.environment).first() if asked.environment else None
        if receiver is None:
            raise Invalid({"receiver": [f"There is no receiver {asked.receiver}."]})
        if asked.environment and here is None:
            raise Invalid({"environment": [f"There is no environment {asked.environment}."]})
        made = create_alert_route(
            receiver=receiver,
            subject=asked.subject or "",
            environment=here,
            min_severity=asked.min_severity,
            actor=actor,
        )
        return Response(self.get_serializer(made).data, status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        route = self.get_object()
        delete_alert_route(route=route, actor=user_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
