"""When a plan may be applied, and who may say so: for the stages, the pages and the API alike."""

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
    """Why a second person has to approve the run's plan; empty where nobody has to."""
    environment = run.deployment.environment
    asks = environment.needs_approval and not is_short_way_back(run)
    reasons = [f"{environment} needs approval"] if asks else []
    asking = PolicyResult.objects.filter(run=run, plan_sha256=run.plan.sha256, asks_approval=True)
    return reasons + [f"policy {rule}" for rule in asking.values_list("rule", flat=True)]


def is_short_way_back(run: Run) -> bool:
    """Whether the run's plan does no more than move traffic back to an earlier good version that still runs.

    That version had its second person when it went live, and whoever rolls back is in a hurry.
    """
    return run.kind in GOING_BACK and kind_of(run) in (ChangeKind.TRAFFIC, ChangeKind.TAGS_ONLY)


def expects_approval(environment: Environment, risk: str, kind: ChangeKind) -> bool:
    """Whether a run that is still to be planned will need a second person, as far as one can tell before."""
    if environment.needs_approval:
        return True
    holding = deciding(Policy.objects.holding(environment.slug, risk, kind).filter(rule="second_person"))
    return any(policy.level != PolicyLevel.OFF for policy in holding)


def binding(run: Run) -> QuerySet[Approval]:
    """Decisions on what would be applied now: this plan file, for this version, against this state."""
    plan = run.plan
    return Approval.objects.filter(
        run=run,
        plan_sha256=plan.sha256,
        state_serial=plan.state_serial,
        model_version=run.parsed_spec().version,
    )


def standing_approval(run: Run) -> Approval | None:
    """The decision that lets the run's plan be applied: of a second person, or of somebody who broke the glass."""
    by_another = Q(decision=Approval.Decision.APPROVED) & ~Q(decided_by=run.requested_by_id)
    allowed = binding(run).filter(by_another | Q(decision=Approval.Decision.BREAK_GLASS))
    return allowed.select_related("decided_by").first()


def may_apply(run: Run) -> bool:
    """Whether the run's plan needs no approval, or has one that holds."""
    return not approval_reasons(run) or standing_approval(run) is not None


def may_decide(run: Run, actor: User) -> str:
    """Why ``actor`` may not approve or reject the run now; "" if he may."""
    if run.status != RunStatus.APPROVAL:
        return f"This run is not waiting for approval: it is {run.get_status_display().lower()}."
    if not can(actor, Action.APPROVE, run.deployment.team):
        return f"Only an approver or team admin of {run.deployment.team} decides."
    if run.requested_by_id == actor.pk:
        return "A second person has to decide: you asked for this run yourself."
    return ""


def waits_for_glass(run: Run) -> bool:
    """Whether breaking the glass would send the run on: it waits for a second person, or for the end of a freeze."""
    if run.status == RunStatus.APPROVAL:
        return True
    if run.status != RunStatus.APPLY or run.apply_started_at is not None:
        return False
    deployment = run.deployment
    frozen = Freeze.objects.active().covering(deployment.environment_id, deployment.team_id).exists()
    return frozen and not binding(run).filter(decision=Approval.Decision.BREAK_GLASS).exists()


def may_break_glass(run: Run, actor: User) -> str:
    """Why ``actor`` may not have the plan applied without a second person now; "" if he may, also for his own run."""
    if not waits_for_glass(run):
        return f"This run waits for no second person and no freeze: it is {run.get_status_display().lower()}."
    if not can(actor, Action.MANAGE, run.deployment.team):
        return f"Only a team admin of {run.deployment.team} or a platform admin breaks the glass."
    return ""


def may_override(result: PolicyResult, actor: User) -> str:
    """Why ``actor`` may not override this result now; "" if he may."""
    run = result.run
    if run.status != RunStatus.POLICY or not result.is_blocking or result.plan_sha256 != run.plan.sha256:
        return "Nothing waits for an override of this result."
    if not can(actor, Action.OVERRIDE, run.deployment.team):
        return f"Only a team admin of {run.deployment.team} or a platform admin overrides policies."
    if run.requested_by_id == actor.pk:
        return "Somebody else has to override: you asked for this run yourself."
    return ""


def deciders(team: Team | None) -> QuerySet[User]:
    """Active people who may approve runs of the team, members before platform admins."""
    by_role = Q(memberships__team=team, memberships__role__in=roles_allowing(Action.APPROVE))
    people = User.objects.filter(by_role | Q(is_superuser=True), is_active=True)
    return people.distinct().order_by("is_superuser", "username")


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
