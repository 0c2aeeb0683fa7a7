"""A deployment: one serving endpoint for one model in one environment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Team, User
from catalog.models import Environment, RegisteredModel, Workspace

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


# The state of an endpoint counts as unknown once its last observation is older than this.
STALE_AFTER = timedelta(minutes=5)


@dataclass(frozen=True)
class EndpointState:
    """The state of an endpoint as people read it. ``label`` is "Ready · up to date", for example."""

    tone: str
    label: str


class DeploymentQuerySet(models.QuerySet["Deployment"]):
    def visible_to(self, user: User | AnonymousUser) -> DeploymentQuerySet:
        """Deployments of the teams that ``user`` belongs to. Platform admins see all."""
        if isinstance(user, User) and user.is_platform_admin:
            return self
        return self.filter(team__in=Team.objects.visible_to(user))

    def live(self) -> DeploymentQuerySet:
        """Deployments that are not destroyed."""
        return self.filter(destroyed_at=None)


class Deployment(models.Model):
    """The requested configuration of an endpoint, and the endpoint as the workspace last showed it."""

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="deployments")
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="deployments")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="deployments")
    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="deployments")
    name = models.CharField(max_length=63)
    #: The requested configuration. The observed fields below say what runs.
    spec = models.JSONField()
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="deployments_created")
    created_at = models.DateTimeField(auto_now_add=True)
    destroyed_at = models.DateTimeField(null=True, blank=True)
    #: What the endpoint should look like now: the variables of terraform/modules/model_endpoint as the last
    #: successful run left them, with the current routes. Empty before the first successful run.
    intended = models.JSONField(default=dict, blank=True)
    #: The spec that ``intended`` was made from. Empty before the first successful run.
    intended_spec = models.JSONField(default=dict, blank=True)
    #: Expected hours of use a day, for the price of an endpoint that scales to zero. Null if not set.
    hours_used_per_day = models.DecimalField(max_digits=4, decimal_places=1, null=True, blank=True)
    #: Number of the newest Terraform credential. Writes with an older credential are refused.
    fencing = models.PositiveIntegerField(default=0)

    # Observed fields: the endpoint as the workspace last showed it.
    endpoint_id = models.CharField(max_length=64, blank=True)
    endpoint_url = models.CharField(max_length=1024, blank=True)
    endpoint_creator = models.CharField(max_length=255, blank=True)
    ready = models.CharField(max_length=20, blank=True)
    config_update = models.CharField(max_length=30, blank=True)
    #: [{"name", "entity_name", "entity_version", "state", "message", "traffic"}], traffic in percent.
    served = models.JSONField(default=list, blank=True)
    #: Entities of an update in progress, in the shape of ``served``.
    pending = models.JSONField(default=list, blank=True)
    observed_at = models.DateTimeField(null=True, blank=True)
    observe_error = models.TextField(blank=True)

    objects = DeploymentQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "name"],
                condition=models.Q(destroyed_at=None),
                name="one_live_endpoint_per_name",
            )
        ]
        indexes = [models.Index(fields=["team", "name"])]

    def __str__(self) -> str:
        return self.name

    @property
    def live_version(self) -> str:
        """The version with the largest share of the traffic; "" if no version gets traffic."""
        serving = [entity for entity in self.served if entity.get("traffic")]
        return str(max(serving, key=lambda entity: entity["traffic"])["entity_version"]) if serving else ""

    def endpoint_state(self, now: datetime | None = None) -> EndpointState:
        """The state of the endpoint at the last observation; unknown if that is older than STALE_AFTER."""
        if self.destroyed_at:
            return EndpointState("idle", "Destroyed")
        if self.observed_at is None:
            return EndpointState("unknown", "Unknown · never seen")
        if (now or timezone.now()) - self.observed_at > STALE_AFTER or self.observe_error:
            return EndpointState("unknown", "Unknown · not seen lately")
        if not self.endpoint_id:
            return EndpointState("idle", "Not deployed")
        return _READY_AND_UPDATE.get(
            (self.ready, self.config_update), EndpointState("unknown", "Unknown · unexpected answer")
        )


_READY_AND_UPDATE = {
    ("READY", "NOT_UPDATING"): EndpointState("ok", "Ready · up to date"),
    ("READY", "IN_PROGRESS"): EndpointState("busy", "Ready · updating"),
    ("READY", "UPDATE_FAILED"): EndpointState("warn", "Ready · update failed"),
    ("READY", "UPDATE_CANCELED"): EndpointState("warn", "Ready · update cancelled"),
    ("NOT_READY", "NOT_UPDATING"): EndpointState("bad", "Not ready · recovering"),
    ("NOT_READY", "IN_PROGRESS"): EndpointState("busy", "Not ready · updating"),
    ("NOT_READY", "UPDATE_FAILED"): EndpointState("bad", "Not ready · update failed"),
    ("NOT_READY", "UPDATE_CANCELED"): EndpointState("bad", "Not ready · update cancelled"),
}


def in_state(word: str) -> Q:
    """Deployments whose endpoint is in the state ``word``: ``Deployment.endpoint_state`` as a query."""
    seen = Q(destroyed_at=None, observed_at__gte=timezone.now() - STALE_AFTER, observe_error="")
    there = seen & ~Q(endpoint_id="")
    return {
        "ready": there & Q(ready="READY", config_update="NOT_UPDATING"),
        "updating": there & Q(config_update="IN_PROGRESS"),
        "update_failed": there & Q(config_update__in=("UPDATE_FAILED", "UPDATE_CANCELED")),
        "not_ready": there & Q(ready="NOT_READY"),
        "not_deployed": seen & Q(endpoint_id=""),
        "unknown": Q(destroyed_at=None) & ~seen,
        "destroyed": Q(destroyed_at__isnull=False),
    }[word]
