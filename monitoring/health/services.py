"""Actions of people on the health of a deployment."""

from __future__ import annotations

from functools import partial

from auditlog.models import LogEntry
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from accounts.teams.roles import Action
from deployments.deployment.permissions import require
from deployments.models import Deployment
from monitoring.health.history import NO_TABLE, is_overdue
from monitoring.health.models import HealthHistory
from monitoring.health.tasks import read_health_history
from monitoring.watched.versions import inference_table
from web.errors import Refused


def ask_for_history(*, deployment: Deployment, actor: User) -> HealthHistory:
    """Start filling hours without metrics from the inference table, with a SQL warehouse of the workspace.

    Does nothing if it is already running. Raises PermissionDenied or Refused.
    """
    require(actor, Action.DEPLOY, deployment)
    if inference_table(deployment) is None:
        raise Refused("no_inference_table", NO_TABLE)
    now = timezone.now()
    with transaction.atomic():
        Deployment.objects.select_for_update().get(pk=deployment.pk)
        known = HealthHistory.objects.filter(deployment=deployment).first()
        if known is not None and known.is_under_way and not is_overdue(known, now):
            return known
        asked = {"asked_by": actor, "asked_at": now, "ended_at": None, "hours": 0, "error": ""}
        history, _ = HealthHistory.objects.update_or_create(deployment=deployment, defaults=asked)
        LogEntry.objects.log_create(
            deployment,
            force_log=True,
            action=LogEntry.Action.UPDATE,
            changes={"health_history": ["", "read from the inference table"]},
            actor=actor,
        )
        transaction.on_commit(partial(read_health_history.delay, deployment.pk))
    return history
