"""Policies, their results, approvals, freezes and notices.

A policy is a rule with parameters and a level for one place: an environment, a risk tier and a kind of change. Each of
the three may be empty, which means all. For each rule, the most specific policy decides. Every edit creates a new
``PolicyVersion``, and a result refers to the version that it was evaluated with.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Team, User
from catalog.models import Environment, Risk

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


class ChangeKind(models.TextChoices):
    """What a plan does to the endpoint, the most severe kind first. REPLACE covers everything else."""

    DELETE = "delete", "Delete"
    REPLACE = "replace", "Replace the version or other settings"
    CREATE = "create", "Create"
    RESIZE = "resize", "Resize"
    TRAFFIC = "traffic", "Traffic"
    TAGS_ONLY = "tags_only", "Tags only"


class PolicyLevel(models.TextChoices):
    OFF = "off", "Off"
    ADVISORY = "advisory", "Advisory"
    OVERRIDABLE = "overridable", "Overridable"
    MANDATORY = "mandatory", "Mandatory"


class PolicyQuerySet(models.QuerySet["Policy"]):
    def holding(self, environment: str, risk: str, kind: str) -> PolicyQuerySet:
        """Policies that apply to this place. ``environment`` is a slug."""
        return self.filter(
            Q(environment__in=("", environment)), Q(risk__in=("", risk)), Q(change__in=("", kind))
        ).order_by("rule", "pk")


class Policy(models.Model):
    """A rule with level and parameters for one place. ``level`` and ``parameters`` are those of the newest version."""

    rule = models.CharField(max_length=40)
    #: A slug instead of a foreign key: the policies that come with Slipway exist before the first environment.
    environment = models.SlugField(max_length=63, blank=True)
    risk = models.CharField(max_length=10, choices=Risk, blank=True)
    change = models.CharField(max_length=10, choices=ChangeKind, blank=True)
    level = models.CharField(max_length=12, choices=PolicyLevel)
    parameters = models.JSONField(default=dict, blank=True)
    #: Number of the newest PolicyVersion.
    version = models.PositiveIntegerField(default=1)

    objects = PolicyQuerySet.as_manager()

    class Meta:
        ordering = ["rule", "environment", "risk", "change", "pk"]
        verbose_name_plural = "policies"
        constraints = [
            models.UniqueConstraint(fields=["rule", "environment", "risk", "change"], name="one_policy_per_place")
        ]

    def __str__(self) -> str:
        place = ", ".join(part for part in (self.environment, self.risk, self.change) if part)
        return f"{self.rule} ({place or 'everywhere'})"

    @property
    def exactness(self) -> tuple[bool, bool, bool]:
        """Sort key, most specific last. An environment outranks a risk tier, which outranks a kind of change."""
        return bool(self.environment), bool(self.risk), bool(self.change)


class PolicyVersion(models.Model):
    """A policy as it was from ``created_at`` on."""

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    level = models.CharField(max_length=12, choices=PolicyLevel)
    parameters = models.JSONField(default=dict, blank=True)
    reason = models.TextField(blank=True)
    #: Null if the version came with Slipway.
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["policy", "-number"]
        constraints = [models.UniqueConstraint(fields=["policy", "number"], name="one_row_per_policy_version")]

    def __str__(self) -> str:
        return f"{self.policy} version {self.number}"


class PolicyResultQuerySet(models.QuerySet["PolicyResult"]):
    def blocking(self) -> PolicyResultQuerySet:
        """Results that block a run until they are overridden."""
        return self.filter(outcome=PolicyResult.Outcome.OVERRIDABLE, overridden_at=None)

    def visible_to(self, user: User | AnonymousUser) -> PolicyResultQuerySet:
        if isinstance(user, User) and user.is_platform_admin:
            return self
        if not isinstance(user, User):
            return self.none()
        return self.filter(run__deployment__team__memberships__user=user).distinct()


class PolicyResult(models.Model):
    """The result of one rule for one plan. An override is valid only for this plan and this policy version."""

    class Outcome(models.TextChoices):
        PASSED = "passed", "Passed"
        ADVISORY = "advisory", "Advisory failed"
        OVERRIDABLE = "overridable", "Overridable failed"
        MANDATORY = "mandatory", "Mandatory failed"

    run = models.ForeignKey("deployments.Run", on_delete=models.CASCADE, related_name="policy_results")
    plan_sha256 = models.CharField(max_length=64)
    policy_version = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, related_name="results")
    rule = models.CharField(max_length=40)
    outcome = models.CharField(max_length=12, choices=Outcome)
    message = models.TextField()
    fix = models.TextField(blank=True)
    #: A second person has to approve the plan because of this result.
    asks_approval = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    overridden_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    overridden_at = models.DateTimeField(null=True, blank=True)
    override_reason = models.TextField(blank=True)

    objects = PolicyResultQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["run", "plan_sha256", "rule"], name="one_result_per_rule")]

    def __str__(self) -> str:
        return f"{self.rule} of run {self.run_id}: {self.outcome}"

    @property
    def is_blocking(self) -> bool:
        return self.outcome == self.Outcome.OVERRIDABLE and self.overridden_at is None


class Approval(models.Model):
    """A person's decision on one plan. It is bound to the plan's hash, the model version and the tfstate's serial.

    Breaking the glass is a separate decision: it replaces the second person and may follow an approval.
    """

    class Decision(models.TextChoices):
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"
        BREAK_GLASS = "break_glass", "Applied without a second person"

    run = models.ForeignKey("deployments.Run", on_delete=models.CASCADE, related_name="approvals")
    decision = models.CharField(max_length=12, choices=Decision)
    decided_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="approvals")
    decided_at = models.DateTimeField(auto_now_add=True)
    reason = models.TextField(blank=True)
    plan_sha256 = models.CharField(max_length=64)
    model_version = models.CharField(max_length=20)
    state_serial = models.PositiveBigIntegerField()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "plan_sha256", "model_version", "state_serial"],
                condition=~models.Q(decision="break_glass"),
                name="one_decision_per_plan",
            ),
            models.UniqueConstraint(
                fields=["run", "plan_sha256", "model_version", "state_serial"],
                condition=models.Q(decision="break_glass"),
                name="one_break_glass_per_plan",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.decision} by {self.decided_by}"


class FreezeQuerySet(models.QuerySet["Freeze"]):
    def active(self) -> FreezeQuerySet:
        return self.filter(lifted_at=None, ends_at__gt=timezone.now())

    def covering(self, environment_id: int, team_id: int) -> FreezeQuerySet:
        """Freezes that apply to deployments of this team in this environment. The one that ends last comes first."""
        scope = Freeze.Scope
        return self.filter(
            Q(scope=scope.ALL)
            | Q(scope=scope.ENVIRONMENT, environment=environment_id)
            | Q(scope=scope.TEAM, team=team_id)
        ).order_by("-ends_at")

    def visible_to(self, user: User | AnonymousUser) -> FreezeQuerySet:
        """Freezes that ``user`` may see: those of their teams, and all without a team."""
        if not isinstance(user, User):
            return self.none()
        if user.is_platform_admin:
            return self
        return self.filter(~Q(scope=Freeze.Scope.TEAM) | Q(team__in=Team.objects.visible_to(user)))


class Freeze(models.Model):
    """A period in which no run starts to apply. It ends at ``ends_at`` or when it is lifted."""

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
        """What is frozen: the name of the environment or team, or "everything"."""
        return str(self.environment or self.team or "everything")

    @property
    def text(self) -> str:
        """For example "churn is frozen until 02 Dec 09:00 UTC by Ada: month end"."""
        ends_at = f"{timezone.localtime(self.ends_at):%d %b %H:%M %Z}"
        return f"{self.subject} is frozen until {ends_at} by {self.created_by.display_name}: {self.reason}"

    @property
    def is_active(self) -> bool:
        return self.lifted_at is None and self.ends_at > timezone.now()


class Notice(models.Model):
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notices")
    run = models.ForeignKey("deployments.Run", on_delete=models.CASCADE, related_name="notices")
    message = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["user", "acknowledged_at"])]

    def __str__(self) -> str:
        return self.message
