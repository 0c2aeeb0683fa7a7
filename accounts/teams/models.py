"""Teams and their members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditlog.registry import auditlog
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models

from accounts.people.models import User
from accounts.teams.roles import Role

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


SLUG = RegexValidator(r"^[a-z][a-z0-9_]{0,62}$", "Use lower-case letters, digits and _, starting with a letter.")


class TeamQuerySet(models.QuerySet["Team"]):
    def visible_to(self, user: User | AnonymousUser) -> TeamQuerySet:
        """The teams that ``user`` is a member of; all teams for a platform admin."""
        if not isinstance(user, User):
            return self.none()
        if user.is_platform_admin:
            return self
        return self.filter(memberships__user=user).distinct()


class Team(models.Model):
    """Owns models and deployments."""

    #: The Unity Catalog schema in which the team's models are registered.
    slug = models.CharField(max_length=63, unique=True, validators=[SLUG])
    name = models.CharField(max_length=120)
    cost_center = models.CharField(max_length=64, blank=True)
    #: Limit of the monthly cost of all the team's endpoints, in ``budget_currency``; null for no limit.
    monthly_budget = models.DecimalField(
        max_digits=12, decimal_places=2, null=True, blank=True, validators=[MinValueValidator(0)]
    )
    #: ISO 4217.
    budget_currency = models.CharField(max_length=3, default="USD")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TeamQuerySet.as_manager()

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.name


class OfTeamQuerySet(models.QuerySet[Any]):
    def visible_to(self, user: User | AnonymousUser) -> OfTeamQuerySet:
        """The rows of the teams that ``user`` is a member of; all rows for a platform admin."""
        if isinstance(user, User) and user.is_platform_admin:
            return self
        return self.filter(team__in=Team.objects.visible_to(user))


class Membership(models.Model):
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role)

    class Meta:
        ordering = ["team__slug", "user__username"]
        constraints = [models.UniqueConstraint(fields=["user", "team"], name="one_role_per_team")]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} of {self.team}"


auditlog.register(Team)

auditlog.register(Membership)
