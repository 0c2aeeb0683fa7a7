"""API of notices, which their recipients acknowledge."""

from __future__ import annotations

import django_filters
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.filters import OrderingFilter
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.people.permissions import user_of
from deployments.policies import break_glass
from deployments.policies.models import Notice
from web.api import BACKENDS, ID, PortalAPIMixin
from web.bodies import Nothing, parse


class NoticeSerializer(serializers.ModelSerializer[Notice]):
    run = serializers.HyperlinkedRelatedField(view_name="run-detail", read_only=True)  # type: ignore[var-annotated]

    class Meta:
        model = Notice
        fields = ["id", "run", "message", "created_at", "acknowledged_at"]
        read_only_fields = fields


class NoticeFilter(django_filters.FilterSet):  # type: ignore[misc]  # ships no types
    acknowledged = django_filters.ChoiceFilter(
        choices=[("true", "Yes"), ("false", "No")], method="is_acknowledged", label="Acknowledged"
    )

    class Meta:
        model = Notice
        fields: list[str] = []

    def is_acknowledged(self, rows: QuerySet[Notice], name: str, value: str) -> QuerySet[Notice]:
        return rows.filter(acknowledged_at__isnull=value == "false")


class NoticeViewSet(PortalAPIMixin, mixins.ListModelMixin, viewsets.GenericViewSet[Notice]):
    """Your own notices, newest first."""

    queryset = Notice.objects.none()
    serializer_class = NoticeSerializer
    lookup_value_regex = ID
    filter_backends = [backend for backend in BACKENDS if not issubclass(backend, OrderingFilter)]
    filterset_class = NoticeFilter
    ordering = "-pk"

    def get_queryset(self) -> QuerySet[Notice]:
        return Notice.objects.filter(user=user_of(self.request))

    @extend_schema(operation_id="notices_acknowledge", request=Nothing, responses=NoticeSerializer)
    @action(detail=True, methods=["post"], filter_backends=[], pagination_class=None)
    def acknowledge(self, request: Request, pk: str) -> Response:
        """Acknowledge the notice. It disappears from your home page."""
        notice, _ = get_object_or_404(self.get_queryset(), pk=int(pk)), parse(Nothing, request.data)
        done = break_glass.acknowledge_notice(notice=notice, actor=user_of(request))
        return Response(self.get_serializer(done).data)
