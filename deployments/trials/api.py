"""API of trials: requests that a person sends to try an endpoint, and the answers."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import mixins, status, viewsets
from rest_framework.filters import OrderingFilter
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.people.permissions import user_of
from deployments.deployment.permissions import DEPLOYMENT_ID, deployment_or_404
from deployments.trials import services
from deployments.trials.models import TestRequest
from deployments.trials.serializers import TestRequestSerializer
from web.api import BACKENDS, ByIdMixin, PortalAPIMixin

EXAMPLE = {"dataframe_split": {"columns": ["amount"], "data": [[12.5]]}}


@extend_schema_view(
    list=extend_schema(parameters=[DEPLOYMENT_ID]),
    retrieve=extend_schema(parameters=[DEPLOYMENT_ID]),
)
class TestRequestViewSet(
    PortalAPIMixin,
    ByIdMixin[TestRequest],
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[TestRequest],
):
    """Trials of one deployment's endpoint, newest first."""

    __test__ = False  # keeps pytest from collecting the class

    queryset = TestRequest.objects.none()
    serializer_class = TestRequestSerializer
    filter_backends = [backend for backend in BACKENDS if not issubclass(backend, OrderingFilter)]
    ordering = "-pk"

    def get_queryset(self) -> QuerySet[TestRequest]:
        deployment = deployment_or_404(self.request, self.kwargs["deployment_id"])
        return TestRequest.objects.filter(deployment=deployment).select_related("requested_by")

    @extend_schema(
        parameters=[DEPLOYMENT_ID],
        request={"application/json": OpenApiTypes.OBJECT},
        responses={201: TestRequestSerializer},
        examples=[OpenApiExample("One row", EXAMPLE, request_only=True)],
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Send the body to the endpoint. The answer arrives later: poll the trial until its ``status`` changes."""
        deployment = deployment_or_404(request, self.kwargs["deployment_id"])
        asked = services.request_test(deployment=deployment, body=request.data, actor=user_of(request))
        return Response(self.get_serializer(asked).data, status.HTTP_201_CREATED)
