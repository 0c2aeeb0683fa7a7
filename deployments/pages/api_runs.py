"""API of runs: status, plan, log, and the decisions of people and pipelines."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.people.permissions import user_of
from deployments.pages.api import detailed, run_body, runs_of
from deployments.pages.filters import RunFilter
from deployments.pages.serializers import RunDetailSerializer
from deployments.policies import approvals, break_glass, overrides
from deployments.policies.bodies import Approve, BreakGlass, Override, Reject
from deployments.policies.models import PolicyResult
from deployments.rollouts import services
from deployments.runs.models import Run, RunQuerySet
from deployments.runs.records import RunPlan
from deployments.runs.serializers import EventPageSerializer, EventQuerySerializer, EventSerializer, RunSerializer
from deployments.stages import cleaning, stopping
from web.api import BACKENDS, ByIdMixin, PortalAPIMixin
from web.bodies import Nothing, parse
from web.errors import Invalid


class RunViewSet(PortalAPIMixin, ByIdMixin[Run], viewsets.ReadOnlyModelViewSet[Run]):
    """Runs of your teams, newest first."""

    queryset = Run.objects.none()
    filter_backends = BACKENDS
    filterset_class = RunFilter
    ordering_fields = ["created_at"]
    ordering = "-pk"

    def get_queryset(self) -> RunQuerySet:
        runs = runs_of(self.request)
        return detailed(runs) if self.action == "retrieve" else runs

    def get_serializer_class(self) -> Any:
        return RunSerializer if self.action == "list" else RunDetailSerializer

    def _answer(self, run: Run) -> Response:
        return Response(run_body(self.request, run, self.get_serializer_context()))

    @extend_schema(operation_id="runs_plan", responses=OpenApiTypes.OBJECT)
    @action(detail=True, filter_backends=[], pagination_class=None)
    def plan(self, request: Request, pk: str) -> Response:
        """The plan as ``terraform show -json`` prints it, without secrets. 404 if the run has no plan."""
        shown = RunPlan.objects.filter(run=self.get_object()).values_list("show", flat=True).first()
        if shown is None:
            raise Http404
        return Response(shown)

    @extend_schema(operation_id="runs_events", parameters=[EventQuerySerializer], responses={200: EventPageSerializer})
    @action(detail=True, filter_backends=[], pagination_class=None)
    def events(self, request: Request, pk: str) -> Response:
        """Lines of the run's log, numbered from 1 without gaps. Continue with ``after=next_after``."""
        asked = EventQuerySerializer(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        # Read the run before its lines: all counted lines exist, and a finished run writes no more.
        run = self.get_object()
        return Response(self._event_page(run, asked.validated_data))

    def _event_page(self, run: Run, asked: dict[str, Any]) -> dict[str, Any]:
        after, limit = asked["after"], asked["limit"]
        only = {name: asked[name] for name in ("stage", "level") if name in asked}
        lines = list(run.events.filter(number__gt=after, number__lte=run.event_count, **only)[:limit])
        is_full = len(lines) == limit
        next_after = lines[-1].number if is_full else max(after, run.event_count)
        query = self.request.query_params.copy()
        query["after"] = str(next_after)
        address = self.request.build_absolute_uri(f"{self.request.path}?{query.urlencode()}")
        return {
            "results": EventSerializer(lines, many=True).data,
            "next_after": next_after,
            "next": address if is_full or not run.is_finished else None,
            "is_finished": run.is_finished,
        }

    @extend_schema(operation_id="runs_approve", request=Approve, responses=RunDetailSerializer)
    @action(detail=True, methods=["post"], filter_backends=[], pagination_class=None)
    def approve(self, request: Request, pk: str) -> Response:
        """Approve the saved plan. Not allowed for the person who requested the run."""
        run, asked = self.get_object(), parse(Approve, request.data)
        return self._answer(
            approvals.approve(run=run, actor=user_of(request), reason=asked.reason, plan_sha256=asked.plan_sha256)
        )

    @extend_schema(operation_id="runs_reject", request=Reject, responses=RunDetailSerializer)
    @action(detail=True, methods=["post"], filter_backends=[], pagination_class=None)
    def reject(self, request: Request, pk: str) -> Response:
        """Reject the run with a reason."""
        run, asked = self.get_object(), parse(Reject, request.data)
        return self._answer(approvals.reject(run=run, actor=user_of(request), reason=asked.reason))

    @extend_schema(operation_id="runs_override", request=Override, responses=RunDetailSerializer)
    @action(detail=True, methods=["post"], filter_backends=[], pagination_class=None)
    def override(self, request: Request, pk: str) -> Response:
        """Override a policy that the run does not meet. Not allowed for the person who requested the run."""
        run, asked = self.get_object(), parse(Override, request.data)
        result = PolicyResult.objects.select_related("run__deployment__team").filter(run=run, pk=asked.result).first()
        if result is None:
            raise Invalid({"result": ["This run has no such policy result."]})
        return self._answer(
            overrides.override_policy(run=run, result=result, actor=user_of(request), reason=asked.reason)
        )

    @extend_schema(operation_id="runs_break_glass", request=BreakGlass, responses=RunDetailSerializer)
    @action(detail=True, methods=["post"], filter_backends=[], pagination_class=None, url_path="break-glass")
    def break_glass(self, request: Request, pk: str) -> Response:
        """Apply without an approval and even while changes are frozen. Approvers of the team are notified."""
        run, asked = self.get_object(), parse(BreakGlass, request.data)
        return self._answer(
            break_glass.break_glass(run=run, actor=user_of(request), reason=asked.reason, plan_sha256=asked.plan_sha256)
        )

    @extend_schema(operation_id="runs_promote", request=Nothing, responses=RunDetailSerializer)
    @action(detail=True, methods=["post"], filter_backends=[], pagination_class=None)
    def promote(self, request: Request, pk: str) -> Response:
        """Skip the rest of the current step. From an inconclusive step, the new version gets all traffic."""
        run, _ = self.get_object(), parse(Nothing, request.data)
        return self._answer(services.promote(run=run, actor=user_of(request)))

    @extend_schema(operation_id="runs_rollback", request=Nothing, responses=RunDetailSerializer)
    @action(detail=True, methods=["post"], filter_backends=[], pagination_class=None)
    def rollback(self, request: Request, pk: str) -> Response:
        """Move all traffic back to the previous version. The run ends as rolled back."""
        run, _ = self.get_object(), parse(Nothing, request.data)
        return self._answer(services.roll_back_run(run=run, actor=user_of(request)))

    @extend_schema(operation_id="runs_cancel", request=Nothing, responses=RunDetailSerializer)
    @action(detail=True, methods=["post"], filter_backends=[], pagination_class=None)
    def cancel(self, request: Request, pk: str) -> Response:
        """Cancel the run: at once, or when its worker has stopped Terraform."""
        run, _ = self.get_object(), parse(Nothing, request.data)
        return self._answer(stopping.cancel(run=run, actor=user_of(request)))

    @extend_schema(operation_id="runs_cleanup", request=Nothing, responses={201: RunDetailSerializer})
    @action(detail=True, methods=["post"], filter_backends=[], pagination_class=None)
    def cleanup(self, request: Request, pk: str) -> Response:
        """Start a run that removes what this run left behind. Its stages list that as ``created``."""
        run, _ = self.get_object(), parse(Nothing, request.data)
        started = cleaning.clean_up(run=run, actor=user_of(request))
        body = run_body(request, started, self.get_serializer_context())
        return Response(body, status.HTTP_201_CREATED, headers={"Location": body["url"]})

    @extend_schema(operation_id="runs_resume", request=Nothing, responses=RunDetailSerializer)
    @action(detail=True, methods=["post"], filter_backends=[], pagination_class=None)
    def resume(self, request: Request, pk: str) -> Response:
        """Queue a failed or interrupted run again. It makes a new plan from the actual resources."""
        run, _ = self.get_object(), parse(Nothing, request.data)
        return self._answer(stopping.resume(run=run, actor=user_of(request)))
