"""What people and pipelines can do with deployments and runs. Pages and API call these and nothing else."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from auditlog.models import LogEntry
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from accounts.permissions import can
from accounts.roles import Action
from catalog.models import Environment, ModelVersion, ModelVersionStatus, RegisteredModel
from deployments.models import Approval, Deployment, Draft, IllegalTransition, Run, TestRequest
from deployments.models.run import Line
from deployments.runner import next_in_line
from deployments.specs import DeploymentSpec, SpecInvalid, parse_spec
from deployments.states import ACTIVE, RESUMABLE, UNFINISHED, Level, RunKind, RunStatus
from deployments.tasks import advance_run, run_test_request


class ActionRefused(Exception):
    """The action is not possible now. ``code`` is stable and goes to API clients; the text is for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Target:
    """A spec looked up: everything it names exists and may be used by the person who asked."""

    spec: DeploymentSpec
    environment: Environment
    model: RegisteredModel
    version: ModelVersion


def _require(actor: User, action: Action, deployment: Deployment) -> None:
    if not can(actor, action, deployment.team):
        raise PermissionDenied(f"You need a role in {deployment.team} that may {action.label.split(',')[0]}.")


# -- deploying ------------------------------------------------------------------------------------


def check_spec(spec: DeploymentSpec, actor: User, deployment: Deployment | None = None) -> Target:
    """Look up what the spec names; raises SpecInvalid with all that is wrong, each beside its field.

    With ``deployment`` the spec is an update of it: model, environment and name stay what they are.
    """
    errors: dict[str, list[str]] = {}
    environment = Environment.objects.select_related("workspace").filter(slug=spec.environment).first()
    if environment is None:
        known = ", ".join(Environment.objects.values_list("slug", flat=True))
        raise SpecInvalid({"environment": [f"There is no environment {spec.environment}. There are: {known}."]})
    model = _find_model(spec, environment, actor, errors)
    version = _find_version(spec, model, errors) if model else None
    _check_name(spec, environment, deployment, errors)
    _check_unchangeable(spec, deployment, errors)
    if deployment and deployment.live_version and spec.rollout.strategy != "all_at_once":
        errors["rollout.strategy"] = ["Updates go to all traffic at once for now: choose all_at_once."]
    if errors or model is None or version is None:
        raise SpecInvalid(errors)
    return Target(spec.pinned(version.version), environment, model, version)


def _find_model(
    spec: DeploymentSpec, environment: Environment, actor: User, errors: dict[str, list[str]]
) -> RegisteredModel | None:
    catalog = spec.model.split(".")[0]
    models = RegisteredModel.objects.visible_to(actor).present().select_related("team")
    model = models.filter(workspace=environment.workspace, full_name=spec.model).first()
    if model is None:
        errors["model"] = [f"There is no model {spec.model} that you may see."]
    elif catalog != environment.catalog_name:
        errors["model"] = [
            f"{environment} serves models of the catalog {environment.catalog_name}; this one is in {catalog}. "
            f"Register the version there first."
        ]
    elif not can(actor, Action.DEPLOY, model.team):
        errors["model"] = [f"You may see {spec.model} but not deploy it: ask a team admin for the role deployer."]
    else:
        return model
    return None


def _find_version(spec: DeploymentSpec, model: RegisteredModel, errors: dict[str, list[str]]) -> ModelVersion | None:
    versions = model.versions.filter(removed_at=None)
    if spec.version.startswith("@"):
        alias = spec.version[1:]
        version = next((row for row in versions if alias in row.aliases), None)
        missing = f"{spec.model} has no alias {alias}."
    else:
        version = versions.filter(version=int(spec.version)).first()
        newest = versions.first()
        missing = f"{spec.model} has no version {spec.version}" + (
            f"; the newest is {newest.version}." if newest else "; it has none yet."
        )
    if version is None:
        errors["version"] = [missing]
    elif version.status != ModelVersionStatus.READY:
        errors["version"] = [f"Version {version.version} is not ready: {version.get_status_display()}."]
    else:
        return version
    return None


def _check_name(
    spec: DeploymentSpec,
    environment: Environment,
    deployment: Deployment | None,
    errors: dict[str, list[str]],
) -> None:
    if deployment:
        return
    taken = Deployment.objects.live().filter(workspace=environment.workspace, name=spec.name).first()
    if taken:
        errors["name"] = [
            f"The name is taken: endpoint names are unique in a workspace, and {taken.team} uses it "
            f"in {taken.environment}."
        ]


def _check_unchangeable(spec: DeploymentSpec, deployment: Deployment | None, errors: dict[str, list[str]]) -> None:
    if deployment is None:
        return
    for field, now in (
        ("name", deployment.name),
        ("environment", deployment.environment.slug),
        ("model", deployment.model.full_name),
    ):
        if getattr(spec, field) != now:
            errors.setdefault(field, []).append(f"This cannot change in an update: it is {now}.")


