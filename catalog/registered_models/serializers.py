"""Registered models and their versions in the API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from catalog.registered_models.models import ModelVersion, RegisteredModel, Risk


class ModelSerializer(serializers.ModelSerializer[RegisteredModel]):
    workspace = serializers.SlugField(source="workspace.name", read_only=True)
    team = serializers.SlugField(source="team.slug", read_only=True, allow_null=True, default=None)
    latest_version = serializers.IntegerField(source="latest.version", read_only=True, allow_null=True, default=None)
    version_count = serializers.IntegerField(read_only=True)
    aliases = serializers.DictField(
        source="alias_versions", child=serializers.IntegerField(), read_only=True, help_text="{alias: version}"
    )
    flavors = serializers.ListField(
        source="latest.flavors", child=serializers.CharField(), read_only=True, default=list
    )
    tags = serializers.DictField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = RegisteredModel
        fields = [
            "full_name",
            "workspace",
            "catalog_name",
            "schema_name",
            "name",
            "team",
            "owner",
            "comment",
            "tags",
            "risk",
            "latest_version",
            "version_count",
            "aliases",
            "flavors",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields


class RiskSerializer(serializers.Serializer[Any]):
    risk = serializers.ChoiceField(choices=Risk.choices)


class VersionSerializer(serializers.ModelSerializer[ModelVersion]):
    aliases = serializers.ListField(child=serializers.CharField(), read_only=True)
    tags = serializers.DictField(child=serializers.CharField(), read_only=True)
    metrics = serializers.DictField(child=serializers.FloatField(), read_only=True)
    flavors = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = ModelVersion
        fields = [
            "version",
            "status",
            "aliases",
            "flavors",
            "metrics",
            "tags",
            "comment",
            "run_id",
            "created_by",
            "created_at",
            "size_bytes",
        ]
        read_only_fields = fields


class DatasetSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(read_only=True)
    digest = serializers.CharField(read_only=True)
    used_for = serializers.CharField(
        source="context", read_only=True, help_text="Context of mlflow.log_input, for example training."
    )
    source_type = serializers.CharField(read_only=True)
    table = serializers.CharField(read_only=True, help_text="Full name in Unity Catalog; empty for other sources.")
    table_version = serializers.IntegerField(read_only=True, allow_null=True)


class VersionDetailSerializer(VersionSerializer):
    model = serializers.CharField(source="model.full_name", read_only=True)
    params = serializers.DictField(child=serializers.CharField(), read_only=True)
    signature = serializers.DictField(
        read_only=True, help_text="inputs, outputs and params as in MLmodel; empty if the model has no signature."
    )
    input_example = serializers.JSONField(
        read_only=True,
        allow_null=True,
        help_text="JSON body for an invocation of the endpoint; null if no example was logged.",
    )
    requirements = serializers.ListField(child=serializers.CharField(), read_only=True)
    datasets = DatasetSerializer(
        many=True, read_only=True, help_text="Datasets that the run logged with mlflow.log_input."
    )
    feature_importance = serializers.DictField(
        child=serializers.FloatField(),
        read_only=True,
        allow_null=True,
        help_text="{feature: 0 to 1}; null if no importance was logged.",
    )

    class Meta(VersionSerializer.Meta):
        fields = [
            "model",
            *VersionSerializer.Meta.fields,
            "source",
            "params",
            "signature",
            "input_example",
            "requirements",
            "datasets",
            "feature_importance",
            "details_synced_at",
        ]
        read_only_fields = fields
