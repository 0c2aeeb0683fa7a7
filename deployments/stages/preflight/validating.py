"""The validation job of Preflight. The run waits for it without a worker."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.timesince import timesince

from catalog.models import ModelVersion
from deployments.runs.models import Run
from deployments.runs.records import StageRecord
from deployments.runs.statuses import RunKind, RunStatus
from deployments.stages.context import Context
from deployments.stages.outcomes import Wait
from deployments.stages.preflight.champion import compared
from deployments.stages.preflight.check import Check, preflight_record
from deployments.stages.preflight.models import Validation
from integrations.databricks.records import JobRun
from integrations.errors import IntegrationError
from integrations.validation import outcome

POLL_EVERY_S = 2
NAME = "Validation"
# Default memory of a CPU container. Exceeding it is a warning, because a workspace may have larger ones.
CPU_MEMORY_MIB = 4096
S = Validation.Status


def under_way(run: Run) -> Validation | None:
    """The validation that this pass through Preflight has started or taken over."""
    record = preflight_record(run)
    noted = record.detail.get("validation") if record else None
    if not noted:
        return None
    return Validation.objects.select_related("version__model").filter(pk=int(noted["id"])).first()


def step(context: Context, found: Validation | None) -> Wait | list[Check]:
    """The checks of the version's validation, or a Wait until it has ended."""
    # A run that goes back leads to a version that has served before; nothing should stand in its way.
    if context.run.kind != RunKind.DEPLOY or not settings.VALIDATION:
        return []
    version = found.version if found else _version(context)
    if version is None:
        return [_not_validated("the catalog has not read this version yet")]
    validation = found or _usable_or_new(context, version)
    if validation.status == S.RUNNING:
        _advance(context, validation)
        _note(context, validation)
    if validation.status == S.RUNNING:
        seconds = int((timezone.now() - validation.started_at).total_seconds())
        return Wait(POLL_EVERY_S, f"the validation job of version {version.version} has been running for {seconds} s")
    return [*_checks(context, validation), compared(version)]


def stop(context: Context, validation: Validation | None) -> None:
    """Cancel the job of a cancelled run, unless another run waits for it."""
    if validation is None or validation.status != S.RUNNING:
        return
    version = validation.version
    others = Run.objects.filter(status=RunStatus.PREFLIGHT, kind=RunKind.DEPLOY).exclude(pk=context.run.pk)
    if others.filter(deployment__model=version.model, spec__version=str(version.version)).exists():
        return
    _cancel_job(context, validation)
    validation.finish(S.UNKNOWN, "the run was cancelled")
    _note(context, validation)


def _version(context: Context) -> ModelVersion | None:
    run, spec = context.run, context.spec
    rows = ModelVersion.objects.select_related("model").filter(
        model__workspace=run.deployment.workspace_id, model__full_name=spec.model, version=int(spec.version)
    )
    return rows.first()


def _usable_or_new(context: Context, version: ModelVersion) -> Validation:
    """The validation that all concurrent runs of the version share.

    It is stored before the job starts, so that a worker that dies in between does not start a second job.
    """
    with transaction.atomic():
        ModelVersion.objects.select_for_update().get(pk=version.pk)
        validation = Validation.objects.usable(version).first()
        if validation is None:
            validation = Validation.objects.create(version=version, run=context.run, started_at=timezone.now())
        _note(context, validation)
    return validation


def _note(context: Context, validation: Validation) -> None:
    StageRecord.note(context.run.pk, RunStatus.PREFLIGHT, {"validation": validation.summary()})


def _advance(context: Context, validation: Validation) -> None:
    """Start the job or read its status. A permanent error leaves the version not validated."""
    try:
        if validation.job_run_id is None:
            _start(context, validation)
        else:
            _look(context, validation)
    except IntegrationError as error:
        if not error.permanent:
            raise
        validation.finish(S.UNKNOWN, error.message)


