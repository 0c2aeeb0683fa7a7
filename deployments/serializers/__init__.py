"""Deployments and runs as the API shows them, and the bodies of requests that are no spec."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from deployments.models import (
    Approval,
    Deployment,
    Event,
    PolicyResult,
    Run,
    RunPlan,
    StageRecord,
    TestRequest,
)
from deployments.serializers.bodies import Approve, BreakGlass, NewRun, Nothing, Override, Reject, Rollback
from deployments.serializers.rollouts import RolloutStepSerializer
from deployments.states import STAGE_NAMES, Level, RunStatus

__all__ = [
    "MAX_EVENT_NUMBER",
    "ApprovalSerializer",
    "Approve",
    "BreakGlass",
    "DeploymentSerializer",
    "EstimateSerializer",
    "EventPageSerializer",
    "EventQuerySerializer",
    "EventSerializer",
    "NewRun",
    "Nothing",
    "Override",
    "PlanSerializer",
    "PolicyResultSerializer",
    "PriceRangeSerializer",
    "Reject",
    "RequestedSerializer",
    "Rollback",
    "RolloutStepSerializer",
    "RunDetailSerializer",
    "RunLinksSerializer",
    "RunReferenceSerializer",
    "RunSerializer",
    "ServedEntitySerializer",
    "SpecField",
    "StageSerializer",
    "TestRequestSerializer",
]

MAX_EVENT_NUMBER = 2**31 - 1


# -- what clients send: strict, as the spec is -----------------------------------------------------


class EventQuerySerializer(serializers.Serializer[Any]):
    after = serializers.IntegerField(
        min_value=0, max_value=MAX_EVENT_NUMBER, default=0, help_text="Only lines with a greater number."
    )
    limit = serializers.IntegerField(min_value=1, max_value=1000, default=200)
    stage = serializers.ChoiceField(choices=RunStatus.choices, required=False)
    level = serializers.ChoiceField(choices=Level.choices, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if unknown := sorted(set(self.initial_data) - set(self.fields)):
            raise serializers.ValidationError({name: ["There is no such parameter."] for name in unknown})
        return attrs


# -- what they get ---------------------------------------------------------------------------------


@extend_schema_field({"$ref": "#/components/schemas/DeploymentSpec"})
class SpecField(serializers.JSONField):
    """A stored spec; its shape is that of DeploymentSpec."""


class RunReferenceSerializer(serializers.ModelSerializer[Run]):
    url = serializers.HyperlinkedIdentityField(view_name="run-detail")

    class Meta:
        model = Run
        fields = ["id", "url", "kind", "status"]
        read_only_fields = fields


class ServedEntitySerializer(serializers.Serializer[Any]):
    name = serializers.CharField(read_only=True)
    entity_name = serializers.CharField(read_only=True)
    entity_version = serializers.CharField(read_only=True)
    state = serializers.CharField(read_only=True)
    message = serializers.CharField(read_only=True)
    traffic = serializers.IntegerField(read_only=True, help_text="Percent of the requests.")


class DeploymentSerializer(serializers.ModelSerializer[Deployment]):
    """``spec`` is what was asked for last; ``served`` and what stands beside it is what the workspace showed last."""

    url = serializers.HyperlinkedIdentityField(view_name="deployment-detail")
    team = serializers.CharField(source="team.slug", read_only=True)
    environment = serializers.CharField(source="environment.slug", read_only=True)
    workspace = serializers.CharField(source="workspace.name", read_only=True)
    model = serializers.CharField(source="model.full_name", read_only=True)
    spec = SpecField(read_only=True)
    state = serializers.SerializerMethodField(help_text="The endpoint in words; Unknown if it was not seen lately.")
    tone = serializers.SerializerMethodField(help_text="ok, busy, warn, bad, idle or unknown.")
    live_version = serializers.CharField(read_only=True, help_text="Gets most of the traffic; empty if none serves.")
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

    def get_state(self, deployment: Deployment) -> str:
        return deployment.endpoint_state().label

    def get_tone(self, deployment: Deployment) -> str:
        return deployment.endpoint_state().tone

    @extend_schema_field(RunReferenceSerializer(allow_null=True))
    def get_latest_run(self, deployment: Deployment) -> Any:
        """Without a query where the view prefetched ``newest_runs``."""
        runs = getattr(deployment, "newest_runs", None)
        newest = next(iter(deployment.runs.all()[:1] if runs is None else runs), None)
        return newest and RunReferenceSerializer(newest, context=self.context).data


class RunSerializer(serializers.ModelSerializer[Run]):
    url = serializers.HyperlinkedIdentityField(view_name="run-detail")
    deployment = serializers.PrimaryKeyRelatedField[Deployment](read_only=True)
    name = serializers.CharField(source="deployment.name", read_only=True, help_text="The endpoint's name.")
    team = serializers.CharField(source="deployment.team.slug", read_only=True)
    environment = serializers.CharField(source="deployment.environment.slug", read_only=True)
    model = serializers.CharField(source="deployment.model.full_name", read_only=True)
    version = serializers.CharField(source="spec.version", read_only=True)
    status_label = serializers.CharField(source="get_status_display", read_only=True)
    tone = serializers.CharField(read_only=True)
    is_finished = serializers.BooleanField(read_only=True)
    requested_by = serializers.CharField(source="requested_by.username", read_only=True)
    cleans_up = serializers.PrimaryKeyRelatedField[Run](
        read_only=True, allow_null=True, help_text="The run that this one removes the leftovers of."
    )

    class Meta:
        model = Run
        fields = [
            "id",
            "url",
            "deployment",
            "name",
            "team",
            "environment",
            "model",
            "version",
            "kind",
            "status",
            "status_label",
            "tone",
            "is_finished",
            "message",
            "waiting_for",
            "requested_by",
            "created_at",
            "started_at",
            "finished_at",
            "cancel_requested_at",
            "cleans_up",
        ]
        read_only_fields = fields


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
        return STAGE_NAMES.get(RunStatus(record.stage), record.stage)

    def get_duration_s(self, record: StageRecord) -> float | None:
        return (record.finished_at - record.started_at).total_seconds() if record.finished_at else None


class PlanSerializer(serializers.ModelSerializer[RunPlan]):
    summary = serializers.DictField(
        child=serializers.IntegerField(), read_only=True, help_text="How many resources for each action."
    )
    sentences = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = RunPlan
        fields = ["sha256", "summary", "sentences", "terraform_version", "state_serial", "created_at"]
        read_only_fields = fields


class ApprovalSerializer(serializers.ModelSerializer[Approval]):
    decided_by = serializers.CharField(source="decided_by.username", read_only=True)

    class Meta:
        model = Approval
        fields = ["decision", "decided_by", "decided_at", "reason", "plan_sha256", "model_version", "state_serial"]
        read_only_fields = fields


class PolicyResultSerializer(serializers.ModelSerializer[PolicyResult]):
    """What one rule said about the plan ``plan_sha256``. One that is Overridable failed waits for an override."""

    policy = serializers.IntegerField(source="policy_version.policy_id", read_only=True)
    policy_version = serializers.IntegerField(source="policy_version.number", read_only=True)
    overridden_by = serializers.CharField(
        source="overridden_by.username", read_only=True, allow_null=True, default=None
    )

    class Meta:
        model = PolicyResult
        fields = [
            "id",
            "rule",
            "outcome",
            "message",
            "fix",
            "asks_approval",
            "policy",
            "policy_version",
            "plan_sha256",
            "overridden_by",
            "overridden_at",
            "override_reason",
        ]
        read_only_fields = fields


class PriceRangeSerializer(serializers.Serializer[Any]):
    low = serializers.CharField(read_only=True, allow_null=True)
    high = serializers.CharField(read_only=True, allow_null=True)


class EstimateSerializer(serializers.Serializer[Any]):
    """The price of a month. Money is text in ``currency``; null, and never 0, where it is not known."""

    summary = serializers.CharField(read_only=True, help_text="In a sentence; why there is no price if there is none.")
    low = serializers.CharField(read_only=True, allow_null=True)
    high = serializers.CharField(read_only=True, allow_null=True)
    currency = serializers.CharField(read_only=True)
    problem = serializers.CharField(read_only=True, help_text="Why there is no price; empty if there is one.")
    now = PriceRangeSerializer(read_only=True, allow_null=True, help_text="What is live now.")
    difference = PriceRangeSerializer(read_only=True, allow_null=True, help_text="Against what is live now.")


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
    spec = SpecField(read_only=True, help_text="Pinned when the run was asked for: an alias became a number.")
    stages = StageSerializer(many=True, read_only=True)
    plan = PlanSerializer(read_only=True, allow_null=True)
    approvals = ApprovalSerializer(many=True, read_only=True)
    policy_results = PolicyResultSerializer(many=True, read_only=True)
    estimate = EstimateSerializer(read_only=True, allow_null=True, help_text="null until the run was priced.")
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
        """Of the present attempt, in order."""
        steps = [step for step in run.rollout_steps.all() if step.attempt == run.attempt]
        return RolloutStepSerializer(sorted(steps, key=lambda step: step.index), many=True).data


class RequestedSerializer(serializers.Serializer[Any]):
    """A new deployment and the run that makes it."""

    deployment = DeploymentSerializer(read_only=True)
    run = RunDetailSerializer(read_only=True)


class EventSerializer(serializers.ModelSerializer[Event]):
    class Meta:
        model = Event
        fields = ["number", "created_at", "stage", "level", "source", "message"]
        read_only_fields = fields


class EventPageSerializer(serializers.Serializer[Any]):
    """``next_after`` is what to ask for next, also when there was nothing new."""

    results = EventSerializer(many=True, read_only=True)
    next_after = serializers.IntegerField(read_only=True)
    next = serializers.URLField(read_only=True, allow_null=True, help_text="null once there will be no more lines")
    is_finished = serializers.BooleanField(read_only=True, help_text="The run is over and writes no more lines.")


class TestRequestSerializer(serializers.ModelSerializer[TestRequest]):
    """``response`` is the answer as text; ``latency_ms`` the round trip as the portal saw it."""

    __test__ = False  # not a test, whatever pytest makes of its name

    requested_by = serializers.CharField(source="requested_by.username", read_only=True)
    body = serializers.DictField(read_only=True)

    class Meta:
        model = TestRequest
        fields = [
            "id",
            "status",
            "status_code",
            "latency_ms",
            "served_entity",
            "response",
            "body",
            "requested_by",
            "created_at",
        ]
        read_only_fields = fields
