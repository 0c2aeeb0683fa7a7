"""Runs, their stages and their events as the API shows them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from deployments.deployment.models import Deployment
from deployments.runs.events import Event
from deployments.runs.models import Run
from deployments.runs.records import RunPlan
from deployments.runs.statuses import Level, RunStatus

MAX_EVENT_NUMBER = 2**31 - 1


class EventQuerySerializer(serializers.Serializer[Any]):
    after = serializers.IntegerField(
        min_value=0, max_value=MAX_EVENT_NUMBER, default=0, help_text="Only lines with a higher number."
    )
    limit = serializers.IntegerField(min_value=1, max_value=1000, default=200)
    stage = serializers.ChoiceField(choices=RunStatus.choices, required=False)
    level = serializers.ChoiceField(choices=Level.choices, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if unknown := sorted(set(self.initial_data) - set(self.fields)):
            raise serializers.ValidationError({name: ["Unknown parameter."] for name in unknown})
        return attrs


class RunReferenceSerializer(serializers.ModelSerializer[Run]):
    url = serializers.HyperlinkedIdentityField(view_name="run-detail")

    class Meta:
        model = Run
        fields = ["id", "url", "kind", "status"]
        read_only_fields = fields


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
        read_only=True, allow_null=True, help_text="The run whose leftovers this run removes."
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


class PlanSerializer(serializers.ModelSerializer[RunPlan]):
    summary = serializers.DictField(
        child=serializers.IntegerField(), read_only=True, help_text="Number of resources by action."
    )
    sentences = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = RunPlan
        fields = ["sha256", "summary", "sentences", "terraform_version", "state_serial", "created_at"]
        read_only_fields = fields


class EventSerializer(serializers.ModelSerializer[Event]):
    class Meta:
        model = Event
        fields = ["number", "created_at", "stage", "level", "source", "message"]
        read_only_fields = fields


class EventPageSerializer(serializers.Serializer[Any]):
    """Pass ``next_after`` as ``after`` in the next request, even if ``results`` is empty."""

    results = EventSerializer(many=True, read_only=True)
    next_after = serializers.IntegerField(read_only=True)
    next = serializers.URLField(read_only=True, allow_null=True, help_text="null if no more lines will follow")
    is_finished = serializers.BooleanField(read_only=True, help_text="The run has ended and writes no more lines.")
