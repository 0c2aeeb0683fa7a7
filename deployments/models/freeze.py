"""A freeze: for a while nothing is applied, everywhere, in one environment, or for one team."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Team, User
from catalog.models import Environment

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


class FreezeQuerySet(models.QuerySet["Freeze"]):
    def active(self) -> FreezeQuerySet:
        return self.filter(lifted_at=None, ends_at__gt=timezone.now())

    def covering(self, environment_id: int, team_id: int) -> FreezeQuerySet:
        """Freezes that hold a deployment of this team in this environment, the one that ends last first."""
        scope = Freeze.Scope
        return self.filter(
            Q(scope=scope.ALL)
            | Q(scope=scope.ENVIRONMENT, environment=environment_id)
            | Q(scope=scope.TEAM, team=team_id)
        ).order_by("-ends_at")

    def visible_to(self, user: User | AnonymousUser) -> FreezeQuerySet:
        """A team's freeze is seen by the team, the others by everybody who is signed in."""
        if not isinstance(user, User):
            return self.none()
        if user.is_platform_admin:
            return self
        return self.filter(~Q(scope=Freeze.Scope.TEAM) | Q(team__in=Team.objects.visible_to(user)))


class Freeze(models.Model):
    """Over when it was lifted or ``ends_at`` has come. ``environment`` and ``team`` are set as ``scope`` says."""

    MAX_LENGTH = timedelta(days=30)

    class Scope(models.TextChoices):
        ALL = "all", "Everything"
        ENVIRONMENT = "environment", "One environment"
        TEAM = "team", "One team"

    scope = models.CharField(max_length=12, choices=Scope)
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    reason = models.TextField()
    ends_at = models.DateTimeField(db_index=True)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    lifted_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    lifted_at = models.DateTimeField(null=True, blank=True)

    objects = FreezeQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(scope="all", environment=None, team=None)
                | Q(scope="environment", environment__isnull=False, team=None)
                | Q(scope="team", environment=None, team__isnull=False),
                name="freeze_names_what_its_scope_says",
            )
        ]

    def __str__(self) -> str:
        return f"freeze of {self.subject}"

    @property
    def subject(self) -> str:
        """What is frozen, in words."""
        return str(self.environment or self.team or "everything")

    @property
    def is_active(self) -> bool:
        return self.lifted_at is None and self.ends_at > timezone.now()
