"""Counts the predictions of a deployment: one job in the workspace at a time, in idempotent steps.

A step begins a job that is due or polls the running one. No worker waits for a job. A job is stored before it is
started, with an idempotency token, so that a worker that dies cannot cause a second start. The result replaces the
counts of its range in the transaction that ends the job.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from catalog.models import ModelVersion, Workspace
from catalog.workspaces.services import connect as connect_to
from deployments.models import Deployment
from integrations.databricks.workspace import WorkspaceClient
from integrations.errors import IntegrationError
from monitoring.drift import baselines as drift_baselines
from monitoring.drift.days import add_up
from monitoring.drift.models import Baseline, DriftJob, DriftWindow
from monitoring.health.judging import STALE_AFTER
from monitoring.health.models import COARSE, HealthBucket, HealthSource
from monitoring.watched import workspace_jobs
from monitoring.watched.versions import columns_of, entities_of, inference_table, versions_of
from sketches import bundle
from sketches.job import NO_TABLE
from sketches.sketch import empty, merge

WIDTH_S = 3600
WIDTH = timedelta(seconds=WIDTH_S)
#: Requests are logged in an inference table up to an hour late, and sometimes later.
RECOUNTED = 3 * WIDTH
LONGEST_RANGE = 168 * WIDTH
KEPT = timedelta(days=30)
#: The maximum number of rows of a baseline, from the first traffic and from a table.
TRAFFIC_ROWS, TABLE_ROWS = 5_000, 200_000

Connect = Callable[[Workspace], WorkspaceClient]
S = DriftJob.Status


def step(deployment: Deployment, *, connect: Connect = connect_to, now: datetime | None = None) -> DriftJob | None:
    """Do the next step and return the job, or None without an inference table.

    Raises IntegrationError if the step should be retried.
    """
    table = inference_table(deployment)
    if table is None:
        return None
    moment = now or timezone.now()
    job, _ = DriftJob.objects.get_or_create(deployment=deployment)
    job.deployment = deployment
    if job.status != S.RUNNING and not _begin(job, moment):
        return job
    try:
        workspace = connect(deployment.workspace)
        if job.job_run_id is None:
            _start(job, workspace, table)
        else:
            _look(job, workspace, moment)
            # A job counts at most a week. Start the next one now if more is left.
            if job.status == S.DONE and _begin(job, moment):
                _start(job, workspace, table)
    except IntegrationError as error:
        _refused(job, error, moment)
    return job


def _refused(job: DriftJob, error: IntegrationError, now: datetime) -> None:
    if error.permanent or workspace_jobs.is_overdue(job, now, settings.DRIFT_JOB_TIMEOUT_S):
        _fail(job, error.message, now)
        return
    raise error


# -- beginning ------------------------------------------------------------------------------------


def _begin(job: DriftJob, now: datetime) -> bool:
    """Claim the next job. False if none is due, or if another worker has claimed it."""
    every = timedelta(seconds=settings.DRIFT_EVERY_S)
    if job.wanted:
        return job.claim(now, asked=job.wanted, range_start=_first_of_all(job, now), range_end=_floor(now) + WIDTH)
    if job.status == S.FAILED and job.finished_at is not None and now - job.finished_at < every:
        return False
    versions = versions_of(job.deployment)
    asked = drift_baselines.of_first_resort(job, versions)
    if asked is not None and _may_try(job, asked, now, every):
        return job.claim(now, asked=asked, range_start=_first_of_all(job, now), range_end=_floor(now) + WIDTH)
    return _begin_count(job, versions, now, every) or _begin_importance(job, versions, now)


def _may_try(job: DriftJob, asked: dict[str, Any], now: datetime, every: timedelta) -> bool:
    """Whether to make a baseline: after a delay, or at once if the source differs or older requests are known."""
    if job.tried_at is None or now - job.tried_at >= every:
        return True
    if job.asked.get("source") == Baseline.Source.TRAINING != asked["source"]:
        return True
    was_of_traffic = job.asked.get("source") == Baseline.Source.TRAFFIC
    return was_of_traffic and job.range_start is not None and _first_of_all(job, now) < job.range_start


def _begin_count(job: DriftJob, versions: list[ModelVersion], now: datetime, every: timedelta) -> bool:
    rows = Baseline.objects.filter(version__in=versions).values_list("version__version", "pk")
    baselines = {str(version): pk for version, pk in rows}
    is_behind = job.counted_until is None or job.counted_until < _floor(now) - WIDTH
    is_due = job.counted_at is None or now - job.counted_at >= every
    if not baselines or not (is_behind or is_due):
        return False
    if _is_quiet(job, now):
        # No new requests, so no job is needed. counted_until is unchanged, so the next count continues there.
        if is_due:
            job.note(counted_at=now)
        return False
    start = _first_of_all(job, now)
    if job.counted_until is not None:
        start = max(start, job.counted_until - RECOUNTED)
    end = min(start + LONGEST_RANGE, _floor(now) + WIDTH)
    return job.claim(now, asked={"kind": "windows", "baselines": baselines}, range_start=start, range_end=end)


def _is_quiet(job: DriftJob, now: datetime) -> bool:
    """Whether the metrics show no requests since well before the last count, as requests are logged late.

    Metrics may have gaps, so predictions are counted at least once a day.
    """
    if job.counted_until is None or now - job.counted_until >= timedelta(days=1):
        return False
    source = HealthSource.objects.filter(deployment=job.deployment).first()
    if source is None or source.minute is None or source.error or now - source.minute > STALE_AFTER:
        return False
    return source.last_request_at is None or source.last_request_at < job.counted_until - RECOUNTED


def _begin_importance(job: DriftJob, versions: list[ModelVersion], now: datetime) -> bool:
    """Claim a job that measures importance, once for each baseline, after its windows are counted."""
    rows = Baseline.objects.filter(version__in=versions, importance__isnull=True, importance_note="")
    baseline = rows.select_related("version").order_by("-version__version").first()
    if baseline is None:
        return False
    asked = drift_baselines.importance_of(baseline)
    return job.claim(now, asked=asked, range_start=_first_of_all(job, now), range_end=_floor(now) + WIDTH)


def _first_of_all(job: DriftJob, now: datetime) -> datetime:
    """The first hour to count: the creation of the deployment, or the first hour of health from before it."""
    buckets = HealthBucket.objects.filter(deployment=job.deployment, width=COARSE)
    asked = buckets.order_by("start").values_list("start", flat=True).first()
    return _floor(max(min(filter(None, (job.deployment.created_at, asked))), now - KEPT))


def _floor(moment: datetime) -> datetime:
    seconds = int(moment.timestamp())
    return datetime.fromtimestamp(seconds - seconds % WIDTH_S, UTC)


# -- the job --------------------------------------------------------------------------------------


def _start(job: DriftJob, workspace: WorkspaceClient, table: str) -> None:
    deployment = job.deployment
    script = workspace_jobs.Script(
        name=f"Slipway: drift of {deployment.model.full_name} deployment {deployment.pk}",
        file=f"drift-{deployment.pk}.py",
        content=bundle.script(_wanted(job, table)),
        timeout_s=settings.DRIFT_JOB_TIMEOUT_S,
        dependencies=_dependencies(job),
    )
    workspace_jobs.start(job, workspace, script)


def _dependencies(job: DriftJob) -> list[str]:
    """The version's own requirements if the job loads it, else none."""
    if not drift_baselines.asks_the_version(job.asked):
        return []
    rows = ModelVersion.objects.filter(model=job.deployment.model_id, version=int(job.asked["version"]))
    return list(rows.values_list("requirements", flat=True).first() or ["mlflow"])