def request_deployment(*, spec: DeploymentSpec, actor: User) -> Run:
    """Create a deployment and its first run. Raises SpecInvalid; a name taken meanwhile is reported like any other."""
    target = check_spec(spec, actor)
    assert target.model.team is not None or actor.is_platform_admin
    if target.model.team is None:
        raise SpecInvalid({"model": ["The model belongs to no team: create a team with the name of its schema."]})
    try:
        with transaction.atomic():
            deployment = Deployment.objects.create(
                team=target.model.team,
                workspace=target.environment.workspace,
                environment=target.environment,
                model=target.model,
                name=spec.name,
                spec=target.spec.as_json(),
                created_by=actor,
            )
            return _request_run(deployment, RunKind.DEPLOY, target.spec, actor)
    except IntegrityError:
        raise SpecInvalid({"name": ["The name was taken a moment ago."]}) from None


def request_update(*, deployment: Deployment, spec: DeploymentSpec, actor: User) -> Run:
    """Start a run that makes the deployment as ``spec`` says."""
    _require(actor, Action.DEPLOY, deployment)
    _refuse_destroyed(deployment)
    if pending := _pending_destroy(deployment):
        raise ActionRefused("being_destroyed", f"Run #{pending.pk} destroys this deployment: cancel it first.")
    target = check_spec(spec, actor, deployment)
    with transaction.atomic():
        deployment.spec = target.spec.as_json()
        deployment.save(update_fields=["spec"])
        return _request_run(deployment, RunKind.DEPLOY, target.spec, actor)


def request_destroy(*, deployment: Deployment, actor: User) -> Run:
    """Start a run that deletes the endpoint."""
    _require(actor, Action.DEPLOY, deployment)
    _refuse_destroyed(deployment)
    if pending := _pending_destroy(deployment):
        raise ActionRefused("already_requested", f"Run #{pending.pk} already destroys this deployment.")
    last = deployment.runs.first()
    spec = last.parsed_spec() if last else DeploymentSpec.model_validate(deployment.spec)
    return _request_run(deployment, RunKind.DESTROY, spec, actor)


def submit_draft(*, draft: Draft, revision: int, actor: User) -> Run:
    """Start the run of a finished draft; the draft is gone with it, so sending it twice gives one run.

    Raises ActionRefused (draft_changed) when the draft is no longer at ``revision``, SpecInvalid like the requests.
    """
    spec = parse_spec(draft.answers)
    with transaction.atomic():
        deleted, _ = Draft.objects.filter(pk=draft.pk, owner=actor, revision=revision).delete()
        if not deleted:
            raise ActionRefused("draft_changed", "The draft has changed since you looked at it: read it again.")
        if draft.deployment is None:
            return request_deployment(spec=spec, actor=actor)
        return request_update(deployment=draft.deployment, spec=spec, actor=actor)


def _pending_destroy(deployment: Deployment) -> Run | None:
    return deployment.runs.filter(kind=RunKind.DESTROY, status__in=UNFINISHED).first()


def _refuse_destroyed(deployment: Deployment) -> None:
    if deployment.destroyed_at:
        raise ActionRefused("destroyed", "This deployment was destroyed; deploy a new one.")


def _request_run(deployment: Deployment, kind: RunKind, spec: DeploymentSpec, actor: User) -> Run:
    with transaction.atomic():
        run = Run.objects.create(deployment=deployment, kind=kind, spec=spec.as_json(), requested_by=actor)
        what = "deploy" if kind == RunKind.DEPLOY else "destroy"
        run.log(
            [
                Line(
                    stage=RunStatus.QUEUED,
                    message=f"{actor.display_name} asked to {what} {deployment.name} in {deployment.environment}: "
                    f"{spec.model} version {spec.version}",
                )
            ]
        )
        _send_on(run.pk)
    run.refresh_from_db()
    return run


def _send_on(run_id: int) -> None:
    """Tell a worker, once the row is there. With the broker away the run is not lost: beat finds it."""
    transaction.on_commit(lambda: advance_run.delay(run_id), robust=True)


# -- deciding -------------------------------------------------------------------------------------


def may_decide(run: Run, actor: User) -> str:
    """Why ``actor`` may not approve or reject the run now; "" if he may."""
    if run.status != RunStatus.APPROVAL:
        return f"This run is not waiting for approval: it is {run.get_status_display().lower()}."
    if not can(actor, Action.APPROVE, run.deployment.team):
        return f"Only an approver or team admin of {run.deployment.team} decides."
    if run.requested_by_id == actor.pk:
        return "A second person has to decide: you asked for this run yourself."
    return ""


def approve(*, run: Run, actor: User, reason: str = "", plan_sha256: str = "") -> Run:
    """Approve the saved plan. With ``plan_sha256`` the approval is refused if the plan is another one by now."""
    return _decide(run, actor, Approval.Decision.APPROVED, reason, plan_sha256)


def reject(*, run: Run, actor: User, reason: str) -> Run:
    """Reject the run; a reason is required."""
    if not reason.strip():
        raise ActionRefused("reason_required", "Say why: the person who asked will read it.")
    return _decide(run, actor, Approval.Decision.REJECTED, reason, "")


