"""Chooses the baseline that a job makes for a version, and stores its result.

The default baseline is the training table that the version names. If it names none or the table cannot be read, the
baseline is the first traffic.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings

from catalog.models import ModelVersion
from monitoring.drift.models import Baseline, DriftJob
from monitoring.watched.versions import live_versions
from sketches import bundle

SOURCES_OF_ROWS = (Baseline.Source.TABLE, Baseline.Source.TRAINING)
REASON_CHARS = 300
Asked = dict[str, Any]


def of_first_resort(job: DriftJob, versions: Iterable[ModelVersion]) -> Asked | None:
    """The default baseline for the newest version that gets traffic and has none; None if all have one."""
    rows = list(versions)
    serving = live_versions(job.deployment)
    have = set(Baseline.objects.filter(version__in=rows).values_list("version__version", flat=True))
    lacking = [row for row in rows if row.version in serving and row.version not in have]
    if not lacking:
        return None
    version = max(lacking, key=lambda row: row.version)
    if str(version.version) in job.untrained or version.training_table is None:
        return {"kind": "baseline", "version": str(version.version), "source": Baseline.Source.TRAFFIC}
    return of_training(version)


def of_training(version: ModelVersion) -> Asked:
    """A baseline from the training table of the version. Raises ValueError if it names none."""
    if version.training_table is None:
        raise ValueError(f"version {version.version} does not name its training table")
    table, number = version.training_table
    asked = {"kind": "baseline", "version": str(version.version), "source": Baseline.Source.TRAINING}
    return {**asked, "table": table, "table_version": number, "prediction_column": ""}


def importance_of(baseline: Baseline) -> Asked:
    """The importance of features, measured on the rows that ``baseline`` was made from."""
    asked = {"kind": "importance", "baseline": baseline.pk, "version": str(baseline.version.version)}
    asked |= {"source": baseline.source, "table": ""}
    if baseline.source == Baseline.Source.TRAINING and baseline.version.training_table is not None:
        table, number = baseline.version.training_table
        return {**asked, "table": table, "table_version": number}
    return {**asked, "table": baseline.detail} if baseline.source == Baseline.Source.TABLE else asked


def is_of_rows(asked: Asked) -> bool:
    """Whether the job reads a table instead of traffic."""
    return asked.get("source") in SOURCES_OF_ROWS


def asks_the_version(asked: Asked) -> bool:
    """Whether the job loads the model."""
    return asked["kind"] == "importance" or (is_of_rows(asked) and not asked.get("prediction_column"))


def not_made(job: DriftJob, why: str) -> dict[str, Any]:
    """Values for the end of a job that made no baseline, so that the same request is not repeated."""
    if job.asked.get("source") != Baseline.Source.TRAINING:
        return {"wanted": {}}
    return {"wanted": {}, "untrained": {**job.untrained, job.asked["version"]: why[:REASON_CHARS]}}


def keep(job: DriftJob, found: bundle.Found, now: datetime) -> None:
    """Replace the version's baseline, or record why there is none. Does nothing if another worker has done it."""
    asked, data = job.asked, found.baseline
    rows = data["rows"] if data else 0
    ended = {"tried_at": now, "skipped": dict(found.skipped)}
    lacking = _lacking_rows(asked, rows, found)
    if data is None or lacking:
        job.end(DriftJob.Status.DONE, lacking, now, **ended, **not_made(job, lacking))
        return
    if not job.end(DriftJob.Status.DONE, "", now, **ended, wanted={}, counted_until=None):
        return
    version = ModelVersion.objects.get(model=job.deployment.model_id, version=int(asked["version"]))
    Baseline.objects.filter(version=version).delete()
    Baseline.objects.create(
        version=version,
        source=asked["source"],
        detail=_made_of(job, rows),
        data=data,
        rows=rows,
        importance=version.feature_importance,
        created_at=now,
    )


def _made_of(job: DriftJob, rows: int) -> str:
    if is_of_rows(job.asked):
        return str(job.asked["table"])
    why = job.untrained.get(job.asked["version"])
    words = f"the first {rows} predictions since {job.range_start:%Y-%m-%d}"
    return f"{words}, because the training data could not be used: {why}" if why else words


def _lacking_rows(asked: Asked, rows: int, found: bundle.Found) -> str:
    """Why there is no baseline; "" if there is one."""
    if not is_of_rows(asked):
        needed = settings.DRIFT_BASELINE_ROWS
        words = f"version {asked['version']} has predicted {rows} rows so far; a baseline needs {needed}"
        return words if rows < needed else ""
    told = "; ".join(found.skipped) or "it has no rows"
    return "" if rows else f"no baseline could be made from the table {asked['table']}: {told}"
