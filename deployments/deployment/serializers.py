"""Parts of a deployment as the API shows them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

SPEC_EXAMPLE = {
    "model": "staging.fraud.card_fraud",
    "version": "@champion",
    "environment": "staging",
    "name": "card-fraud",
    "compute": {"workload_type": "CPU", "workload_size": "Small", "scale_to_zero": True},
    "monitoring": {"inference_table": True, "drift_metric": "psi", "drift_threshold": 0.2, "critical": ["amount"]},
    "env_vars": {"MODE": "{{secrets/fraud/mode}}"},
    "tags": {"cost_center": "1234"},
}


@extend_schema_field({"$ref": "#/components/schemas/DeploymentSpec"})
class SpecField(serializers.JSONField):
    """A stored spec, in the shape of DeploymentSpec."""


class ServedEntitySerializer(serializers.Serializer[Any]):
    name = serializers.CharField(read_only=True)
    entity_name = serializers.CharField(read_only=True)
    entity_version = serializers.CharField(read_only=True)
    state = serializers.CharField(read_only=True)
    message = serializers.CharField(read_only=True)
    traffic = serializers.IntegerField(read_only=True, help_text="Share of the requests in percent.")