def _decide(run: Run, actor: User, decision: Approval.Decision, reason: str, plan_sha256: str) -> Run:
    _refuse_decision(run, actor)
    plan = run.plan
    if plan_sha256 and plan_sha256 != plan.sha256:
        raise ActionRefused("plan_changed", "The plan has changed since you looked at it. Read it again.")
    approved = decision == Approval.Decision.APPROVED
    text = f"{decision.label.lower()} by {actor.display_name}" + (f": {reason.strip()}" if reason.strip() else "")
    try:
        with transaction.atomic():
            Approval.objects.create(
                run=run,
                decision=decision,
                decided_by=actor,
                reason=reason.strip(),
                plan_sha256=plan.sha256,
                model_version=run.parsed_spec().version,
                state_serial=plan.state_serial,
            )
            run.transition(RunStatus.APPLY if approved else RunStatus.REJECTED, text)
            _after(run)
    except (IntegrityError, IllegalTransition):
        raise ActionRefused("already_decided", "Somebody else decided a moment ago.") from None
    return run


def _refuse_decision(run: Run, actor: User) -> None:
    reason = may_decide(run, actor)
    if not reason:
        return
    if run.status != RunStatus.APPROVAL:
        raise ActionRefused("not_waiting", reason)
    raise PermissionDenied(reason)


def _after(run: Run) -> None:
    """Send on whoever can work now: this run, or the next of its deployment."""
    for run_id in [run.pk] if run.status in ACTIVE else next_in_line(run):
        _send_on(run_id)


def cancel(*, run: Run, actor: User) -> Run:
    """End the run: at once if no worker holds it, else as soon as its worker has stopped Terraform."""
    _require(actor, Action.DEPLOY, run.deployment)
    asked = Run.objects.filter(pk=run.pk, status__in=UNFINISHED, cancel_requested_at=None).update(
        cancel_requested_at=timezone.now(), cancel_requested_by=actor
    )
    if not asked:
        run.refresh_from_db()
        if run.status in UNFINISHED:
            raise ActionRefused("already_cancelling", "The run is being cancelled already.")
        raise ActionRefused("finished", f"The run is over: {run.get_status_display().lower()}.")
    _audit(run, actor, {"cancel_requested_by": ["None", actor.username]})
    text = f"cancelled by {actor.display_name}"
    try:
        run.refresh_from_db()
        if run.status == RunStatus.APPLY and run.apply_started_at:
            raise IllegalTransition("Terraform may be at work")
        with transaction.atomic():
            run.transition(RunStatus.CANCELLED, text)
            _after(run)
    except IllegalTransition:
        run.log([Line(stage=run.status, message=f"{text}: stopping", level=Level.WARNING)])
        run.refresh_from_db()
    return run


def _audit(run: Run, actor: User, changes: dict[str, list[str]]) -> None:
    """A line in the audit trail for what is written by a conditional UPDATE, which auditlog does not see."""
    LogEntry.objects.log_create(run, force_log=True, action=LogEntry.Action.UPDATE, changes=changes, actor=actor)


def resume(*, run: Run, actor: User) -> Run:
    """Queue a run again that failed or was interrupted; it plans anew from what is really there."""
    _require(actor, Action.DEPLOY, run.deployment)
    _refuse_destroyed(run.deployment)
    newest = run.deployment.runs.first()
    if newest and newest.pk != run.pk:
        raise ActionRefused("superseded", f"Run #{newest.pk} came after this one: resume or start a new run there.")
    if run.status not in RESUMABLE:
        raise ActionRefused("not_resumable", f"The run is {run.get_status_display().lower()}.")
    try:
        with transaction.atomic():
            Run.objects.filter(pk=run.pk).update(
                cancel_requested_at=None, cancel_requested_by=None, apply_started_at=None
            )
            _audit(run, actor, {"status": [run.status, RunStatus.QUEUED]})
            run.transition(RunStatus.QUEUED, f"resumed by {actor.display_name}")
            _send_on(run.pk)
    except IllegalTransition:
        raise ActionRefused("not_resumable", "Somebody else resumed it a moment ago.") from None
    return run


# -- trying out -----------------------------------------------------------------------------------


def request_test(*, deployment: Deployment, body: Any, actor: User) -> TestRequest:
    """Send ``body``, a JSON object, to the endpoint from a worker; the answer appears on the returned row.

    Raises SpecInvalid for a body that is no such object.
    """
    _require(actor, Action.VIEW, deployment)
    _refuse_destroyed(deployment)
    _refuse_unsendable(body)
    request = TestRequest.objects.create(deployment=deployment, requested_by=actor, body=body)
    transaction.on_commit(lambda: run_test_request.delay(request.pk), robust=True)
    return request


def _refuse_unsendable(body: Any) -> None:
    if not isinstance(body, dict):
        raise SpecInvalid({"body": ["An endpoint takes a JSON object, for example with dataframe_split."]})
    try:
        text = json.dumps(body, allow_nan=False)
    except (ValueError, RecursionError):
        raise SpecInvalid({"body": ["This is not JSON that can be sent."]}) from None
    if "\\u0000" in text:
        raise SpecInvalid({"body": ["Null characters are not allowed."]})