def _wanted(job: DriftJob, table: str) -> dict[str, Any]:
    """The arguments of the script; see sketches/job.py."""
    asked, versions = job.asked, versions_of(job.deployment)
    assert job.range_start is not None
    assert job.range_end is not None
    common = {
        "kind": asked["kind"],
        "table": asked.get("table") or table,
        "endpoint": job.deployment.name,
        "start": job.range_start.isoformat(),
        "end": job.range_end.isoformat(),
        "width_s": WIDTH_S,
        "entities": entities_of(job.deployment, versions),
    }
    if asked["kind"] == "windows":
        baselines = {version: row.data for version, row in _baselines(job).items()}
        only_bins = {version: {"features": data["features"]} for version, data in baselines.items()}
        return {**common, "columns": _columns_of_all(versions, list(only_bins)), "baselines": only_bins}
    is_table = drift_baselines.is_of_rows(asked)
    return {
        **common,
        "source": "table" if is_table else "traffic",
        "table_version": asked.get("table_version"),
        "version": asked["version"],
        "columns": _columns_of_all(versions, [asked["version"]]),
        "uri": f"models:/{job.deployment.model.full_name}/{asked['version']}",
        "prediction_column": asked.get("prediction_column", ""),
        "max_rows": TABLE_ROWS if is_table else TRAFFIC_ROWS,
    }


