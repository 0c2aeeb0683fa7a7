"""Breaking the glass: applying without an approval in an emergency. Approvers are notified of the reason."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from deployments.policies.approvals import deciders, may_break_glass, waits_for_glass
from deployments.policies.models import Approval, Notice
from deployments.runs.models import IllegalTransition, Line, Run
from deployments.runs.queue import send_on
from deployments.runs.requests import audit
from deployments.runs.statuses import Level, RunStatus
from web.errors import Refused

MIN_REASON_CHARS = 10


def break_glass(*, run: Run, actor: User, reason: str, plan_sha256: str = "") -> Run:
    """Apply the run's plan without an approval and despite a freeze.

    Raises Refused if the run does not wait, the reason is too short, or ``plan_sha256`` is given and the plan has
    changed. Raises PermissionDenied if ``actor`` may not break the glass.
    """
    if refusal := may_break_glass(run, actor):
        if not waits_for_glass(run):
            raise Refused("not_waiting", refusal)
        raise PermissionDenied(refusal)
    reason = reason.strip()
    if len(reason) < MIN_REASON_CHARS:
        raise Refused(
            "reason_required", f"Give a reason of at least {MIN_REASON_CHARS} characters. Other people will read it."
        )
    if plan_sha256 and plan_sha256 != run.plan.sha256:
        raise Refused("plan_changed", "The plan has changed since you looked at it. Review it again.")
    try:
        with transaction.atomic():
            _break(run, actor, reason)
    except (IntegrityError, IllegalTransition):
        raise Refused("already_decided", "Another person has just decided.") from None
    run.refresh_from_db()
    return run


def _break(run: Run, actor: User, reason: str) -> None:
    text = f"applied without a second person by {actor.display_name}: {reason}"
    Approval.objects.create(
        run=run,
        decision=Approval.Decision.BREAK_GLASS,
        decided_by=actor,
        reason=reason,
        plan_sha256=run.plan.sha256,
        model_version=run.parsed_spec().version,
        state_serial=run.plan.state_serial,
    )
    if run.status == RunStatus.APPROVAL:
        run.transition(RunStatus.APPLY, text, level=Level.ERROR)
    else:
        _leave_freeze(run, text)
    audit(run, actor, {"break_glass": ["", reason]})
    Notice.objects.bulk_create(
        Notice(user=person, run=run, message=f"Run #{run.pk} was {text}")
        for person in deciders(run.deployment.team).exclude(pk=actor.pk)
    )
    send_on(run.pk)


def _leave_freeze(run: Run, text: str) -> None:
    frozen = Run.objects.filter(pk=run.pk, status=RunStatus.APPLY, apply_started_at=None)
    if not frozen.update(wake_at=None, waiting_for=""):
        raise IllegalTransition("the run continued in the meantime")
    run.log([Line(stage=RunStatus.APPLY, message=text, level=Level.ERROR)])


def acknowledge_notice(*, notice: Notice, actor: User) -> Notice:
    """Remove the notice from the user's home page. Idempotent."""
    if notice.user_id != actor.pk:
        raise PermissionDenied("This notice is for another person.")
    Notice.objects.filter(pk=notice.pk, acknowledged_at=None).update(acknowledged_at=timezone.now())
    notice.refresh_from_db()
    return notice
