"""What can be deployed, and where: workspaces, environments, registered models and their versions.

Models and versions mirror the registry of the workspace (Unity Catalog); only ``sync`` writes them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from django.db import models
from django.db.models.functions import Cast, Coalesce
from django.utils import timezone

from accounts.models import Team, User
from catalog.workspaces.models import Workspace

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


# The contexts of mlflow.log_input that mean training: that of MLflow's documentation, and that of its autologging.
TRAINING = frozenset(("training", "train"))


class Risk(models.TextChoices):
    """How much harm a wrong model can do, the least first. Policies may ask more of the higher tiers."""

    LOW = "low", "Low"
    MEDIUM = "medium", "Medium"
    HIGH = "high", "High"
    CRITICAL = "critical", "Critical"


class RegisteredModelQuerySet(models.QuerySet["RegisteredModel"]):
    def visible_to(self, user: User | AnonymousUser) -> RegisteredModelQuerySet:
        """Models of the teams ``user`` is in; all, with those of no team, for a platform admin."""
        if isinstance(user, User) and user.is_platform_admin:
            return self
        return self.filter(team__in=Team.objects.visible_to(user))

    def present(self) -> RegisteredModelQuerySet:
        """Without those that the workspace no longer has."""
        return self.filter(removed_at=None)

    def for_list(self) -> RegisteredModelQuerySet:
        """With all that a row of a list shows: team, ``version_count`` and ``notable_versions``. Two queries."""
        versions = ModelVersion.objects.filter(removed_at=None)
        of_model = versions.filter(model=models.OuterRef("pk")).order_by().values("model")
        newest = versions.filter(model=models.OuterRef("model")).order_by("-version").values("version")[:1]
        notable = versions.filter(~models.Q(aliases=[]) | models.Q(version=models.Subquery(newest)))
        heavy = ("signature", "input_example", "params", "metrics", "tags", "comment")
        count = models.Subquery(of_model.annotate(n=models.Count("pk")).values("n"))
        return (
            self.select_related("team", "workspace")
            .annotate(version_count=Coalesce(count, 0))
            .prefetch_related(
                models.Prefetch("versions", notable.defer(*heavy).order_by("-version"), "notable_versions")
            )
        )

    def with_version_text(self, field: str, value: str) -> RegisteredModelQuerySet:
        """Models with a version whose JSON list ``field`` holds ``value``.

        As text, because SQLite cannot ask whether a JSON list contains something.
        """
        holding = (
            ModelVersion.objects.filter(model=models.OuterRef("pk"), removed_at=None)
            .annotate(text=Cast(field, models.TextField()))
            .filter(text__contains=json.dumps(value))
        )
        return self.filter(models.Exists(holding))


class RegisteredModel(models.Model):
    """A registered model of Unity Catalog. ``full_name`` is catalog.schema.name in lower case.

    ``risk`` is the team's own word and no part of the mirror.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="models")
    full_name = models.CharField(max_length=767)
    catalog_name = models.CharField(max_length=255)
    schema_name = models.CharField(max_length=255)
    name = models.CharField(max_length=255)
    team = models.ForeignKey(Team, on_delete=models.SET_NULL, null=True, blank=True, related_name="models")
    comment = models.TextField(blank=True)
    owner = models.CharField(max_length=255, blank=True)
    tags = models.JSONField(default=dict, blank=True)
    risk = models.CharField(max_length=10, choices=Risk, default=Risk.MEDIUM)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField()
    versions_synced_at = models.DateTimeField(null=True, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    objects = RegisteredModelQuerySet.as_manager()

    class Meta:
        ordering = ["full_name"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "full_name"], name="one_model_per_name_and_workspace")
        ]
        indexes = [models.Index(fields=["team", "full_name"])]

    def __str__(self) -> str:
        return self.full_name

    @property
    def latest(self) -> ModelVersion | None:
        """The newest version; of a row of ``for_list`` without a query."""
        versions = getattr(self, "notable_versions", None)
        if versions is None:
            return self.versions.filter(removed_at=None).order_by("-version").first()
        return versions[0] if versions else None

    @property
    def alias_versions(self) -> dict[str, int]:
        """{alias: version}, sorted by alias; of a row of ``for_list`` without a query."""
        versions = getattr(self, "notable_versions", None)
        if versions is None:
            versions = self.versions.filter(removed_at=None).exclude(aliases=[])
        pairs = [(alias, version.version) for version in versions for alias in version.aliases]
        return dict(sorted(pairs))


class ModelVersionStatus(models.TextChoices):
    """The registry's own words, see ModelVersionInfo.status of the Unity Catalog API."""

    PENDING = "PENDING_REGISTRATION", "Registering"
    READY = "READY", "Ready"
    FAILED = "FAILED_REGISTRATION", "Registration failed"
    UNKNOWN = "MODEL_VERSION_STATUS_UNKNOWN", "Unknown"


class TrainingTable(NamedTuple):
    """``version`` is the one of Delta that was read, None where nobody noted it."""

    name: str
    version: int | None


class ModelVersion(models.Model):
    """One version of a registered model, with what its MLmodel file and its MLflow run say.

    ``signature``: {"inputs": [...], "outputs": [...], "params": [...]} as in MLmodel, decoded; {} if there is none.
    ``input_example``: the JSON body that an invocation of the endpoint takes, null if none was logged.
    ``metrics``: {name: number}; ``aliases``: list of names; ``flavors``: list of MLflow flavor names;
    ``requirements``: lines of requirements.txt. ``datasets``: what the run noted with ``mlflow.log_input``, as rows of
    ``integrations.databricks.Dataset``. ``feature_importance``: {feature: 0 to 1}, null if none was logged.
    ``details_synced_at`` is null while these are not yet read.
    """

    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="versions")
    version = models.PositiveIntegerField()
    status = models.CharField(max_length=40, choices=ModelVersionStatus, default=ModelVersionStatus.UNKNOWN)
    run_id = models.CharField(max_length=64, blank=True)
    source = models.CharField(max_length=1024, blank=True)
    comment = models.TextField(blank=True)
    aliases = models.JSONField(default=list, blank=True)
    tags = models.JSONField(default=dict, blank=True)
    metrics = models.JSONField(default=dict, blank=True)
    params = models.JSONField(default=dict, blank=True)
    signature = models.JSONField(default=dict, blank=True)
    input_example = models.JSONField(null=True, blank=True)
    flavors = models.JSONField(default=list, blank=True)
    requirements = models.JSONField(default=list, blank=True)
    datasets = models.JSONField(default=list, blank=True)
    feature_importance = models.JSONField(null=True, blank=True)
    size_bytes = models.PositiveBigIntegerField(null=True, blank=True)
    created_by = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(null=True, blank=True)
    details_synced_at = models.DateTimeField(null=True, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-version"]
        constraints = [models.UniqueConstraint(fields=["model", "version"], name="one_row_per_model_version")]

    def __str__(self) -> str:
        return f"{self.model.full_name} v{self.version}"

    @property
    def training_table(self) -> TrainingTable | None:
        """The table of Unity Catalog that the version was trained on, as its run says; None if it says none."""
        training = [row for row in self.datasets if row.get("table") and row.get("context") in TRAINING]
        return TrainingTable(training[0]["table"], training[0].get("table_version")) if training else None