def _columns_of_all(versions: list[ModelVersion], chosen: list[str]) -> dict[str, str]:
    """{feature: type}. If versions differ, the newest one counts."""
    columns: dict[str, str] = {}
    for version in sorted(versions, key=lambda row: row.version):
        if str(version.version) in chosen:
            columns |= columns_of(version)
    return columns


def _baselines(job: DriftJob) -> dict[str, Baseline]:
    """{version: baseline} of the job's baselines that still exist."""
    rows = Baseline.objects.filter(pk__in=job.asked["baselines"].values()).select_related("version")
    return {str(row.version.version): row for row in rows}


def _look(job: DriftJob, workspace: WorkspaceClient, now: datetime) -> None:
    try:
        output = workspace_jobs.look(job, workspace, now, settings.DRIFT_JOB_TIMEOUT_S)
    except workspace_jobs.JobFailed as failed:
        _fail(job, str(failed), now)
        return
    if output is None:
        return
    found = bundle.read(output)
    if found is None:
        _fail(job, "the job ended without a result", now)
        return
    try:
        _keep(job, found, now)
    except ValueError as error:
        _fail(job, f"the counts do not match the bins of the baseline: {error}", now)


def _fail(job: DriftJob, message: str, now: datetime) -> None:
    if job.asked.get("kind") == "importance":
        _keep_importance(job, bundle.Found(note=message or "the job failed"), now)
        return
    is_baseline = job.asked.get("kind") == "baseline"
    tried = {**drift_baselines.not_made(job, message), "tried_at": now} if is_baseline else {}
    job.end(S.FAILED, message, now, **tried)


# -- results --------------------------------------------------------------------------------------


@transaction.atomic
def _keep(job: DriftJob, found: bundle.Found, now: datetime) -> None:
    """Store the result unless another worker did. Raises ValueError if the bins do not match the baseline."""
    DriftJob.objects.select_for_update().get(pk=job.pk)
    keep = {"windows": _keep_windows, "baseline": drift_baselines.keep, "importance": _keep_importance}
    keep[job.asked["kind"]](job, found, now)


def _keep_importance(job: DriftJob, found: bundle.Found, now: datetime) -> None:
    """Store the importance or why it is unknown. It is not measured again for the same baseline."""
    if job.end(S.DONE, "", now):
        note = "" if found.importance is not None else found.note or "the job did not report it"
        rows = Baseline.objects.filter(pk=job.asked["baseline"])
        rows.update(importance=found.importance, importance_note=note[:500])


def _has_to_begin_anew(job: DriftJob, baselines: Mapping[str, Baseline], now: datetime) -> bool:
    """Whether a baseline was replaced meanwhile, or older requests have become known."""
    if len(baselines) < len(job.asked["baselines"]):
        return True
    was_reset = DriftJob.objects.filter(pk=job.pk, counted_until=None).exists()
    assert job.range_start is not None
    return was_reset and _first_of_all(job, now) < job.range_start


def _keep_windows(job: DriftJob, found: bundle.Found, now: datetime) -> None:
    baselines = _baselines(job)
    assert job.range_end is not None
    until = None if _has_to_begin_anew(job, baselines, now) else min(job.range_end, _floor(now))
    newest = max(filter(None, (job.newest, found.newest)), default=None)
    if not job.end(S.DONE, "", now, counted_at=now, newest=newest, skipped=dict(found.skipped), counted_until=until):
        return
    if NO_TABLE in found.skipped:
        # Keep the counts from when the table existed.
        return
    rows = []
    for window in found.windows:
        baseline = baselines.get(window.version)
        if baseline is None:
            continue
        merge(empty(baseline.data), window.sketch)
        rows.append(
            DriftWindow(
                deployment_id=job.deployment_id,
                version_id=baseline.version_id,
                baseline=baseline,
                start=window.start,
                width_s=WIDTH_S,
                rows=window.rows,
                packed=DriftWindow.pack(window.sketch),
                computed_at=now,
            )
        )
    known = DriftWindow.objects.filter(deployment=job.deployment_id, baseline__in=baselines.values(), width_s=WIDTH_S)
    assert job.range_start is not None
    known.filter(start__gte=job.range_start, start__lt=job.range_end).delete()
    DriftWindow.objects.bulk_create(rows)
    add_up(job.deployment_id, [row.pk for row in baselines.values()], job.range_start, job.range_end, now)
