"""API of deployments and the runs that change them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import mixins, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.people.permissions import user_of
from deployments.deployment.models import Deployment, DeploymentQuerySet
from deployments.deployment.permissions import DEPLOYMENT_ID, deployment_or_404
from deployments.deployment.serializers import SPEC_EXAMPLE
from deployments.deployment.specs import DeploymentSpec, parse_spec
from deployments.pages.api import deployments_of, run_body, runs_of
from deployments.pages.api_configuration import ConfigDriftActions
from deployments.pages.filters import DeploymentFilter, RunFilter
from deployments.pages.serializers import DeploymentSerializer, RequestedSerializer, RunDetailSerializer
from deployments.pricing.forms import HOURS, asked_hours
from deployments.runs import services
from deployments.runs.bodies import NewRun
from deployments.runs.models import Run, RunQuerySet
from deployments.runs.serializers import RunSerializer
from deployments.tfstate.lock_api import LockActions
from web.api import BACKENDS, ByIdMixin, PortalAPIMixin
from web.bodies import parse


class DeploymentViewSet(
    ConfigDriftActions,
    LockActions,
    PortalAPIMixin,
    ByIdMixin[Deployment],
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[Deployment],
):
    """Deployments of your teams: the requested configuration and the last observation."""

    queryset = Deployment.objects.none()
    serializer_class = DeploymentSerializer
    filter_backends = BACKENDS
    filterset_class = DeploymentFilter
    ordering_fields = ["name", "created_at"]
    ordering = "name"

    def get_queryset(self) -> DeploymentQuerySet:
        return deployments_of(self.request)

    @extend_schema(
        parameters=[HOURS],
        request=DeploymentSpec,
        responses={201: RequestedSerializer},
        examples=[OpenApiExample("A model's champion in staging", SPEC_EXAMPLE, request_only=True)],
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Create a deployment and start the run that deploys it."""
        spec, hours = parse_spec(request.data), asked_hours(request)
        run = services.request_deployment(spec=spec, actor=user_of(request), hours_used_per_day=hours)
        context = self.get_serializer_context()
        deployment = DeploymentSerializer(self.get_queryset().get(pk=run.deployment_id), context=context).data
        body = {"deployment": deployment, "run": run_body(request, run, context)}
        return Response(body, status.HTTP_201_CREATED, headers={"Location": deployment["url"]})

    @extend_schema(request=None, responses={202: RunDetailSerializer})
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Start a run that deletes the endpoint."""
        run = services.request_destroy(deployment=self.get_object(), actor=user_of(request))
        body = run_body(request, run, self.get_serializer_context())
        return Response(body, status.HTTP_202_ACCEPTED, headers={"Location": body["url"]})


@extend_schema_view(list=extend_schema(parameters=[DEPLOYMENT_ID]))
class DeploymentRunViewSet(PortalAPIMixin, mixins.ListModelMixin, viewsets.GenericViewSet[Run]):
    """Runs of one deployment, newest first."""

    queryset = Run.objects.none()
    serializer_class = RunSerializer
    filter_backends = BACKENDS
    filterset_class = RunFilter
    ordering_fields = ["created_at"]
    ordering = "-pk"

    def get_queryset(self) -> RunQuerySet:
        deployment = deployment_or_404(self.request, self.kwargs["deployment_id"])
        return runs_of(self.request).filter(deployment=deployment)

    @extend_schema(
        parameters=[DEPLOYMENT_ID, HOURS],
        request=NewRun,
        responses={201: RunDetailSerializer},
        examples=[
            OpenApiExample("Update", {"kind": "deploy", "spec": {**SPEC_EXAMPLE, "version": "4"}}, request_only=True),
            OpenApiExample("Destroy", {"kind": "destroy"}, request_only=True),
        ],
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Update a deployment to a new spec, or destroy it."""
        deployment = deployment_or_404(request, self.kwargs["deployment_id"])
        asked = parse(NewRun, request.data)
        if asked.spec is None:
            run = services.request_destroy(deployment=deployment, actor=user_of(request))
        else:
            run = services.request_update(
                deployment=deployment,
                spec=asked.spec,
                actor=user_of(request),
                hours_used_per_day=asked_hours(request),
            )
        body = run_body(request, run, self.get_serializer_context())
        return Response(body, status.HTTP_201_CREATED, headers={"Location": body["url"]})
