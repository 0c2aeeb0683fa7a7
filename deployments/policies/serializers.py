"""Approvals and policy results as the API shows them."""

from __future__ import annotations

from rest_framework import serializers

from deployments.policies.models import Approval, PolicyResult


class ApprovalSerializer(serializers.ModelSerializer[Approval]):
    decided_by = serializers.CharField(source="decided_by.username", read_only=True)

    class Meta:
        model = Approval
        fields = ["decision", "decided_by", "decided_at", "reason", "plan_sha256", "model_version", "state_serial"]
        read_only_fields = fields


class PolicyResultSerializer(serializers.ModelSerializer[PolicyResult]):
    """The result of one rule for the plan ``plan_sha256``. The outcome ``overridable`` waits for an override."""

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
