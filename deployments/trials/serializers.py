"""Trials as the API shows them."""

from __future__ import annotations

from rest_framework import serializers

from deployments.trials.models import TestRequest


class TestRequestSerializer(serializers.ModelSerializer[TestRequest]):
    """``response`` is the answer as text. ``latency_ms`` is the round trip measured by the portal."""

    __test__ = False  # keeps pytest from collecting the class

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
