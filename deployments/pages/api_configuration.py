"""API of configuration changes: the differences, checking again, accepting and reverting."""

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
    """With ``fingerprint``, the request is refused (409, changed_again) if the endpoint has changed since."""

    fingerprint: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")


class FieldDifferenceSerializer(serializers.Serializer[Any]):
    field = serializers.CharField(read_only=True)
    intended = serializers.CharField(read_only=True)
    live = serializers.CharField(read_only=True)
    first_seen_at = serializers.DateTimeField(read_only=True)


class ConfigDriftSerializer(serializers.Serializer[Any]):
    """Differences between endpoint and requested configuration. Never contains values of environment variables."""

    status = serializers.SerializerMethodField()
    state = serializers.CharField(source="state.label", read_only=True, help_text="The status as readable text.")
    checked_at = serializers.DateTimeField(source="found.checked_at", read_only=True, allow_null=True, default=None)
    first_seen_at = serializers.DateTimeField(
        source="found.first_seen_at", read_only=True, allow_null=True, default=None
    )
    changed_at = serializers.DateTimeField(
        source="found.changed_at",
        read_only=True,
        allow_null=True,
        default=None,
        help_text="When the endpoint was last changed, as reported by the workspace.",
    )
    differences = FieldDifferenceSerializer(many=True, read_only=True)
    error = serializers.CharField(source="found.error", read_only=True, default="")
    fingerprint = serializers.CharField(source="found.fingerprint", read_only=True, default="")

    @extend_schema_field(serializers.ChoiceField(choices=ConfigCheck.Status.choices))
    def get_status(self, shown: Any) -> str:
        """The status of the last check; unknown if there is none or it is stale."""
        is_known = shown.found is not None and shown.state.tone != "unknown"
        return str(shown.found.status if is_known else ConfigCheck.Status.UNKNOWN)


class _DeploymentView(Protocol):
    def get_object(self) -> Deployment: ...
    def get_serializer_context(self) -> dict[str, Any]: ...


def _answer(deployment: Deployment, status_code: int = status.HTTP_200_OK) -> Response:
    return Response(ConfigDriftSerializer(card(deployment)).data, status_code)


class ConfigDriftActions:
    """Configuration actions for a view set of deployments."""

    @extend_schema(operation_id="deployments_config_drift", responses=ConfigDriftSerializer)
    @action(detail=True, filter_backends=[], pagination_class=None, url_path="config-drift")
    def config_drift(self: _DeploymentView, request: Request, pk: str) -> Response:
        """The differences between the endpoint and the requested configuration."""
        return _answer(self.get_object())

    @extend_schema(
        operation_id="deployments_config_drift_check", request=Nothing, responses={202: ConfigDriftSerializer}
    )
    @action(detail=True, methods=["post"], filter_backends=[], pagination_class=None, url_path="config-drift/check")
    def config_drift_check(self: _DeploymentView, request: Request, pk: str) -> Response:
        """Start a check. The response is the last result; poll until ``checked_at`` changes."""
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
        """Make the live configuration the requested one. The endpoint is not changed."""
        deployment, asked = self.get_object(), parse(AcceptConfiguration, request.data)
        services.accept_configuration(deployment=deployment, actor=user_of(request), fingerprint=asked.fingerprint)
        return _answer(self.get_object())

    @extend_schema(
        operation_id="deployments_config_drift_revert", request=Nothing, responses={201: RunDetailSerializer}
    )
    @action(detail=True, methods=["post"], filter_backends=[], pagination_class=None, url_path="config-drift/revert")
    def config_drift_revert(self: _DeploymentView, request: Request, pk: str) -> Response:
        """Start a run with the last successful spec."""
        deployment, _ = self.get_object(), parse(Nothing, request.data)
        run = services.revert_configuration(deployment=deployment, actor=user_of(request))
        body = run_body(request, run, self.get_serializer_context())
        return Response(body, status.HTTP_201_CREATED, headers={"Location": body["url"]})
