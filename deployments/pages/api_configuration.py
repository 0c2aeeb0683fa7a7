"""Endpoints that were changed by hand: what differs, and what to do about it."""

from __future__ import annotations

from typing import Any, Protocol

from drf_spectacular.utils import extend_schema, extend_schema_field
from pydantic import Field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.people.permissions import user_of
from deployments.configuration import services
from deployments.configuration.models import ConfigCheck
from deployments.configuration.presenters import card
from deployments.deployment.models import Deployment
from deployments.pages.api import run_body
from deployments.pages.serializers import RunDetailSerializer
from web.bodies import Nothing, Part, parse


class AcceptConfiguration(Part):
    """With ``fingerprint`` it is refused (409, changed_again) if the endpoint is another one by now."""

    fingerprint: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")


class FieldDifferenceSerializer(serializers.Serializer[Any]):
    field = serializers.CharField(read_only=True)
    intended = serializers.CharField(read_only=True)
    live = serializers.CharField(read_only=True)
    first_seen_at = serializers.DateTimeField(read_only=True)


class ConfigDriftSerializer(serializers.Serializer[Any]):
    """How the endpoint differs from what the last good run left. Values of variables are never told."""

    status = serializers.SerializerMethodField()
    state = serializers.CharField(source="state.label", read_only=True, help_text="The status in words.")
    checked_at = serializers.DateTimeField(source="found.checked_at", read_only=True, allow_null=True, default=None)
    first_seen_at = serializers.DateTimeField(
        source="found.first_seen_at", read_only=True, allow_null=True, default=None
    )
    changed_at = serializers.DateTimeField(
        source="found.changed_at",
        read_only=True,
        allow_null=True,
        default=None,
        help_text="When the endpoint was changed last, as the workspace says.",
    )
    differences = FieldDifferenceSerializer(many=True, read_only=True)
    error = serializers.CharField(source="found.error", read_only=True, default="")
    fingerprint = serializers.CharField(source="found.fingerprint", read_only=True, default="")

    @extend_schema_field(serializers.ChoiceField(choices=ConfigCheck.Status.choices))
    def get_status(self, shown: Any) -> str:
        """Unknown also where the last check is too old to say anything about now."""
        is_known = shown.found is not None and shown.state.tone != "unknown"
        return str(shown.found.status if is_known else ConfigCheck.Status.UNKNOWN)


class _DeploymentView(Protocol):
    def get_object(self) -> Deployment: ...
    def get_serializer_context(self) -> dict[str, Any]: ...


def _answer(deployment: Deployment, status_code: int = status.HTTP_200_OK) -> Response:
    return Response(ConfigDriftSerializer(card(deployment)).data, status_code)


class ConfigDriftActions:
    """Actions of a view set of deployments."""

    @extend_schema(operation_id="deployments_config_drift", responses=ConfigDriftSerializer)
    @action(detail=True, filter_backends=[], pagination_class=None, url_path="config-drift")
    def config_drift(self: _DeploymentView, request: Request, pk: str) -> Response:
        """How the endpoint differs from what the last good run left."""
        return _answer(self.get_object())

    @extend_schema(
        operation_id="deployments_config_drift_check", request=Nothing, responses={202: ConfigDriftSerializer}
    )
    @action(detail=True, methods=["post"], filter_backends=[], pagination_class=None, url_path="config-drift/check")
    def config_drift_check(self: _DeploymentView, request: Request, pk: str) -> Response:
        """Have a worker look now. The answer is what was known before: read it again until ``checked_at`` moves."""
        deployment, _ = self.get_object(), parse(Nothing, request.data)
        services.check_configuration(deployment=deployment, actor=user_of(request))
        return _answer(deployment, status.HTTP_202_ACCEPTED)

    @extend_schema(
        operation_id="deployments_config_drift_accept",
        request=AcceptConfiguration,
        responses=ConfigDriftSerializer,
    )
    @action(detail=True, methods=["post"], filter_backends=[], pagination_class=None, url_path="config-drift/accept")
    def config_drift_accept(self: _DeploymentView, request: Request, pk: str) -> Response:
        """Make what is live the wish. The endpoint is not touched."""
        deployment, asked = self.get_object(), parse(AcceptConfiguration, request.data)
        services.accept_configuration(deployment=deployment, actor=user_of(request), fingerprint=asked.fingerprint)
        return _answer(self.get_object())

    @extend_schema(
        operation_id="deployments_config_drift_revert", request=Nothing, responses={201: RunDetailSerializer}
    )
    @action(detail=True, methods=["post"], filter_backends=[], pagination_class=None, url_path="config-drift/revert")
    def config_drift_revert(self: _DeploymentView, request: Request, pk: str) -> Response:
        """Start a run with the last good spec."""
        deployment, _ = self.get_object(), parse(Nothing, request.data)
        run = services.revert_configuration(deployment=deployment, actor=user_of(request))
        body = run_body(request, run, self.get_serializer_context())
        return Response(body, status.HTTP_201_CREATED, headers={"Location": body["url"]})
