"""A Deployment is the wish: one serving endpoint for one model in one environment."""

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


# An observation older than this says nothing about now.
STALE_AFTER = timedelta(minutes=5)


@dataclass(frozen=True)
class EndpointState:
    """What people read about an endpoint: two words and a tone. ``label`` is "Ready · up to date", for example."""

    tone: str
    label: str


class DeploymentQuerySet(models.QuerySet["Deployment"]):
    def visible_to(self, user: User | AnonymousUser) -> DeploymentQuerySet:
        """Deployments of the teams ``user`` is in; all for a platform admin."""
        if isinstance(user, User) and user.is_platform_admin:
            return self
        return self.filter(team__in=Team.objects.visible_to(user))

    def live(self) -> DeploymentQuerySet:
        """Without those that were destroyed."""
        return self.filter(destroyed_at=None)


class Deployment(models.Model):
    """``spec`` is the newest one that was asked for; what really runs is in the observed fields.

    Observed fields mirror the endpoint as the workspace last showed it: ``served`` and ``pending`` are lists of
    {"name", "entity_name", "entity_version", "state", "message", "traffic"}, traffic in percent.
    ``intended`` are the variables of terraform/modules/model_endpoint as the last good run left them, with the routes
    that traffic really has: what the endpoint should look like now; ``intended_spec`` is the spec they come from. Both
    are empty before the first good run.
    ``hours_used_per_day`` is what people expect of an endpoint that scales to zero: an assumption of its
    price, null where nobody has said.
    ``fencing`` is the number of the newest Terraform credential: writes with an older one are refused.
    """

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="deployments")
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="deployments")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="deployments")
    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="deployments")
    name = models.CharField(max_length=63)
    spec = models.JSONField()
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="deployments_created")
    created_at = models.DateTimeField(auto_now_add=True)
    destroyed_at = models.DateTimeField(null=True, blank=True)
    intended = models.JSONField(default=dict, blank=True)
    intended_spec = models.JSONField(default=dict, blank=True)
    hours_used_per_day = models.DecimalField(max_digits=4, decimal_places=1, null=True, blank=True)
    fencing = models.PositiveIntegerField(default=0)

    endpoint_id = models.CharField(max_length=64, blank=True)
    endpoint_url = models.CharField(max_length=1024, blank=True)
    endpoint_creator = models.CharField(max_length=255, blank=True)
    ready = models.CharField(max_length=20, blank=True)
    config_update = models.CharField(max_length=30, blank=True)
    served = models.JSONField(default=list, blank=True)
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
        """The version that gets most of the traffic, "" if none serves."""
        serving = [entity for entity in self.served if entity.get("traffic")]
        return str(max(serving, key=lambda entity: entity["traffic"])["entity_version"]) if serving else ""

    def endpoint_state(self, now: datetime | None = None) -> EndpointState:
        """The endpoint in two words, from the last observation. Never "Ready" on old news."""
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
    """Deployments whose endpoint is in the state ``word``: the words of ``Deployment.endpoint_state`` as a query."""
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
