"""What people say about labels: which table has them, and what they are."""

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
# What counts do not depend on.
WORDS_ONLY = {"delay_days", "metric", "limit", "window_days"}
LONGEST_DELAY_DAYS = 3650
LONGEST_WINDOW_DAYS = RECOUNTED.days


@dataclass(frozen=True)
class Labels:
    """What a person says of labels, in the words of ``LabelSource``."""

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
        """Without space around texts."""
        return {name: value.strip() if isinstance(value, str) else value for name, value in asdict(self).items()}


def set_labels(*, deployment: Deployment, labels: Labels, actor: User) -> LabelSource:
    """Name the label table of a deployment. Of another one, or of other columns, everything is counted anew.

    What is named again as it was is counted now, and not when its time comes. What is known is judged by the rule at
    once.
    Raises PermissionDenied, Refused without an inference table, or Invalid by field.
    """
    require(actor, Action.DEPLOY, deployment)
    require_inference_table(deployment)
    values = labels.values
    _check(values)
    with transaction.atomic():
        # Two people at once: the row is there for the second, who then changes it.
        Deployment.objects.select_for_update().get(pk=deployment.pk)
        source = LabelSource.objects.filter(deployment=deployment).first() or LabelSource(deployment=deployment)
        changed = {name for name, value in values.items() if source.pk is None or getattr(source, name) != value}
        if changed - WORDS_ONLY:
            _forget_counts(deployment)
        for name, value in values.items():
            setattr(source, name, value)
        source.updated_by, source.updated_at = actor, timezone.now()
        source.save()
        # What was granted meanwhile, or written to the table, is looked at now.
        QualityJob.objects.filter(source=source).exclude(status=QualityJob.Status.RUNNING).update(finished_at=None)
    tell(deployment, timezone.now())
    return source


def remove_labels(*, deployment: Deployment, actor: User) -> None:
    """Labels are read no more, and what was counted of them is gone. Raises PermissionDenied, or Refused."""
    require(actor, Action.DEPLOY, deployment)
    with transaction.atomic():
        Deployment.objects.select_for_update().get(pk=deployment.pk)
        source = LabelSource.objects.filter(deployment=deployment).first()
        if source is None:
            raise Refused("no_labels", "Nobody has said where the labels of this deployment come from.")
        _forget_counts(deployment)
        source.delete()
    tell(deployment, timezone.now())


def _forget_counts(deployment: Deployment) -> None:
    """The job first: one that ends right now finds it gone, or its days are there to be deleted."""
    QualityJob.objects.filter(source__deployment=deployment).delete()
    QualityDay.objects.filter(deployment=deployment).delete()


def _check(values: dict[str, Any]) -> None:
    errors: dict[str, list[str]] = {}
    if not TABLE_NAME.fullmatch(values["table"]):
        errors["table"] = ["Write the full name: catalog.schema.table."]
    for name in COLUMNS:
        if "\x00" in values[name] or len(values[name]) > 255:
            errors[name] = ["No column has such a name."]
        elif not values[name] and name != "time_column":
            errors[name] = ["Name the column."]
    if values["id_column"] and values["id_column"].lower() == values["label_column"].lower():
        errors["label_column"] = ["The label stands in another column than the id."]
    if values["kind"] not in LabelSource.Kind.values:
        errors["kind"] = ["Choose classes or numbers."]
    errors |= _wrong_words(values) | _wrong_rule(values)
    if errors:
        raise Invalid(errors)


def _wrong_words(values: dict[str, Any]) -> dict[str, list[str]]:
    positive, delay_days = values["positive_label"], values["delay_days"]
    errors: dict[str, list[str]] = {}
    if positive and values["kind"] == LabelSource.Kind.REGRESSION:
        errors["positive_label"] = ["Numbers have no positive label: leave it empty."]
    elif "\x00" in positive or len(positive) > 100:
        errors["positive_label"] = ["Write at most 100 characters."]
    if delay_days is not None and not 0 <= delay_days <= LONGEST_DELAY_DAYS:
        errors["delay_days"] = [f"Write a number of days from 0 to {LONGEST_DELAY_DAYS}, or leave it empty."]
    return errors


def _wrong_rule(values: dict[str, Any]) -> dict[str, list[str]]:
    key, limit = values["metric"], values["limit"]
    errors: dict[str, list[str]] = {}
    if not 1 <= values["window_days"] <= LONGEST_WINDOW_DAYS:
        errors["window_days"] = [f"Write a number of days from 1 to {LONGEST_WINDOW_DAYS}."]
    if not key:
        return errors | ({"metric": ["Choose what the limit is for."]} if limit is not None else {})
    metrics = metrics_for(values["kind"], values["positive_label"])
    metric = next((one for one in metrics if one.key == key), None)
    if metric is None:
        names = ", ".join(one.key for one in metrics)
        return errors | {"metric": [f"There is no such figure of these labels; there are {names}."]}
    return errors | _wrong_limit(metric, limit)


def _wrong_limit(metric: Metric, limit: float | None) -> dict[str, list[str]]:
    if limit is None:
        return {"limit": ["Write the limit, or watch nothing."]}
    if not math.isfinite(limit) or limit <= 0:
        return {"limit": ["Write a number above 0."]}
    if not metric.is_error and limit > metric.best:
        return {"limit": [f"{metric.label} is a share: write a number up to 1."]}
    return {}
