"""A second person's word on a plan."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction

from accounts.models import User
from deployments.models import Approval, IllegalTransition, Run
from deployments.policies.approval import may_decide
from deployments.services.base import Refused, send_on_whoever_can
from deployments.states import RunStatus


def approve(*, run: Run, actor: User, reason: str = "", plan_sha256: str = "") -> Run:
    """Approve the saved plan. With ``plan_sha256`` the approval is refused if the plan is another one by now."""
    return _decide(run, actor, Approval.Decision.APPROVED, reason, plan_sha256)


def reject(*, run: Run, actor: User, reason: str) -> Run:
    """Reject the run; a reason is required."""
    if not reason.strip():
        raise Refused("reason_required", "Say why: the person who asked will read it.")
    return _decide(run, actor, Approval.Decision.REJECTED, reason, "")


def _decide(run: Run, actor: User, decision: Approval.Decision, reason: str, plan_sha256: str) -> Run:
    _refuse_decision(run, actor)
    plan = run.plan
    if plan_sha256 and plan_sha256 != plan.sha256:
        raise Refused("plan_changed", "The plan has changed since you looked at it. Read it again.")
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
            send_on_whoever_can(run)
    except (IntegrityError, IllegalTransition):
        raise Refused("already_decided", "Somebody else decided a moment ago.") from None
    return run


def _refuse_decision(run: Run, actor: User) -> None:
    reason = may_decide(run, actor)
    if not reason:
        return
    if run.status != RunStatus.APPROVAL:
        raise Refused("not_waiting", reason)
    raise PermissionDenied(reason)
