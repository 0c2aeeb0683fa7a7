"""What people say about drift: how a feature is judged, and what a version is compared with."""

from __future__ import annotations

import math
from typing import Any

from auditlog.models import LogEntry
from django.db import transaction

from accounts.models import User
from accounts.teams.roles import Action
from catalog.models import ModelVersion
from deployments.deployment.permissions import require
from deployments.models import Deployment
from integrations.databricks.datasets import TABLE_NAME
from monitoring.drift.baselines import of_training
from monitoring.drift.models import Baseline, DriftJob, FeatureSetting
from monitoring.watched.services import require_inference_table
from monitoring.watched.versions import columns_of, versions_of
from web.errors import Invalid

MAX_THRESHOLD = 1000.0
# What a person may say about a feature. None takes it back: then the deployment's spec counts.
SETTINGS = ("threshold", "starred", "excluded", "critical")
NO_TRAINING = "The run of this version names no table that it was trained on (mlflow.log_input)."


def set_feature(*, deployment: Deployment, feature: str, changes: dict[str, Any], actor: User) -> FeatureSetting:
    """Keep ``changes``, some of SETTINGS, for one feature of the deployment. They count at once, and for the past.

    Raises PermissionDenied, or Invalid by field.
    """
    require(actor, Action.DEPLOY, deployment)
    _check(deployment, feature, changes)
    with transaction.atomic():
        # Two people at once: the row is there for the second, who then changes it.
        Deployment.objects.select_for_update().get(pk=deployment.pk)
        setting = FeatureSetting.objects.filter(deployment=deployment, feature=feature).first()
        setting = setting or FeatureSetting(deployment=deployment, feature=feature)
        for name, value in changes.items():
            setattr(setting, name, value)
        setting.updated_by = actor
        setting.save()
    return setting


def _check(deployment: Deployment, feature: str, changes: dict[str, Any]) -> None:
    errors: dict[str, list[str]] = {}
    if feature not in features_of(deployment):
        errors["feature"] = ["No version of this deployment has such a feature."]
    threshold = changes.get("threshold")
    if threshold is not None and not (math.isfinite(threshold) and 0 < threshold <= MAX_THRESHOLD):
        errors["threshold"] = [f"Write a number above 0, at most {MAX_THRESHOLD:g}; leave it empty for the usual one."]
    if errors:
        raise Invalid(errors)


def features_of(deployment: Deployment) -> set[str]:
    """What the versions of the deployment take, and what their baselines have."""
    versions = versions_of(deployment)
    found = {name for version in versions for name in columns_of(version)}
    for data in Baseline.objects.filter(version__in=versions).values_list("data", flat=True):
        found |= {*data["features"], *data.get("not_comparable", {})}
    return found


def choose_baseline(
    *, deployment: Deployment, version: str, source: str, actor: User, table: str = "", prediction_column: str = ""
) -> DriftJob:
    """Have a job of the workspace make the baseline of a version: of a table, its training data or its first traffic.

    The one before stays until there is another. Raises PermissionDenied, Refused, or Invalid by field.
    """
    require(actor, Action.DEPLOY, deployment)
    require_inference_table(deployment)
    wanted = _wanted_baseline(_version_of(deployment, version), source, table, prediction_column)
    with transaction.atomic():
        job, _ = DriftJob.objects.get_or_create(deployment=deployment)
        DriftJob.objects.filter(pk=job.pk).update(wanted=wanted)
        changes = {"drift_baseline": ["", f"version {version}: {wanted['table'] or 'first traffic'}"]}
        LogEntry.objects.log_create(
            deployment, force_log=True, action=LogEntry.Action.UPDATE, changes=changes, actor=actor
        )
    job.refresh_from_db()
    return job


def _version_of(deployment: Deployment, version: str) -> ModelVersion:
    known = {str(row.version): row for row in versions_of(deployment)}
    if version not in known:
        raise Invalid({"version": ["This deployment has not served such a version."]})
    return known[version]


def _wanted_baseline(version: ModelVersion, source: str, table: str, prediction_column: str) -> dict[str, Any]:
    """As ``DriftJob.wanted`` has it."""
    asked = {"kind": "baseline", "version": str(version.version), "source": source}
    if source == Baseline.Source.TRAFFIC:
        return {**asked, "table": "", "prediction_column": ""}
    if source == Baseline.Source.TABLE:
        if not TABLE_NAME.fullmatch(table):
            raise Invalid({"table": ["Write the full name: catalog.schema.table."]})
        return {**asked, "table": table, "prediction_column": prediction_column}
    if source != Baseline.Source.TRAINING:
        raise Invalid({"source": ["Choose the training data, a table or the first traffic."]})
    if version.training_table is None:
        raise Invalid({"source": [NO_TRAINING]})
    return of_training(version)
