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
    """Numbers of both versions in the same period. Empty until the metrics are first read."""

    old = VersionNumbersSerializer(read_only=True, required=False)
    new = VersionNumbersSerializer(read_only=True, required=False)
    differing = serializers.IntegerField(
        read_only=True, required=False, help_text="Shadow steps only: number of answers that differ."
    )


class RolloutStepSerializer(serializers.ModelSerializer[RolloutStep]):
    """One step of a rollout. ``rule``: what decided, one of error_rate, p99, min_requests and metrics, or ""."""

    numbers = StepNumbersSerializer(read_only=True)
    expected = serializers.DictField(
        child=serializers.IntegerField(), read_only=True, help_text="Traffic in percent by served entity."
    )
    live = serializers.DictField(child=serializers.IntegerField(), read_only=True, help_text="As last read back.")
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
