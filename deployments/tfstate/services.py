"""Force-unlocking a tfstate whose lock was left behind."""

from __future__ import annotations

from auditlog.models import LogEntry
from django.db import transaction

from accounts.models import User
from accounts.teams.permissions import require_platform_admin
from deployments.deployment.models import Deployment
from deployments.runs.models import Line, Run
from deployments.runs.statuses import Level
from deployments.tfstate import store as statestore
from deployments.tfstate.models import StateLock
from web.errors import Refused

MIN_REASON_CHARS = 10

FREE_LOCK = "free the state lock"


def force_unlock(*, deployment: Deployment, actor: User, reason: str, lock_id: str = "") -> None:
    """Free the lock of the deployment's tfstate. A Terraform process that still runs can no longer write.

    For platform admins. Raises Refused if ``lock_id`` is given and the lock has a different id.
    """
    require_platform_admin(actor, FREE_LOCK)
    reason = reason.strip()
    if len(reason) < MIN_REASON_CHARS:
        raise Refused("reason_required", f"Give a reason of at least {MIN_REASON_CHARS} characters.")
    with transaction.atomic():
        Deployment.objects.select_for_update().get(pk=deployment.pk)
        lock = StateLock.objects.select_related("run").filter(deployment=deployment).first()
        if lock is None:
            raise Refused("not_locked", "The state is not locked.")
        if lock_id and lock_id != lock.lock_id:
            raise Refused("other_lock", "The lock has changed since you looked at it. Check who holds it now.")
        if run := lock.run_at_work():
            raise Refused("at_work", f"Run #{run.pk} is at work. Cancel it to free the lock.")
        statestore.force_release(lock)
        _tell(deployment, lock.run, actor, reason)


def _tell(deployment: Deployment, holder: Run, actor: User, reason: str) -> None:
    text = f"{actor.display_name} freed the state lock of run #{holder.pk} by force: {reason}"
    holder.log([Line(stage=holder.status, message=text, level=Level.WARNING)])
    changes = {"state_lock": [f"held by run {holder.pk}", f"freed by force: {reason}"]}
    LogEntry.objects.log_create(deployment, force_log=True, action=LogEntry.Action.UPDATE, changes=changes, actor=actor)