def _start(context: Context, validation: Validation) -> None:
    workspace, version = context.workspace, validation.version
    # Not in /Shared, where anyone could replace the script, which runs with the portal's rights.
    path = f"/Users/{workspace.current_user()}/slipway/{outcome.SCRIPT_NAME}"
    if not workspace.has_file(path):
        workspace.upload_file(path, outcome.SCRIPT)
    full_name = version.model.full_name
    job_run_id = workspace.submit_job(
        f"Slipway: validate {full_name} version {version.version}",
        path,
        outcome.parameters(full_name, version.version),
        idempotency_token=str(validation.token),
        timeout_s=settings.VALIDATION_TIMEOUT_S,
        dependencies=version.requirements or ["mlflow"],
    )
    Validation.objects.filter(pk=validation.pk).update(job_run_id=job_run_id)
    validation.job_run_id = job_run_id
    context.log(f"the validation job of version {version.version} is run {job_run_id} of the workspace")


def _look(context: Context, validation: Validation) -> None:
    job_run_id = validation.job_run_id or 0
    job = context.workspace.job_run(job_run_id)
    validation.job_url = job.url if job.url.startswith(("https://", "http://")) else ""
    if job.is_finished:
        _read(context, validation, job)
    elif timezone.now() - validation.started_at > timedelta(seconds=settings.VALIDATION_TIMEOUT_S):
        _cancel_job(context, validation)
        validation.finish(S.FAILED, _too_long())


def _read(context: Context, validation: Validation, job: JobRun) -> None:
    found = outcome.read(context.workspace.job_output(job.run_id)) if job.succeeded else None
    if found is not None:
        failed = [check["message"] for check in found["checks"] if check["result"] == "fail"]
        validation.finish(S.FAILED if failed else S.PASSED, " ".join(failed), found)
    elif job.result_state == "TIMEDOUT":
        validation.finish(S.FAILED, _too_long())
    elif job.result_state == "FAILED":
        validation.finish(S.FAILED, f"the job crashed: {job.message or 'the workspace gives no reason'}")
    else:
        words = job.message or job.result_state or job.life_cycle_state
        validation.finish(S.UNKNOWN, f"the job ended without a result: {words}")


def _too_long() -> str:
    return f"the validation job took longer than {settings.VALIDATION_TIMEOUT_S} s"


def _cancel_job(context: Context, validation: Validation) -> None:
    """Cancel the job, best effort: its timeout ends a job that cannot be cancelled."""
    if validation.job_run_id is None:
        return
    try:
        context.workspace.cancel_job_run(validation.job_run_id)
    except IntegrationError as error:
        context.log(f"the validation job could not be cancelled: {error.message}")


def _not_validated(reason: str) -> Check:
    return Check(NAME, "warn", f"not validated: {reason.rstrip('.')}.")


def _checks(context: Context, validation: Validation) -> list[Check]:
    if validation.status == S.UNKNOWN:
        return [_not_validated(validation.message)]
    found = validation.result
    if not found:
        return [Check(NAME, "fail", f"{validation.message}.", "See the output of the job in the workspace.")]
    when = (
        ""
        if validation.run_id == context.run.pk
        else f"validated {timesince(validation.finished_at or timezone.now())} ago: "
    )
    told = [Check(c["name"], c["result"], f"{when}{c['message']}", c["fix"]) for c in found["checks"]]
    return [*told, *_measured(context, validation)]


def _measured(context: Context, validation: Validation) -> list[Check]:
    found, checks = validation.result, []
    if "latency_median_ms" in found:
        text = f"median {found['latency_median_ms']:.4g} ms, p95 {found.get('latency_p95_ms', 0):.4g} ms"
        checks.append(Check("Latency", "pass", f"{text} over {found.get('predictions', 0)} predictions."))
    if "peak_memory_mib" in found:
        checks.append(_memory(context, float(found["peak_memory_mib"])))
    return checks


def _memory(context: Context, peak_mib: float) -> Check:
    text = f"peak {peak_mib:.0f} MiB for the job's whole process"
    if context.spec.compute.workload_type == "CPU" and peak_mib > CPU_MEMORY_MIB:
        return Check("Memory", "warn", f"{text}: a CPU endpoint has {CPU_MEMORY_MIB} MiB for a model.")
    return Check("Memory", "pass", f"{text}.")
