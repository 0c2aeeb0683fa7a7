"""API of the versions of a deployment's tfstate, and of the differences between two versions."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import exceptions, mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.people.permissions import user_of
from accounts.teams.permissions import can
from accounts.teams.roles import Action
from deployments.deployment.permissions import DEPLOYMENT_ID, deployment_or_404
from deployments.runs.serializers import MAX_EVENT_NUMBER
from deployments.tfstate import presenters as present
from deployments.tfstate import store as statestore
from deployments.tfstate.models import StateVersion
from web.api import BACKENDS, ByIdMixin, Conflict, PortalAPIMixin


class StateVersionSerializer(serializers.ModelSerializer[StateVersion]):
    run = serializers.IntegerField(source="run_id", read_only=True, allow_null=True)

    class Meta:
        model = StateVersion
        fields = ["id", "serial", "lineage", "run", "created_at", "size_bytes", "sha256"]
        read_only_fields = fields


class StateChangeSerializer(serializers.Serializer[Any]):
    """One attribute: ``before`` is null if it was added, ``after`` if it was removed. Secrets are redacted."""

    address = serializers.CharField(read_only=True)
    path = serializers.CharField(read_only=True)
    before = serializers.JSONField(read_only=True, allow_null=True)
    after = serializers.JSONField(read_only=True, allow_null=True)


class StateDiffSerializer(serializers.Serializer[Any]):
    before = StateVersionSerializer(read_only=True, allow_null=True)
    after = StateVersionSerializer(read_only=True)
    changes = StateChangeSerializer(many=True, read_only=True)


class AgainstSerializer(serializers.Serializer[Any]):
    against = serializers.IntegerField(
        min_value=1, max_value=MAX_EVENT_NUMBER, required=False, help_text="The id of the other version."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if unknown := sorted(set(self.initial_data) - set(self.fields)):
            raise serializers.ValidationError({name: ["Unknown parameter."] for name in unknown})
        return attrs


@extend_schema_view(
    list=extend_schema(parameters=[DEPLOYMENT_ID]),
    retrieve=extend_schema(parameters=[DEPLOYMENT_ID]),
)
class StateVersionViewSet(
    PortalAPIMixin,
    ByIdMixin[StateVersion],
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[StateVersion],
):
    """Every version of one deployment's tfstate, newest first. Requires the permission to deploy."""

    queryset = StateVersion.objects.none()
    serializer_class = StateVersionSerializer
    filter_backends = BACKENDS
    ordering_fields = ["created_at"]
    ordering = "-pk"

    def get_queryset(self) -> QuerySet[StateVersion]:
        deployment = deployment_or_404(self.request, self.kwargs["deployment_id"])
        if not can(user_of(self.request), Action.DEPLOY, deployment.team):
            raise exceptions.PermissionDenied(f"You need the role deployer or team admin in {deployment.team}.")
        return present.versions(deployment)

    @extend_schema(
        operation_id="deployments_states_diff",
        parameters=[DEPLOYMENT_ID, AgainstSerializer],
        responses=StateDiffSerializer,
    )
    @action(detail=True, filter_backends=[], pagination_class=None)
    def diff(self, request: Request, deployment_id: str, pk: str) -> Response:
        """The changes since the previous version, or since ``against``."""
        asked = AgainstSerializer(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        after, against = self.get_object(), asked.validated_data.get("against")
        before = get_object_or_404(self.get_queryset(), pk=against) if against else present.previous(after)
        try:
            return Response(StateDiffSerializer(present.comparison(after, before)).data)
        except statestore.StateUnreadable as error:
            raise Conflict(str(error), "unreadable") from None
