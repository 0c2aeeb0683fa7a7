"""Freezes: whether a run may start to apply, and creating and lifting freezes."""

from __future__ import annotations

from datetime import datetime

from auditlog.models import LogEntry
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import Team, User
from accounts.teams.permissions import require_platform_admin
from catalog.models import Environment
from deployments.policies.approvals import binding
from deployments.policies.models import Approval, Freeze
from deployments.runs.models import Run
from deployments.runs.queue import send_on
from deployments.runs.statuses import RunStatus
from web.errors import Invalid, Refused

FREEZE = "create and lift freezes"


def freeze_of(run: Run) -> Freeze | None:
    """The freeze that blocks this run. None without a freeze, or if the glass was broken for its plan."""
    deployment = run.deployment
    freezes = Freeze.objects.active().covering(deployment.environment_id, deployment.team_id)
    freeze = freezes.select_related("environment", "team", "created_by").first()
    if freeze and binding(run).filter(decision=Approval.Decision.BREAK_GLASS).exists():
        return None
    return freeze


Scope = Freeze.Scope


def create_freeze(
    *, reason: str, ends_at: datetime, actor: User, environment: Environment | None = None, team: Team | None = None
) -> Freeze:
    """Freeze one environment, one team, or everything. Runs still plan and can be approved, but do not start to apply.

    Raises PermissionDenied unless ``actor`` is a platform admin, and Invalid with all errors by field.
    """
    require_platform_admin(actor, FREEZE)
    _check(reason, ends_at, environment, team)
    scope = Scope.ENVIRONMENT if environment else Scope.TEAM if team else Scope.ALL
    return Freeze.objects.create(
        scope=scope, environment=environment, team=team, reason=reason.strip(), ends_at=ends_at, created_by=actor
    )


def lift_freeze(*, freeze: Freeze, actor: User) -> Freeze:
    """Lift a freeze early. Runs that wait for its end continue."""
    require_platform_admin(actor, FREEZE)
    now = timezone.now()
    with transaction.atomic():
        if not Freeze.objects.active().filter(pk=freeze.pk).update(lifted_at=now, lifted_by=actor):
            raise Refused("not_active", "This freeze has already ended.")
        changes = {"lifted_by": ["None", actor.username]}
        LogEntry.objects.log_create(freeze, force_log=True, action=LogEntry.Action.UPDATE, changes=changes, actor=actor)
        _wake_runs(freeze)
    freeze.refresh_from_db()
    return freeze


def _check(reason: str, ends_at: datetime, environment: Environment | None, team: Team | None) -> None:
    now = timezone.now()
    errors: dict[str, list[str]] = {}
    if not reason.strip():
        errors["reason"] = ["Give a reason. Everybody will read it."]
    if ends_at <= now:
        errors["ends_at"] = ["Choose a time in the future."]
    elif ends_at > now + Freeze.MAX_LENGTH:
        errors["ends_at"] = [f"A freeze must end within {Freeze.MAX_LENGTH.days} days."]
    if environment and team:
        errors["team"] = ["Choose an environment or a team, not both."]
    if errors:
        raise Invalid(errors)


def _wake_runs(freeze: Freeze) -> None:
    """Send the runs that waited for this freeze to workers. A run that another freeze covers waits again."""
    where = Q()
    if freeze.environment_id:
        where = Q(deployment__environment=freeze.environment_id)
    elif freeze.team_id:
        where = Q(deployment__team=freeze.team_id)
    waiting = Run.objects.filter(where, status=RunStatus.APPLY, apply_started_at=None, wake_at__isnull=False)
    ids = list(waiting.values_list("pk", flat=True))
    Run.objects.filter(pk__in=ids).update(wake_at=None)
    for run_id in ids:
        send_on(run_id)
