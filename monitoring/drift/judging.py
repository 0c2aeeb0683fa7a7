"""Judges drift from counts. Results are not stored, so a changed rule applies to the past too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import reduce
from typing import Any

from catalog.models import ModelVersion
from deployments.models import Deployment
from monitoring.drift.days import counted_in
from monitoring.drift.models import Baseline, DriftDay, DriftJob, DriftWindow, FeatureSetting
from monitoring.watched.states import Standing
from monitoring.watched.versions import inference_table
from sketches.job import NO_TABLE
from sketches.judgement import DriftStatus, FeatureDrift, Rules, judge, model_status
from sketches.payloads import PREDICTION
from sketches.sketch import merge

#: The newest hour is judged. If it has too few predictions, the window is widened.
WIDER = (timedelta(hours=1), timedelta(hours=6), timedelta(hours=24), timedelta(days=7))
#: Counts older than this are stale.
STALE_AFTER = timedelta(hours=3)
OF_STANDINGS = "A model that drifts is failing. If only some features or the predictions drift, it is at risk."


@dataclass(frozen=True)
class Span:
    """``[start, end)`` and the predictions in it."""

    start: datetime
    end: datetime
    rows: int


@dataclass(frozen=True)
class Judged:
    """The version with the most traffic compared with its baseline. ``span`` is None without predictions."""

    rules: Rules
    standing: Standing
    reason: str
    version: ModelVersion | None = None
    baseline: Baseline | None = None
    span: Span | None = None
    features: tuple[FeatureDrift, ...] = ()
    sketch: dict[str, Any] | None = None

    @property
    def sentence(self) -> str:
        return f"{self.rules.sentence()} {OF_STANDINGS}"


def rules_of(deployment: Deployment, settings: Iterable[FeatureSetting]) -> Rules:
    """The rules of the spec, with the settings of single features applied."""
    monitoring = deployment.spec.get("monitoring") or {}
    told = list(settings)
    exclude, critical = set(monitoring.get("exclude") or ()), set(monitoring.get("critical") or ())
    for chosen, name in ((exclude, "excluded"), (critical, "critical")):
        chosen |= {row.feature for row in told if getattr(row, name)}
        chosen -= {row.feature for row in told if getattr(row, name) is False}
    return Rules(
        metric=monitoring.get("drift_metric") or Rules.metric,
        threshold=float(monitoring.get("drift_threshold") or Rules.threshold),
        thresholds={row.feature: row.threshold for row in told if row.threshold is not None},
        exclude=frozenset(exclude),
        critical=frozenset(critical),
    )


def judged(deployment: Deployment, now: datetime, within: tuple[datetime, datetime] | None = None) -> Judged:
    """Judge the newest window with enough predictions, or all of ``within``. At most six queries."""
    rules = rules_of(deployment, FeatureSetting.objects.filter(deployment=deployment))
    if inference_table(deployment) is None:
        return Judged(rules, Standing.UNKNOWN, "the inference table is off")
    number = deployment.live_version
    version = ModelVersion.objects.filter(
        model=deployment.model_id, version=int(number) if number.isdecimal() else 0
    ).first()
    if version is None:
        return Judged(rules, Standing.UNKNOWN, "no version of the model gets traffic")
    baseline = Baseline.objects.filter(version=version).first()
    if baseline is None:
        words = _because(f"version {version.version} has no baseline", deployment)
        return Judged(rules, Standing.UNKNOWN, words, version)
    known = DriftWindow.objects.filter(deployment=deployment, version=version)
    rows = counted_in(deployment.pk, version.pk, *within) if within else []
    span = _whole(rows) if within else _newest(known, now, rules.enough(baseline.data))
    if span is None:
        words = _because("no predictions in this range", deployment)
        return Judged(rules, Standing.UNKNOWN, words, version, baseline)
    windows = rows or known.filter(start__gte=span.start, start__lt=span.end)
    total = reduce(merge, (window.sketch for window in windows))
    found = tuple(judge(baseline.data, total, rules))
    standing, reason = standing_of(found, rules)
    result = Judged(rules, standing, reason, version, baseline, span, found, total)
    return result if within else _unless_stale(result, deployment, now)


def _because(words: str, deployment: Deployment) -> str:
    """``words`` with the reason: the last job found no table, or failed."""
    job = DriftJob.objects.filter(deployment=deployment).first()
    if job is None:
        return words
    failure = job.message if job.status == DriftJob.Status.FAILED else ""
    why = NO_TABLE if NO_TABLE in job.skipped else failure
    return f"{words}: {why}" if why else words


def _newest(known: Any, now: datetime, needed: int) -> Span | None:
    """The shortest span of WIDER with enough predictions, ending with the newest window; else the longest."""
    rows = list(known.filter(start__gte=now - WIDER[-1], start__lte=now).values_list("start", "rows", "width_s"))
    if not rows:
        return None
    end = max(start + timedelta(seconds=width_s) for start, _, width_s in rows)
    span = None
    for width in WIDER:
        count = sum(found for start, found, _ in rows if start >= end - width)
        span = Span(end - width, end, count)
        if count >= needed:
            return span
    return span


def _whole(rows: Sequence[DriftWindow | DriftDay]) -> Span | None:
    if not rows:
        return None
    return Span(min(row.start for row in rows), max(row.end for row in rows), sum(row.rows for row in rows))


def standing_of(features: Iterable[FeatureDrift], rules: Rules) -> tuple[Standing, str]:
    """The standing and reason by the rule in ``Judged.sentence``. The prediction is not counted as a feature."""
    every = list(features)
    status, reason = model_status([item for item in every if item.name != PREDICTION], rules)
    drifting = [item for item in every if item.status == DriftStatus.DRIFT]
    predictions = any(item.name == PREDICTION for item in drifting)
    if predictions:
        reason = f"{reason}, and the predictions do too"
    if status == DriftStatus.DRIFT or any(item.is_critical for item in drifting):
        return Standing.FAILING, reason
    if drifting:
        return Standing.AT_RISK, reason
    return (Standing.PASSING if status == DriftStatus.OK else Standing.UNKNOWN), reason


def _unless_stale(result: Judged, deployment: Deployment, now: datetime) -> Judged:
    """The result, with an unknown standing if its counts are stale."""
    counted = DriftJob.objects.filter(deployment=deployment).values_list("counted_at", "message", "skipped").first()
    counted_at, message, skipped = counted or (None, "", {})
    if NO_TABLE in skipped:
        return replace(result, standing=Standing.UNKNOWN, reason=f"predictions cannot be counted: {NO_TABLE}")
    if counted_at is None or now - counted_at > STALE_AFTER:
        words = f"not counted recently: {message}" if message else "not counted recently"
        return replace(result, standing=Standing.UNKNOWN, reason=words)
    if result.span is not None and now - result.span.end > WIDER[2]:
        return replace(
            result, standing=Standing.UNKNOWN, reason=f"no predictions since {result.span.end:%Y-%m-%d %H:%M} UTC"
        )
    return result
