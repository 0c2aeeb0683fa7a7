"""Registered models and their versions: a mirror of the workspace's registry (Unity Catalog).

Only the sync writes them, except for ``RegisteredModel.risk``.
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


# Contexts of mlflow.log_input that mean training: MLflow's documentation uses "training", its autologging "train".
TRAINING = frozenset(("training", "train"))


class Risk(models.TextChoices):
    """The harm that wrong predictions can do, in ascending order. Policies can be stricter for higher tiers."""

    LOW = "low", "Low"
    MEDIUM = "medium", "Medium"
    HIGH = "high", "High"
    CRITICAL = "critical", "Critical"


class RegisteredModelQuerySet(models.QuerySet["RegisteredModel"]):
    def visible_to(self, user: User | AnonymousUser) -> RegisteredModelQuerySet:
        """The models of the teams that ``user`` is a member of; all models for a platform admin."""
        if isinstance(user, User) and user.is_platform_admin:
            return self
        return self.filter(team__in=Team.objects.visible_to(user))

    def present(self) -> RegisteredModelQuerySet:
        """The models that still exist in their workspace."""
        return self.filter(removed_at=None)

    def for_list(self) -> RegisteredModelQuerySet:
        """Models with team, workspace, ``version_count`` and ``notable_versions`` for lists. Two queries.

        Notable versions are the newest one and those with an alias, newest first.
        """
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
        """Models with a version whose JSON list ``field`` contains ``value``.

        Compares text, because SQLite has no containment lookup for JSON lists.
        """
        holding = (
            ModelVersion.objects.filter(model=models.OuterRef("pk"), removed_at=None)
            .annotate(text=Cast(field, models.TextField()))
            .filter(text__contains=json.dumps(value))
        )
        return self.filter(models.Exists(holding))


class RegisteredModel(models.Model):
    """A registered model of Unity Catalog."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="models")
    #: catalog.schema.name in lower case.
    full_name = models.CharField(max_length=767)
    catalog_name = models.CharField(max_length=255)
    schema_name = models.CharField(max_length=255)
    name = models.CharField(max_length=255)
    team = models.ForeignKey(Team, on_delete=models.SET_NULL, null=True, blank=True, related_name="models")
    comment = models.TextField(blank=True)
    owner = models.CharField(max_length=255, blank=True)
    tags = models.JSONField(default=dict, blank=True)
    #: Set by team admins, not mirrored.
    risk = models.CharField(max_length=10, choices=Risk, default=Risk.MEDIUM)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    #: Time of the last sync that listed the model.
    seen_at = models.DateTimeField()
    #: Null if the versions have to be read again.
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
        """The newest version. Costs no query for rows of ``for_list``."""
        versions = getattr(self, "notable_versions", None)
        if versions is None:
            return self.versions.filter(removed_at=None).order_by("-version").first()
        return versions[0] if versions else None

    @property
    def alias_versions(self) -> dict[str, int]:
        """{alias: version}, sorted by alias. Costs no query for rows of ``for_list``."""
        versions = getattr(self, "notable_versions", None)
        if versions is None:
            versions = self.versions.filter(removed_at=None).exclude(aliases=[])
        pairs = [(alias, version.version) for version in versions for alias in version.aliases]
        return dict(sorted(pairs))


class ModelVersionStatus(models.TextChoices):
    """ModelVersionInfo.status of the Unity Catalog API."""

    PENDING = "PENDING_REGISTRATION", "Registering"
    READY = "READY", "Ready"
    FAILED = "FAILED_REGISTRATION", "Registration failed"
    UNKNOWN = "MODEL_VERSION_STATUS_UNKNOWN", "Unknown"


class TrainingTable(NamedTuple):
    #: Full name in Unity Catalog.
    name: str
    #: Version of the Delta table that was read; None if the run did not log it.
    version: int | None


class ModelVersion(models.Model):
    """A version of a registered model, with details from its MLmodel file and its MLflow run."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="versions")
    version = models.PositiveIntegerField()
    status = models.CharField(max_length=40, choices=ModelVersionStatus, default=ModelVersionStatus.UNKNOWN)
    run_id = models.CharField(max_length=64, blank=True)
    source = models.CharField(max_length=1024, blank=True)
    comment = models.TextField(blank=True)
    #: List of alias names.
    aliases = models.JSONField(default=list, blank=True)
    tags = models.JSONField(default=dict, blank=True)
    #: {name: number}.
    metrics = models.JSONField(default=dict, blank=True)
    params = models.JSONField(default=dict, blank=True)
    #: {"inputs": [...], "outputs": [...], "params": [...]} decoded from MLmodel; {} if the model has no signature.
    signature = models.JSONField(default=dict, blank=True)
    #: JSON body for an invocation of the endpoint; null if no example was logged.
    input_example = models.JSONField(null=True, blank=True)
    #: List of MLflow flavor names.
    flavors = models.JSONField(default=list, blank=True)
    #: Lines of requirements.txt.
    requirements = models.JSONField(default=list, blank=True)
    #: Datasets that the run logged with ``mlflow.log_input``, as dicts of ``integrations.databricks.Dataset``.
    datasets = models.JSONField(default=list, blank=True)
    #: {feature: 0 to 1}; null if no importance was logged.
    feature_importance = models.JSONField(null=True, blank=True)
    size_bytes = models.PositiveBigIntegerField(null=True, blank=True)
    created_by = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(null=True, blank=True)
    #: Null until the details have been read.
    details_synced_at = models.DateTimeField(null=True, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-version"]
        constraints = [models.UniqueConstraint(fields=["model", "version"], name="one_row_per_model_version")]

    def __str__(self) -> str:
        return f"{self.model.full_name} v{self.version}"

    @property
    def training_table(self) -> TrainingTable | None:
        """The Unity Catalog table that the version was trained on; None if its run did not log one."""
        training = [row for row in self.datasets if row.get("table") and row.get("context") in TRAINING]
        return TrainingTable(training[0]["table"], training[0].get("table_version")) if training else None
