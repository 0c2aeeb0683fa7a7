"""Admin pages of the catalog. Workspaces and environments are edited here; the mirror is read-only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Field, URLField
from django.http import HttpRequest

from catalog.registered_models.models import ModelVersion, RegisteredModel
from catalog.workspaces.models import Environment, Workspace
from web.admin import LookOnly

if TYPE_CHECKING:
    # Django's admin classes take no type parameters at run time.
    WorkspaceAdminBase = admin.ModelAdmin[Workspace]
    EnvironmentAdminBase = admin.ModelAdmin[Environment]
    MirrorBase = admin.ModelAdmin[Any]
else:
    WorkspaceAdminBase = EnvironmentAdminBase = MirrorBase = admin.ModelAdmin


@admin.register(Workspace)
class WorkspaceAdmin(WorkspaceAdminBase):
    list_display = ["name", "host", "credential", "synced_at", "sync_error"]
    readonly_fields = ["synced_at", "sync_error"]

    def formfield_for_dbfield(self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any) -> Any:
        """Assume https for a host without a scheme."""
        if isinstance(db_field, URLField):
            kwargs["assume_scheme"] = "https"
        return super().formfield_for_dbfield(db_field, request, **kwargs)


@admin.register(Environment)
class EnvironmentAdmin(EnvironmentAdminBase):
    list_display = ["slug", "name", "position", "workspace", "catalog_name", "needs_approval"]
    list_select_related = ["workspace"]
    prepopulated_fields = {"slug": ["name"]}
    ordering = ["position", "slug"]


class MirrorAdmin(LookOnly, MirrorBase):
    """Rows that only the sync writes."""


@admin.register(RegisteredModel)
class RegisteredModelAdmin(MirrorAdmin):
    list_display = ["full_name", "workspace", "team", "owner", "updated_at", "removed_at"]
    list_filter = ["workspace", "team"]
    list_select_related = ["workspace", "team"]
    search_fields = ["full_name", "owner"]


@admin.register(ModelVersion)
class ModelVersionAdmin(MirrorAdmin):
    list_display = ["model", "version", "status", "created_at", "details_synced_at", "removed_at"]
    list_filter = ["status"]
    list_select_related = ["model"]
    search_fields = ["model__full_name"]
