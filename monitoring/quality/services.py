"""Actions of people on the label table of a deployment."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from accounts.teams.roles import Action
from deployments.deployment.permissions import require
from deployments.models import Deployment
from integrations.databricks.datasets import TABLE_NAME
from monitoring.quality.figures import Metric, metrics_for
from monitoring.quality.models import RECOUNTED, LabelSource, QualityDay, QualityJob
from monitoring.quality.telling import tell
from monitoring.watched.services import require_inference_table
from web.errors import Invalid, Refused

COLUMNS = ("id_column", "label_column", "time_column")
#: Changes of these do not require a recount.
WORDS_ONLY = {"delay_days", "metric", "limit", "window_days"}
LONGEST_DELAY_DAYS = 3650
LONGEST_WINDOW_DAYS = RECOUNTED.days


@dataclass(frozen=True)
class Labels:
    """Settings of a ``LabelSource``."""

    table: str
    id_column: str
    label_column: str
    kind: str
    time_column: str = ""
    positive_label: str = ""
    delay_days: int | None = None
    metric: str = ""
    limit: float | None = None
    window_days: int = 7

    @property
    def values(self) -> dict[str, Any]:
        """The settings with texts stripped."""
        return {name: value.strip() if isinstance(value, str) else value for name, value in asdict(self).items()}


def set_labels(*, deployment: Deployment, labels: Labels, actor: User) -> LabelSource:
    """Set the label table of a deployment. A change of table or columns deletes the counts.

    Labels are counted at the next step, even if nothing has changed. Existing counts are judged by the new rule at
    once. Raises PermissionDenied, Invalid, or Refused if the inference table is off.
    """
    require(actor, Action.DEPLOY, deployment)
    require_inference_table(deployment)
    values = labels.values
    _check(values)
    with transaction.atomic():
        # Serialize concurrent calls: the second one updates the row of the first.
        Deployment.objects.select_for_update().get(pk=deployment.pk)
        source = LabelSource.objects.filter(deployment=deployment).first() or LabelSource(deployment=deployment)
        changed = {name for name, value in values.items() if source.pk is None or getattr(source, name) != value}
        if changed - WORDS_ONLY:
            _forget_counts(deployment)
        for name, value in values.items():
            setattr(source, name, value)
        source.updated_by, source.updated_at = actor, timezone.now()
        source.save()
        # Count now: access may have been granted or labels added since the last count.
        QualityJob.objects.filter(source=source).exclude(status=QualityJob.Status.RUNNING).update(finished_at=None)
    tell(deployment, timezone.now())
    return source


def remove_labels(*, deployment: Deployment, actor: User) -> None:
    """Delete the label source and its counts. Raises PermissionDenied or Refused."""
    require(actor, Action.DEPLOY, deployment)
    with transaction.atomic():
        Deployment.objects.select_for_update().get(pk=deployment.pk)
        source = LabelSource.objects.filter(deployment=deployment).first()
        if source is None:
            raise Refused("no_labels", "This deployment has no label table.")
        _forget_counts(deployment)
        source.delete()
    tell(deployment, timezone.now())


def _forget_counts(deployment: Deployment) -> None:
    """Delete job and counts. The job goes first, so that one that ends right now cannot add days afterwards."""
    QualityJob.objects.filter(source__deployment=deployment).delete()
    QualityDay.objects.filter(deployment=deployment).delete()


def _check(values: dict[str, Any]) -> None:
    errors: dict[str, list[str]] = {}
    if not TABLE_NAME.fullmatch(values["table"]):
        errors["table"] = ["Enter the full name: catalog.schema.table."]
    for name in COLUMNS:
        if "\x00" in values[name] or len(values[name]) > 255:
            errors[name] = ["This is not a valid column name."]
        elif not values[name] and name != "time_column":
            errors[name] = ["Enter the name of the column."]
    if values["id_column"] and values["id_column"].lower() == values["label_column"].lower():
        errors["label_column"] = ["The label column must differ from the id column."]
    if values["kind"] not in LabelSource.Kind.values:
        errors["kind"] = ["Choose classes or numbers."]
    errors |= _wrong_words(values) | _wrong_rule(values)
    if errors:
        raise Invalid(errors)


def _wrong_words(values: dict[str, Any]) -> dict[str, list[str]]:
    positive, delay_days = values["positive_label"], values["delay_days"]
    errors: dict[str, list[str]] = {}
    if positive and values["kind"] == LabelSource.Kind.REGRESSION:
        errors["positive_label"] = ["Leave it empty: numbers have no positive label."]
    elif "\x00" in positive or len(positive) > 100:
        errors["positive_label"] = ["Enter at most 100 characters."]
    if delay_days is not None and not 0 <= delay_days <= LONGEST_DELAY_DAYS:
        errors["delay_days"] = [f"Enter a number of days from 0 to {LONGEST_DELAY_DAYS}, or leave it empty."]
    return errors


def _wrong_rule(values: dict[str, Any]) -> dict[str, list[str]]:
    key, limit = values["metric"], values["limit"]
    errors: dict[str, list[str]] = {}
    if not 1 <= values["window_days"] <= LONGEST_WINDOW_DAYS:
        errors["window_days"] = [f"Enter a number of days from 1 to {LONGEST_WINDOW_DAYS}."]
    if not key:
        return errors | ({"metric": ["Choose the metric that the limit applies to."]} if limit is not None else {})
    metrics = metrics_for(values["kind"], values["positive_label"])
    metric = next((one for one in metrics if one.key == key), None)
    if metric is None:
        names = ", ".join(one.key for one in metrics)
        return errors | {"metric": [f"This metric does not apply to these labels. Choose one of {names}."]}
    return errors | _wrong_limit(metric, limit)


def _wrong_limit(metric: Metric, limit: float | None) -> dict[str, list[str]]:
    if limit is None:
        return {"limit": ["Enter a limit, or choose no metric."]}
    if not math.isfinite(limit) or limit <= 0:
        return {"limit": ["Enter a number above 0."]}
    if not metric.is_error and limit > metric.best:
        return {"limit": [f"{metric.label} is a share. Enter a number up to 1."]}
    return {}
