"""Deployments and complete runs as the API shows them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from deployments.deployment.models import Deployment
from deployments.deployment.serializers import ServedEntitySerializer, SpecField
from deployments.policies.serializers import ApprovalSerializer, PolicyResultSerializer
from deployments.pricing.serializers import EstimateSerializer
from deployments.rollouts.serializers import RolloutStepSerializer
from deployments.runs.models import Run
from deployments.runs.records import StageRecord
from deployments.runs.serializers import PlanSerializer, RunReferenceSerializer, RunSerializer
from deployments.runs.statuses import RunStatus
from deployments.stages.stage import TABLE


class DeploymentSerializer(serializers.ModelSerializer[Deployment]):
    """A deployment: ``spec`` is the requested configuration, ``served`` and its neighbours the last observation."""

    url = serializers.HyperlinkedIdentityField(view_name="deployment-detail")
    team = serializers.CharField(source="team.slug", read_only=True)
    environment = serializers.CharField(source="environment.slug", read_only=True)
    workspace = serializers.CharField(source="workspace.name", read_only=True)
    model = serializers.CharField(source="model.full_name", read_only=True)
    spec = SpecField(read_only=True)
    state = serializers.CharField(
        source="endpoint_state.label",
        read_only=True,
        help_text="The endpoint's state as text; unknown if the observation is stale.",
    )
    tone = serializers.CharField(
        source="endpoint_state.tone", read_only=True, help_text="ok, busy, warn, bad, idle or unknown."
    )
    live_version = serializers.CharField(
        read_only=True, help_text="Version with the largest share of the traffic; may be empty."
    )
    served = ServedEntitySerializer(many=True, read_only=True)
    pending = ServedEntitySerializer(many=True, read_only=True)
    latest_run = serializers.SerializerMethodField()
    created_by = serializers.CharField(source="created_by.username", read_only=True)

    class Meta:
        model = Deployment
        fields = [
            "id",
            "url",
            "name",
            "team",
            "environment",
            "workspace",
            "model",
            "spec",
            "state",
            "tone",
            "live_version",
            "ready",
            "config_update",
            "served",
            "pending",
            "endpoint_url",
            "endpoint_creator",
            "observed_at",
            "observe_error",
            "latest_run",
            "created_by",
            "created_at",
            "destroyed_at",
        ]
        read_only_fields = fields

    @extend_schema_field(RunReferenceSerializer(allow_null=True))
    def get_latest_run(self, deployment: Deployment) -> Any:
        """The newest run, or null. No query if the view prefetched ``newest_runs``."""
        runs = getattr(deployment, "newest_runs", None)
        newest = next(iter(deployment.runs.all()[:1] if runs is None else runs), None)
        return newest and RunReferenceSerializer(newest, context=self.context).data


class StageSerializer(serializers.ModelSerializer[StageRecord]):
    """One pass through a stage. A run that was resumed or planned again has several of one stage."""

    name = serializers.SerializerMethodField()
    duration_s = serializers.SerializerMethodField(help_text="null while it runs")
    detail = serializers.DictField(read_only=True)
    created = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = StageRecord
        fields = ["stage", "name", "status", "started_at", "finished_at", "duration_s", "message", "detail", "created"]
        read_only_fields = fields

    def get_name(self, record: StageRecord) -> str:
        return TABLE[RunStatus(record.stage)].label

    def get_duration_s(self, record: StageRecord) -> float | None:
        return (record.finished_at - record.started_at).total_seconds() if record.finished_at else None


class RunLinksSerializer(serializers.Serializer[Run]):
    deployment = serializers.HyperlinkedIdentityField(
        view_name="deployment-detail", lookup_field="deployment_id", lookup_url_kwarg="pk"
    )
    events = serializers.HyperlinkedIdentityField(view_name="run-events")
    plan = serializers.HyperlinkedIdentityField(view_name="run-plan")
    approve = serializers.HyperlinkedIdentityField(view_name="run-approve")
    reject = serializers.HyperlinkedIdentityField(view_name="run-reject")
    cancel = serializers.HyperlinkedIdentityField(view_name="run-cancel")
    resume = serializers.HyperlinkedIdentityField(view_name="run-resume")
    promote = serializers.HyperlinkedIdentityField(view_name="run-promote")
    rollback = serializers.HyperlinkedIdentityField(view_name="run-rollback")
    override = serializers.HyperlinkedIdentityField(view_name="run-override")
    break_glass = serializers.HyperlinkedIdentityField(view_name="run-break-glass")


class RunDetailSerializer(RunSerializer):
    spec = SpecField(read_only=True, help_text="Pinned when the run was requested: aliases became version numbers.")
    stages = StageSerializer(many=True, read_only=True)
    plan = PlanSerializer(read_only=True, allow_null=True)
    approvals = ApprovalSerializer(many=True, read_only=True)
    policy_results = PolicyResultSerializer(many=True, read_only=True)
    estimate = EstimateSerializer(read_only=True, allow_null=True, help_text="null before the Cost stage.")
    rollout = serializers.SerializerMethodField()
    blocking_run = RunReferenceSerializer(read_only=True, allow_null=True)
    links = RunLinksSerializer(source="*", read_only=True)

    class Meta(RunSerializer.Meta):
        fields = [
            *RunSerializer.Meta.fields,
            "spec",
            "stages",
            "plan",
            "approvals",
            "policy_results",
            "rollout",
            "estimate",
            "blocking_run",
            "links",
        ]
        read_only_fields = fields

    @extend_schema_field(RolloutStepSerializer(many=True))
    def get_rollout(self, run: Run) -> Any:
        """The steps of the current attempt, in order."""
        steps = [step for step in run.rollout_steps.all() if step.attempt == run.attempt]
        return RolloutStepSerializer(sorted(steps, key=lambda step: step.index), many=True).data


class RequestedSerializer(serializers.Serializer[Any]):
    """A new deployment and the run that deploys it."""

    deployment = DeploymentSerializer(read_only=True)
    run = RunDetailSerializer(read_only=True)
