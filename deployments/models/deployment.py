"""A Deployment is the wish: one serving endpoint for one model in one environment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import models
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


class Draft(models.Model):
    """The answers of a wizard that is not finished. ``revision`` grows with each save, so a stale page is noticed."""

    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="drafts")
    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, null=True, blank=True, related_name="drafts")
    data: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(default=dict, blank=True)
    revision = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-updated_at"]

    def __str__(self) -> str:
        return f"draft {self.pk}"

    @property
    def answers(self) -> dict[str, Any]:
        """What was answered so far, in the shape of a spec. Parts may be missing or wrong."""
        found: dict[str, Any] = self.data.get("answers", {})
        return found

    @property
    def done(self) -> list[str]:
        """The steps that were answered and left with Next."""
        found: list[str] = self.data.get("done", [])
        return found

    @classmethod
    def start(
        cls, owner: User, answers: dict[str, Any], done: list[str], deployment: Deployment | None, source: str
    ) -> Draft:
        """A new draft. From a link (``source`` is its query) an untouched draft of the same link is taken up again."""
        data = {"answers": answers, "done": done, "source": source}
        same = cls.objects.filter(owner=owner, deployment=deployment, revision=0, data=data) if source else None
        return (same and same.first()) or cls.objects.create(owner=owner, deployment=deployment, data=data)

    def save_answers(self, revision: int, answers: dict[str, Any], done: list[str]) -> bool:
        """Keep the answers of a page that was rendered at ``revision``; False if the draft has changed since.

        Raises DoesNotExist when it was deployed or deleted meanwhile.
        """
        data = {**self.data, "answers": answers, "done": done}
        mine = Draft.objects.filter(pk=self.pk, revision=revision)
        saved = bool(mine.update(data=data, revision=revision + 1, updated_at=timezone.now()))
        self.refresh_from_db()
        return saved
