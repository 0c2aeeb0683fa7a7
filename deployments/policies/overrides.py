"""Overriding a policy that a run does not meet."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from deployments.policies.approvals import may_override
from deployments.policies.models import PolicyResult
from deployments.policies.rules import RULES
from deployments.runs.models import Line, Run
from deployments.runs.queue import hold_in, send_on
from deployments.runs.requests import audit
from deployments.runs.statuses import Level, RunStatus
from web.errors import Refused


def override_policy(*, run: Run, result: PolicyResult, actor: User, reason: str) -> Run:
    """Override one result for this plan and policy version. The run continues after the last override."""
    _refuse(run, result, actor)
    if not reason.strip():
        raise Refused("reason_required", "Give a reason why the policy need not be met this time.")
    title = RULES[result.rule].title
    with transaction.atomic():
        mine = PolicyResult.objects.blocking().filter(pk=result.pk)
        values = {"overridden_by": actor, "overridden_at": timezone.now(), "override_reason": reason.strip()}
        if not (hold_in(run, RunStatus.POLICY) and mine.update(**values)):
            raise Refused("already_decided", "Another person has just overridden it.")
        text = f"policy {title} was overridden by {actor.display_name}: {reason.strip()}"
        run.log([Line(stage=RunStatus.POLICY, message=text, level=Level.WARNING)])
        audit(run, actor, {f"override of {result.rule}": ["", reason.strip()]})
        if not PolicyResult.objects.blocking().filter(run=run, plan_sha256=result.plan_sha256).exists():
            Run.objects.filter(pk=run.pk, status=RunStatus.POLICY).update(wake_at=None, waiting_for="")
            send_on(run.pk)
    run.refresh_from_db()
    return run


def _refuse(run: Run, result: PolicyResult, actor: User) -> None:
    reason = may_override(result, actor)
    if not reason:
        return
    if run.status != RunStatus.POLICY or not result.is_blocking or result.plan_sha256 != run.plan.sha256:
        raise Refused("not_waiting", reason)
    raise PermissionDenied(reason)
