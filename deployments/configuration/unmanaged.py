"""Unmanaged endpoints of a workspace, as of the last listing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Exists, OuterRef

from accounts.models import User
from catalog.models import RegisteredModel, Workspace
from deployments.deployment.models import Deployment, DeploymentQuerySet
from deployments.runs.models import Run
from deployments.runs.statuses import GOOD, UNFINISHED, RunKind
from deployments.tfstate.models import StateVersion

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


def given_up_adoptions() -> DeploymentQuerySet:
    """Deployments whose only purpose was an adoption that failed. Their endpoints are still unmanaged."""
    runs = Run.objects.filter(deployment=OuterRef("pk"))
    return (
        Deployment.objects.live()
        .filter(Exists(runs.filter(kind=RunKind.ADOPT)))
        .exclude(Exists(runs.exclude(kind=RunKind.ADOPT)))
        .exclude(Exists(runs.filter(status__in=(*UNFINISHED, *GOOD))))
        .exclude(Exists(StateVersion.objects.filter(deployment=OuterRef("pk"))))
    )


def managing() -> DeploymentQuerySet:
    """Live deployments that manage their endpoint."""
    return Deployment.objects.live().exclude(pk__in=given_up_adoptions().values("pk"))


class EndpointListing(models.Model):
    """When the endpoints of a workspace were last listed, and the error of a failed listing since."""

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, related_name="endpoint_listing")
    listed_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"endpoints of {self.workspace}"


class UnmanagedEndpointQuerySet(models.QuerySet["UnmanagedEndpoint"]):
    def visible_to(self, user: User | AnonymousUser) -> UnmanagedEndpointQuerySet:
        """Endpoints of models that ``user`` may see. Platform admins see all."""
        if isinstance(user, User) and user.is_platform_admin:
            return self
        seen = RegisteredModel.objects.visible_to(user).present()
        return self.filter(Exists(seen.filter(workspace=OuterRef("workspace"), full_name=OuterRef("model_name"))))

    def unmanaged(self) -> UnmanagedEndpointQuerySet:
        """Endpoints that no deployment manages, also counting deployments created since the listing."""
        return self.exclude(Exists(managing().filter(workspace=OuterRef("workspace"), name=OuterRef("name"))))


class UnmanagedEndpoint(models.Model):
    """A serving endpoint that no deployment managed at the last listing."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="unmanaged_endpoints")
    name = models.CharField(max_length=255)
    endpoint_id = models.CharField(max_length=64)
    creator = models.CharField(max_length=255, blank=True)
    ready = models.CharField(max_length=20)
    config_update = models.CharField(max_length=30, blank=True)
    #: The model with the largest share of the traffic.
    model_name = models.CharField(max_length=767, blank=True)
    #: [{"entity_name", "entity_version", "workload_type", "workload_size", "scale_to_zero", "traffic"}], in percent.
    served = models.JSONField(default=list)
    tags = models.JSONField(default=dict)
    made_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField(null=True, blank=True)
    #: Variables of terraform/modules/model_endpoint that would create it. Encrypted: includes environment variables.
    live = models.BinaryField()

    objects = UnmanagedEndpointQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="one_row_per_unmanaged_endpoint")]
        indexes = [models.Index(fields=["workspace", "model_name"])]

    def __str__(self) -> str:
        return self.name

    @property
    def is_ready(self) -> bool:
        return self.ready == "READY" and self.config_update == "NOT_UPDATING"

    @property
    def obstacle(self) -> str:
        """Why the endpoint cannot be adopted, or "" if no reason is known."""
        if len(self.served) != 1:
            return f"It serves {len(self.served) or 'no'} versions; a deployment needs exactly one."
        if self.model_name.count(".") != 2:
            return "It does not serve a model of Unity Catalog."
        if not self.is_ready:
            return "It is not ready, or an update is in progress or has failed."
        return ""
