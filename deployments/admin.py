"""Read-only admin pages of deployments, for the platform team.

Only runs change a deployment: anything else would bypass plans, approvals and the audit trail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin

from deployments.deployment.models import Deployment
from deployments.policies.models import Approval
from deployments.runs.models import Run
from deployments.tfstate.models import StateLock
from deployments.trials.models import TestRequest
from web.admin import LookOnly

if TYPE_CHECKING:
    # Django's admin classes take no type parameters at run time.
    LookAdminBase = admin.ModelAdmin[Any]
    LookInlineBase = admin.TabularInline[Any, Any]
else:
    LookAdminBase, LookInlineBase = admin.ModelAdmin, admin.TabularInline


@admin.register(Deployment)
class DeploymentAdmin(LookOnly, LookAdminBase):
    list_display = ["name", "team", "environment", "model", "created_at", "destroyed_at"]
    list_filter = ["environment", "team"]
    list_select_related = ["team", "environment", "model"]
    search_fields = ["name", "model__full_name"]


class ApprovalInline(LookOnly, LookInlineBase):
    model = Approval
    extra = 0


@admin.register(Run)
class RunAdmin(LookOnly, LookAdminBase):
    inlines = [ApprovalInline]
    list_display = ["id", "deployment", "kind", "status", "requested_by", "created_at", "finished_at"]
    list_filter = ["status", "kind", "deployment__environment"]
    list_select_related = ["deployment", "requested_by"]
    search_fields = ["deployment__name", "message"]
    exclude = ["lease_token"]


@admin.register(StateLock)
class StateLockAdmin(LookOnly, LookAdminBase):
    """State locks that Terraform holds. Resuming or cancelling a run frees the lock that it left behind."""

    list_display = ["deployment", "run", "lock_id", "created_at"]
    list_select_related = ["deployment", "run"]


@admin.register(TestRequest)
class TestRequestAdmin(LookOnly, LookAdminBase):
    list_display = ["id", "deployment", "requested_by", "status", "status_code", "created_at"]
    list_filter = ["status"]
    list_select_related = ["deployment", "requested_by"]
