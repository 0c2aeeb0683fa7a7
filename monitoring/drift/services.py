"""Actions of people on drift: settings of features, and the baseline of a version."""

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
#: Settings of a feature. None resets one to the deployment's spec.
SETTINGS = ("threshold", "starred", "excluded", "critical")
NO_TRAINING = "The run of this version does not name its training table (mlflow.log_input)."


def set_feature(*, deployment: Deployment, feature: str, changes: dict[str, Any], actor: User) -> FeatureSetting:
    """Change some of SETTINGS for one feature of the deployment. They apply at once, also to past windows.

    Raises PermissionDenied or Invalid.
    """
    require(actor, Action.DEPLOY, deployment)
    _check(deployment, feature, changes)
    with transaction.atomic():
        # Serialize concurrent calls: the second one updates the row of the first.
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
        errors["threshold"] = [f"Enter a number above 0 and at most {MAX_THRESHOLD:g}. Leave it empty for the default."]
    if errors:
        raise Invalid(errors)


def features_of(deployment: Deployment) -> set[str]:
    """The input columns of the deployment's versions, and the features of their baselines."""
    versions = versions_of(deployment)
    found = {name for version in versions for name in columns_of(version)}
    for data in Baseline.objects.filter(version__in=versions).values_list("data", flat=True):
        found |= {*data["features"], *data.get("not_comparable", {})}
    return found


def choose_baseline(
    *, deployment: Deployment, version: str, source: str, actor: User, table: str = "", prediction_column: str = ""
) -> DriftJob:
    """Request a baseline of a version, from a table, its training data or its first traffic.

    A job of the workspace makes it. The current baseline is used until then. Raises PermissionDenied, Refused or
    Invalid.
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
        raise Invalid({"version": ["This deployment has not served this version."]})
    return known[version]


def _wanted_baseline(version: ModelVersion, source: str, table: str, prediction_column: str) -> dict[str, Any]:
    """The request in the format of ``DriftJob.wanted``."""
    asked = {"kind": "baseline", "version": str(version.version), "source": source}
    if source == Baseline.Source.TRAFFIC:
        return {**asked, "table": "", "prediction_column": ""}
    if source == Baseline.Source.TABLE:
        if not TABLE_NAME.fullmatch(table):
            raise Invalid({"table": ["Enter the full name: catalog.schema.table."]})
        return {**asked, "table": table, "prediction_column": prediction_column}
    if source != Baseline.Source.TRAINING:
        raise Invalid({"source": ["Choose the training data, a table or the first traffic."]})
    if version.training_table is None:
        raise Invalid({"source": [NO_TRAINING]})
    return of_training(version)
