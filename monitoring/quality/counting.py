"""Compares predictions with labels: one job in the workspace at a time, in idempotent steps.

Labels arrive late, so each count covers the last 60 days. It replaces them in the transaction that ends the job, so a
count can be repeated after a crash with the same result. Older days do not change.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from catalog.models import ModelVersion, Workspace
from catalog.workspaces.services import connect as connect_to
from deployments.models import Deployment
from integrations.databricks.workspace import WorkspaceClient
from integrations.errors import IntegrationError
from monitoring.quality.models import RECOUNTED, LabelSource, QualityDay, QualityJob
from monitoring.watched.versions import columns_of, entities_of, inference_table, quoted, versions_of
from monitoring.watched.workspace_jobs import JobFailed, Script, is_overdue, look, start
from sketches import quality_bundle as bundle

Connect = Callable[[Workspace], WorkspaceClient]
S = QualityJob.Status


def step(deployment: Deployment, *, connect: Connect = connect_to, now: datetime | None = None) -> QualityJob | None:
    """Do the next step and return the job, or None without a label table or an inference table.

    Raises IntegrationError if the step should be retried.
    """
    table = inference_table(deployment)
    source = LabelSource.objects.filter(deployment=deployment).first()
    if table is None or source is None:
        return None
    moment = now or timezone.now()
    job, _ = QualityJob.objects.select_related("source").get_or_create(source=source)
    if job.status != S.RUNNING and not _begin(job, moment):
        return job
    try:
        _go_on(job, deployment, connect(deployment.workspace), table, moment)
    except IntegrationError as error:
        if not error.permanent and not is_overdue(job, moment, settings.QUALITY_JOB_TIMEOUT_S):
            raise
        job.end(S.FAILED, error.message, moment)
    return QualityJob.objects.filter(pk=job.pk).first()


def _begin(job: QualityJob, now: datetime) -> bool:
    """Claim the job. False if it is not due, or if another worker has claimed it."""
    every = timedelta(seconds=settings.QUALITY_EVERY_S)
    if job.finished_at is not None and now - job.finished_at < every:
        return False
    return job.claim(now, first=(now - RECOUNTED).astimezone(UTC).date())


def _go_on(job: QualityJob, deployment: Deployment, workspace: WorkspaceClient, table: str, now: datetime) -> None:
    timeout_s = settings.QUALITY_JOB_TIMEOUT_S
    if job.job_run_id is None:
        name = f"Slipway: quality of {deployment.model.full_name} deployment {deployment.pk}"
        script = bundle.script(_wanted(job, deployment, table, now))
        start(job, workspace, Script(name, f"quality-{deployment.pk}.py", script, timeout_s))
        return
    try:
        output = look(job, workspace, now, timeout_s)
    except JobFailed as failed:
        job.end(S.FAILED, str(failed), now)
        return
    if output is None:
        return
    found = bundle.read(output)
    if found is None:
        job.end(S.FAILED, "the job ended without a result", now)
    elif found.problem:
        job.end(S.FAILED, _in_words(found, job.source, workspace), now)
    else:
        _keep(job, deployment, found, now)


def _wanted(job: QualityJob, deployment: Deployment, table: str, now: datetime) -> dict[str, Any]:
    """The arguments of the script; see sketches/quality.py."""
    versions, source = versions_of(deployment), job.source
    assert job.first is not None
    columns: dict[str, str] = {}
    for version in reversed(versions):
        columns |= columns_of(version)
    return {
        "table": quoted(table),
        "start": datetime.combine(job.first, time(), UTC).isoformat(),
        "end": now.astimezone(UTC).isoformat(),
        "columns": columns,
        "endpoint": deployment.name,
        "entities": entities_of(deployment, versions),
        "labels": {
            "table": quoted(source.table),
            "id_column": source.id_column,
            "label_column": source.label_column,
            "time_column": source.time_column,
            "kind": source.kind,
            "positive": source.positive_label,
        },
    }


def _in_words(found: bundle.Found, source: LabelSource, workspace: WorkspaceClient) -> str:
    if found.problem == "no_column":
        has = ", ".join(found.has)
        return f"{source.table} has no column {', '.join(found.missing)}. Its columns: {has}"
    grants = "\n".join(grants_needed(source.table, workspace.current_user()))
    return f"the table {source.table} does not exist or cannot be read. To grant access, its owner runs\n{grants}"


def grants_needed(table: str, principal: str) -> list[str]:
    """The statements with which the owner of ``table`` (three-part name) lets ``principal`` read it."""
    name, to = quoted(table), f"TO `{principal}`;"
    catalog, schema, _ = name.split(".")
    return [
        f"GRANT USE CATALOG ON CATALOG {catalog} {to}",
        f"GRANT USE SCHEMA ON SCHEMA {catalog}.{schema} {to}",
        f"GRANT SELECT ON TABLE {name} {to}",
    ]


@transaction.atomic
def _keep(job: QualityJob, deployment: Deployment, found: bundle.Found, now: datetime) -> None:
    """Store the counts, unless another worker did or the label table was changed meanwhile."""
    told = {"counted_at": now, "labels": found.labels, "newest_label": found.newest_label}
    if not job.end(S.DONE, "", now, skipped=dict(found.skipped), **told):
        return
    numbers = [int(day.version) for day in found.days if day.version.isdecimal()]
    versions = ModelVersion.objects.filter(model=deployment.model_id, version__in=numbers)
    ids = {str(number): pk for number, pk in versions.values_list("version", "pk")}
    assert job.first is not None
    QualityDay.objects.filter(deployment=deployment, date__gte=job.first).delete()
    QualityDay.objects.bulk_create(
        _row(deployment, ids[day.version], day) for day in found.days if day.version in ids and day.day >= job.first
    )


def _row(deployment: Deployment, version_id: int, day: bundle.FoundDay) -> QualityDay:
    return QualityDay(
        deployment=deployment,
        version_id=version_id,
        date=day.day,
        predictions=day.predictions,
        with_id=day.with_id,
        labelled=day.labelled,
        timed=day.timed,
        delay_s=day.delay_s,
        pairs=[list(pair) for pair in day.pairs],
        **day.sums,
    )
