"""Plan: Terraform plans the changes, and the portal stores the plan with its hash and as readable text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict

from django.conf import settings
from django.db.models import F

from deployments.rollouts.entities import movement
from deployments.runs.models import Run
from deployments.runs.records import RunPlan
from deployments.runs.statuses import Level, RunKind, RunStatus
from deployments.stages.adopting import adopts, refuse_changes
from deployments.stages.context import Context, mark_destroyed
from deployments.stages.ending import remember_intended
from deployments.stages.outcomes import End, GoOn, Outcome, Wait
from deployments.stages.terraform import PLANFILE, error_text, is_orphaned, module_variables, open_run_directory
from deployments.tfstate import store as statestore
from integrations.plan import Plan, redact
from integrations.terraform.directory import RunDirectory
from integrations.terraform.files import ENDPOINT_ADDRESS, planfile_sha256
from integrations.terraform.results import CommandResult
from web.crypto import encrypt


def run_stage(context: Context) -> Outcome:
    Run.objects.filter(pk=context.run.pk).update(attempt=F("attempt") + 1)
    context.run.refresh_from_db(fields=["attempt"])
    terraform = open_run_directory(context)
    for step in _steps(context, terraform):
        result = step()
        if not result.ok:
            return _stopped(context, result)
    plan = _keep(context, terraform)
    for sentence in plan.sentences():
        context.log(sentence)
    if adopts(context) and (refusal := refuse_changes(context, plan)):
        return refusal
    if not plan.has_changes:
        return _nothing_to_apply(context)
    return GoOn(RunStatus.COST, "the plan is ready")


def _steps(context: Context, terraform: RunDirectory) -> Iterator[Callable[[], CommandResult]]:
    name = context.run.deployment.name
    yield terraform.init
    if _destroys(context) and is_orphaned(context):
        yield lambda: terraform.import_resource(ENDPOINT_ADDRESS, name)
    yield lambda: terraform.plan(PLANFILE, destroy=_destroys(context), timeout_s=settings.PLAN_TIMEOUT_S)


def _nothing_to_apply(context: Context) -> Outcome:
    if movement(context.spec, context.run.plan.variables) and not _destroys(context):
        return GoOn(RunStatus.COST, "the version is already served: only its traffic has to move")
    if _destroys(context):
        mark_destroyed(context)
        return End(RunStatus.SUCCEEDED, "there was nothing to delete")
    remember_intended(context)
    return End(RunStatus.NO_CHANGE, "nothing to do: the endpoint already matches the spec")


def _destroys(context: Context) -> bool:
    return context.run.kind == RunKind.DESTROY


def _stopped(context: Context, result: CommandResult) -> Outcome:
    """The outcome if planning failed. A plan changes nothing, so it can be repeated."""
    if context.stopping:
        return Wait(1, "the worker was stopped; planning starts again")
    if result.cancelled:
        return End(RunStatus.CANCELLED, "cancelled while planning; nothing was changed")
    if result.timed_out:
        return End(RunStatus.FAILED, f"planning took longer than {result.duration_s:.0f} s and was stopped")
    return End(RunStatus.FAILED, f"planning: {error_text(result)}")


def _keep(context: Context, terraform: RunDirectory) -> Plan:
    shown = redact(terraform.show(PLANFILE))
    plan = Plan.from_show_json(shown)
    path = context.directory / PLANFILE
    RunPlan.objects.update_or_create(
        run=context.run,
        defaults={
            "sha256": planfile_sha256(path),
            "planfile": encrypt(path.read_bytes()),
            "terraform_version": terraform.version(),
            "state_serial": statestore.current_serial(context.run.deployment_id),
            "variables": module_variables(context),
            "show": shown,
            "changes": [asdict(change) for change in plan.changes],
            "sentences": list(plan.sentences()),
            "summary": plan.summary(),
        },
    )
    Run.objects.filter(pk=context.run.pk, lease_token=context.lease.token).update(apply_started_at=None)
    context.log(f"plan saved, sha256 {planfile_sha256(path)[:12]}…", level=Level.DEBUG)
    return plan
