"""The steps of a rollout as the API shows them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from deployments.rollouts.models import RolloutStep


class VersionNumbersSerializer(serializers.Serializer[Any]):
    requests = serializers.IntegerField(read_only=True)
    errors_4xx = serializers.IntegerField(read_only=True)
    errors_5xx = serializers.IntegerField(read_only=True)
    error_rate = serializers.FloatField(read_only=True, help_text="Share of the requests, 0 to 1.")
    p99_ms = serializers.FloatField(read_only=True, allow_null=True)


class StepNumbersSerializer(serializers.Serializer[Any]):
    """Of both versions in the same time. Empty until the first look at the metrics."""

    old = VersionNumbersSerializer(read_only=True, required=False)
    new = VersionNumbersSerializer(read_only=True, required=False)
    differing = serializers.IntegerField(
        read_only=True, required=False, help_text="Of a shadow step: answers that were not the same."
    )


class RolloutStepSerializer(serializers.ModelSerializer[RolloutStep]):
    """One step of a rollout. ``rule`` is error_rate, p99, min_requests or metrics where the verdict is due to one."""

    numbers = StepNumbersSerializer(read_only=True)
    expected = serializers.DictField(child=serializers.IntegerField(), read_only=True, help_text="Percent by entity.")
    live = serializers.DictField(child=serializers.IntegerField(), read_only=True, help_text="As read back last.")
    ordered_by = serializers.CharField(source="ordered_by.username", read_only=True, allow_null=True, default=None)

    class Meta:
        model = RolloutStep
        fields = [
            "index",
            "percent",
            "verdict",
            "rule",
            "message",
            "numbers",
            "expected",
            "live",
            "started_at",
            "moved_at",
            "ended_at",
            "order",
            "ordered_by",
        ]
        read_only_fields = fields
