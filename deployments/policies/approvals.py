"""Approvals: when a plan may be applied, and who may decide. Stages, pages and the API share these rules."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from accounts.models import Team, User
from accounts.teams.permissions import can
from accounts.teams.roles import Action, roles_allowing
from catalog.models import Environment
from deployments.policies.evaluating import deciding
from deployments.policies.facts import kind_of
from deployments.policies.models import Approval, ChangeKind, Freeze, Policy, PolicyLevel, PolicyResult
from deployments.runs.models import IllegalTransition, Run
from deployments.runs.queue import send_on_whoever_can
from deployments.runs.statuses import GOING_BACK, RunStatus
from web.errors import Refused


def approval_reasons(run: Run) -> list[str]:
    """Why a second person has to approve the run's plan. Empty if no approval is needed."""
    environment = run.deployment.environment
    asks = environment.needs_approval and not is_short_way_back(run)
    reasons = [f"{environment} needs approval"] if asks else []
    asking = PolicyResult.objects.filter(run=run, plan_sha256=run.plan.sha256, asks_approval=True)
    return reasons + [f"policy {rule}" for rule in asking.values_list("rule", flat=True)]


def is_short_way_back(run: Run) -> bool:
    """Whether the run's plan only moves traffic back to an earlier good version that is still served.

    Such a run needs no approval: the version was approved when it went live, and going back is urgent.
    """
    return run.kind in GOING_BACK and kind_of(run) in (ChangeKind.TRAFFIC, ChangeKind.TAGS_ONLY)


def expects_approval(environment: Environment, risk: str, kind: ChangeKind) -> bool:
    """Whether a run that has no plan yet will probably need an approval."""
    if environment.needs_approval:
        return True
    holding = deciding(Policy.objects.holding(environment.slug, risk, kind).filter(rule="second_person"))
    return any(policy.level != PolicyLevel.OFF for policy in holding)


def binding(run: Run) -> QuerySet[Approval]:
    """Decisions on what would be applied now: this plan file, for this version, against this tfstate."""
    plan = run.plan
    return Approval.objects.filter(
        run=run,
        plan_sha256=plan.sha256,
        state_serial=plan.state_serial,
        model_version=run.parsed_spec().version,
    )


def standing_approval(run: Run) -> Approval | None:
    """The decision that allows the run's plan: an approval by a second person, or a broken glass."""
    by_another = Q(decision=Approval.Decision.APPROVED) & ~Q(decided_by=run.requested_by_id)
    allowed = binding(run).filter(by_another | Q(decision=Approval.Decision.BREAK_GLASS))
    return allowed.select_related("decided_by").first()


def may_apply(run: Run) -> bool:
    """Whether the run's plan needs no approval or has a valid one."""
    return not approval_reasons(run) or standing_approval(run) is not None


def may_decide(run: Run, actor: User) -> str:
    """Why ``actor`` may not approve or reject the run now, or "" if they may."""
    if run.status != RunStatus.APPROVAL:
        return f"This run is not waiting for approval: it is {run.get_status_display().lower()}."
    if not can(actor, Action.APPROVE, run.deployment.team):
        return f"Only an approver or team admin of {run.deployment.team} can decide."
    if run.requested_by_id == actor.pk:
        return "A second person has to decide, because you requested this run."
    return ""


def waits_for_glass(run: Run) -> bool:
    """Whether breaking the glass would help: the run waits for an approval or for the end of a freeze."""
    if run.status == RunStatus.APPROVAL:
        return True
    if run.status != RunStatus.APPLY or run.apply_started_at is not None:
        return False
    deployment = run.deployment
    frozen = Freeze.objects.active().covering(deployment.environment_id, deployment.team_id).exists()
    return frozen and not binding(run).filter(decision=Approval.Decision.BREAK_GLASS).exists()


def may_break_glass(run: Run, actor: User) -> str:
    """Why ``actor`` may not break the glass for the run now, or "" if they may. Own runs are allowed."""
    if not waits_for_glass(run):
        return f"This run is not waiting for an approval or a freeze: it is {run.get_status_display().lower()}."
    if not can(actor, Action.MANAGE, run.deployment.team):
        return f"Only a team admin of {run.deployment.team} or a platform admin can break the glass."
    return ""


def may_override(result: PolicyResult, actor: User) -> str:
    """Why ``actor`` may not override this result now, or "" if they may."""
    run = result.run
    if run.status != RunStatus.POLICY or not result.is_blocking or result.plan_sha256 != run.plan.sha256:
        return "This result does not need an override."
    if not can(actor, Action.OVERRIDE, run.deployment.team):
        return f"Only a team admin of {run.deployment.team} or a platform admin can override policies."
    if run.requested_by_id == actor.pk:
        return "A second person has to override, because you requested this run."
    return ""


def deciders(team: Team | None) -> QuerySet[User]:
    """Active users who may approve runs of the team, members before platform admins."""
    by_role = Q(memberships__team=team, memberships__role__in=roles_allowing(Action.APPROVE))
    people = User.objects.filter(by_role | Q(is_superuser=True), is_active=True)
    return people.distinct().order_by("is_superuser", "username")


def approve(*, run: Run, actor: User, reason: str = "", plan_sha256: str = "") -> Run:
    """Approve the saved plan. Raises Refused if ``plan_sha256`` is given and the plan has changed."""
    return _decide(run, actor, Approval.Decision.APPROVED, reason, plan_sha256)


def reject(*, run: Run, actor: User, reason: str) -> Run:
    """Reject the run; a reason is required."""
    if not reason.strip():
        raise Refused("reason_required", "Give a reason. The person who requested the run will read it.")
    return _decide(run, actor, Approval.Decision.REJECTED, reason, "")


def _decide(run: Run, actor: User, decision: Approval.Decision, reason: str, plan_sha256: str) -> Run:
    _refuse_decision(run, actor)
    plan = run.plan
    if plan_sha256 and plan_sha256 != plan.sha256:
        raise Refused("plan_changed", "The plan has changed since you looked at it. Review it again.")
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
        raise Refused("already_decided", "Another person has just decided.") from None
    return run


def _refuse_decision(run: Run, actor: User) -> None:
    reason = may_decide(run, actor)
    if not reason:
        return
    if run.status != RunStatus.APPROVAL:
        raise Refused("not_waiting", reason)
    raise PermissionDenied(reason)
