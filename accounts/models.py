"""People, the teams they work in, and the tokens their programs use."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from auditlog.registry import auditlog
from django.contrib.auth.models import AbstractUser
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.utils import timezone
from knox.models import AbstractAuthToken

from accounts.roles import Role

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

SLUG = RegexValidator(r"^[a-z][a-z0-9_]{0,62}$", "Use lower-case letters, digits and _, starting with a letter.")


class User(AbstractUser):  # type: ignore[django-manager-missing]  # knox ships no types
    """A person or a service account. A superuser is a platform admin."""

    @property
    def is_platform_admin(self) -> bool:
        return self.is_active and self.is_superuser

    @property
    def display_name(self) -> str:
        return self.get_full_name() or self.username


class TeamQuerySet(models.QuerySet["Team"]):
    def visible_to(self, user: User | AnonymousUser) -> TeamQuerySet:
        """Teams that ``user`` is a member of; all of them for a platform admin."""
        if not isinstance(user, User):
            return self.none()
        if user.is_platform_admin:
            return self
        return self.filter(memberships__user=user).distinct()


class Team(models.Model):
    """Owns models and deployments. Its slug is the Unity Catalog schema its models are registered in.

    ``monthly_budget``: what all its endpoints together may cost in a month, in ``budget_currency``; null for no limit.
    """

    slug = models.CharField(max_length=63, unique=True, validators=[SLUG])
    name = models.CharField(max_length=120)
    cost_center = models.CharField(max_length=64, blank=True)
    monthly_budget = models.DecimalField(
        max_digits=12, decimal_places=2, null=True, blank=True, validators=[MinValueValidator(0)]
    )
    budget_currency = models.CharField(max_length=3, default="USD")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TeamQuerySet.as_manager()

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.name


class OfTeamQuerySet(models.QuerySet[Any]):
    def visible_to(self, user: User | AnonymousUser) -> OfTeamQuerySet:
        """Those of the teams ``user`` is in; all for a platform admin."""
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


class TokenScope(models.TextChoices):
    READ = "read", "Read"
    WRITE = "write", "Read and write"


class AccessToken(AbstractAuthToken):  # type: ignore[misc]  # knox ships no types
    """A bearer token of the API. Only its hash is kept; knox checks it and its expiry.

    ``scope`` narrows what its user may do: a read token only ever reads.
    """

    # Not the digest, as in knox: the audit trail and URLs name a token by its primary key.
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    digest = models.CharField(max_length=128, unique=True, editable=False)
    name = models.CharField(max_length=120)
    scope = models.CharField(max_length=10, choices=TokenScope, default=TokenScope.READ)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_expired(self) -> bool:
        return self.expiry is not None and self.expiry < timezone.now()


class IdempotencyKeyQuerySet(models.QuerySet["IdempotencyKey"]):
    def expired(self) -> IdempotencyKeyQuerySet:
        """Keys that nobody may count on any more."""
        return self.filter(created_at__lt=timezone.now() - IdempotencyKey.KEPT_FOR)


class IdempotencyKey(models.Model):
    """A POST that a client may send again: what it asked (as a hash) and, once known, what it was answered.

    ``status_code`` is null while the first request is still being answered.
    """

    KEPT_FOR = timedelta(hours=24)

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status_code = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    location = models.CharField(max_length=1024, blank=True)
    created_at = models.DateTimeField(db_index=True)

    objects = IdempotencyKeyQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="one_answer_per_idempotency_key")]

    def __str__(self) -> str:
        return self.key


# Who changed what, for people and machines alike. Neither passwords nor hashes of tokens are recorded.
auditlog.register(User, exclude_fields=["password", "last_login"])
auditlog.register(Team)
auditlog.register(Membership)
auditlog.register(AccessToken, include_fields=["name", "scope", "expiry", "user"])
