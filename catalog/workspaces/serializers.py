"""Environments in the API."""

from __future__ import annotations

from rest_framework import serializers

from catalog.workspaces.models import Environment


class EnvironmentSerializer(serializers.ModelSerializer[Environment]):
    workspace = serializers.SlugField(source="workspace.name", read_only=True)
    synced_at = serializers.DateTimeField(
        source="workspace.synced_at",
        read_only=True,
        allow_null=True,
        help_text="Time of the last successful sync of the workspace.",
    )
    sync_error = serializers.CharField(source="workspace.sync_error", read_only=True)
    is_syncing = serializers.BooleanField(source="workspace.is_syncing", read_only=True)

    class Meta:
        model = Environment
        fields = [
            "slug",
            "name",
            "position",
            "workspace",
            "catalog_name",
            "needs_approval",
            "approval_expires_after_hours",
            "synced_at",
            "sync_error",
            "is_syncing",
        ]
        read_only_fields = fields
