"""Apply: applies the saved and approved plan exactly once.

``Run.apply_started_at`` is set before Terraform starts, once for each plan. A worker that finds it set takes over: it
follows the running Terraform process, or reads from its log how it ended.
"""

from __future__ import annotations

from django.conf import settings
from django.utils import timezone

from deployments.policies.approvals import may_apply
from deployments.policies.freezes import freeze_of
from deployments.runs.events import Event
from deployments.runs.models import LeaseLost, Run
from deployments.runs.records import RunPlan, StageRecord
from deployments.runs.statuses import RunKind, RunStatus
from deployments.stages.apply.leftovers import remember_left, remember_made
from deployments.stages.context import Context, mark_destroyed
from deployments.stages.outcomes import End, GoOn, Outcome, Wait
from deployments.stages.terraform import (
    PLANFILE,
    TERRAFORM,
    error_text,
    log_line,
    open_run_directory,
    shown_text,
    terraform_settings,
)
from deployments.stages.watch import state_words, watch_endpoint
from deployments.tfstate import store as statestore
from integrations.terraform.directory import RunDirectory
from integrations.terraform.files import planfile_sha256
from integrations.terraform.results import CommandResult, OnOutput, OutputLine
from integrations.terraform.results import Outcome as Ended
from web.crypto import decrypt

# Lifting a freeze sends its runs to workers at once. This interval detects freezes that have ended.
LOOK_AGAIN_S = 60


def run_stage(context: Context) -> Outcome:
    if context.run.apply_started_at:
        return _take_over(context)
    if obstacle := _check_plan(context) or _check_freeze(context):
        return obstacle
    terraform = open_run_directory(context)
    if not (prepared := terraform.init()).ok:
        return _not_prepared(context, prepared)
    _restore_planfile(context)
    # Check again: a freeze may have started during the preparation.
    if obstacle := _check_freeze(context):
        return obstacle
    # Terraform's lines from here on belong to the apply: see _unseen_lines.
    context.flush()
    _mark_started(context)
    context.log("applying the saved plan")
    with watch_endpoint(context):
        result = terraform.apply(PLANFILE, timeout_s=settings.APPLY_TIMEOUT_S)
    return _judge(context, result)


def stops_itself(run: Run) -> bool:
    """Terraform may be running and has to be stopped; what it has made is kept in the record."""
    return run.apply_started_at is not None


def _not_prepared(context: Context, result: CommandResult) -> Outcome:
    """The outcome if the preparation failed. Nothing was applied, so the stage can be repeated."""
    if context.stopping:
        return Wait(1, "the worker was stopped before it applied; another worker continues")
    if result.cancelled:
        return End(RunStatus.CANCELLED, "cancelled before anything was applied")
    return End(RunStatus.FAILED, f"preparing to apply: {error_text(result)}")


def _check_plan(context: Context) -> Outcome | None:
    """Check that the tfstate is still the one of the plan and that a required approval is valid.

    If not, the run does not fail: it plans again and asks for a new approval.
    """
    plan = context.run.plan
    if statestore.current_serial(context.run.deployment_id) != plan.state_serial:
        return GoOn(RunStatus.PLAN, "the state has changed since the plan was made: planning again")
    if not may_apply(context.run):
        return GoOn(RunStatus.PLAN, "no valid approval for this plan, version and state: planning again")
    return None


def _check_freeze(context: Context) -> Outcome | None:
    freeze = freeze_of(context.run)
    return Wait(LOOK_AGAIN_S, freeze.text) if freeze else None


def _restore_planfile(context: Context) -> None:
    """Write the stored plan file, and verify that it is the reviewed one by its hash."""
    plan: RunPlan = context.run.plan
    path = context.directory / PLANFILE
    path.write_bytes(decrypt(plan.planfile))
    path.chmod(0o600)
    if planfile_sha256(path) != plan.sha256:
        raise LeaseLost("the stored plan file does not match its hash")


def _mark_started(context: Context) -> None:
    won = Run.objects.filter(pk=context.run.pk, lease_token=context.lease.token, apply_started_at=None).update(
        apply_started_at=timezone.now()
    )
    if not won:
        raise LeaseLost(f"run {context.run.pk}: another worker started to apply this plan")


def _take_over(context: Context) -> Outcome:
    """Take over from a worker that died while applying. Never applies again: follows Terraform or reads its end."""
    context.log(f"the worker was lost while applying; {context.run.worker} takes over without applying again")
    terraform = RunDirectory(
        context.directory,
        settings=terraform_settings(),
        env={},
        on_line=_unseen_lines(context),
        should_cancel=context.should_stop,
    )
    with watch_endpoint(context):
        result = terraform.adopt_apply(timeout_s=settings.APPLY_TIMEOUT_S)
    if result is not None and result.outcome is not Ended.UNKNOWN:
        return _judge(context, result)
    if statestore.release_after_death(context.run):
        context.log("freed the state lock that the lost Terraform left behind")
    remember_left(context)
    return End(
        RunStatus.INTERRUPTED,
        f"Terraform was lost while applying; {_what_is_there(context)} Resume plans again from the actual resources.",
    )


def _unseen_lines(context: Context) -> OnOutput:
    """Log Terraform's output after the lost worker's last line. The output is read again from the start."""
    written = Event.objects.filter(
        run=context.run,
        stage=RunStatus.APPLY,
        source=TERRAFORM,
        created_at__gte=context.run.apply_started_at,
    )
    seen = written.count()

    def take(line: OutputLine) -> None:
        nonlocal seen
        if seen and shown_text(line):
            seen -= 1
            return
        log_line(context, line)

    return take


def _judge(context: Context, result: CommandResult) -> Outcome:
    context.flush()
    if result.ok:
        return _applied(context)
    remember_left(context)
    statestore.release_after_death(context.run)
    if context.stopping and result.cancelled:
        return End(RunStatus.INTERRUPTED, f"the worker was stopped while applying; {_what_is_there(context)}")
    if result.cancelled:
        return End(RunStatus.CANCELLED, f"cancelled while applying; {_what_is_there(context)}")
    if result.timed_out:
        return End(RunStatus.FAILED, f"applying took too long and was stopped; {_what_is_there(context)}")
    return End(RunStatus.FAILED, f"applying: {error_text(result)} {_what_is_there(context)}")


def _applied(context: Context) -> Outcome:
    resources = statestore.resource_addresses(context.run.deployment_id)
    StageRecord.note(context.run.pk, RunStatus.APPLY, {"resources": resources})
    remember_made(context)
    if context.run.kind == RunKind.DESTROY:
        mark_destroyed(context)
        return End(RunStatus.SUCCEEDED, "the endpoint is gone")
    return GoOn(RunStatus.ENDPOINT, "applied")


def _what_is_there(context: Context) -> str:
    endpoint = context.workspace.get_endpoint(context.run.deployment.name)
    if endpoint is None:
        return "no endpoint exists in the workspace."
    return f"the endpoint {endpoint.name} exists in the workspace ({state_words(endpoint)})."
