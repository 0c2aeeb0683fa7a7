"""What people do in the catalog: ask for a fresh mirror, say how risky a model is."""

from __future__ import annotations

import logging

from auditlog.models import LogEntry
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from kombu.exceptions import OperationalError

from accounts.models import User
from accounts.permissions import can, teams_where
from accounts.roles import Action
from catalog.models import RegisteredModel, Risk, Workspace
from catalog.tasks import sync_workspace

logger = logging.getLogger(__name__)


def request_refresh(*, user: User, workspace: Workspace) -> bool:
    """Have the whole mirror of ``workspace`` read anew. False if that was asked for and is still going on.

    Raises PermissionDenied for somebody who is in no team.
    """
    if not user.is_platform_admin and not teams_where(user, Action.VIEW).exists():
        raise PermissionDenied("Only members of a team may refresh the catalog.")
    now = timezone.now()
    not_asked = Q(refresh_requested_at=None) | Q(refresh_requested_at__lte=now - Workspace.REQUEST_LOST_AFTER)
    if not Workspace.objects.filter(not_asked, pk=workspace.pk).update(refresh_requested_at=now):
        return False
    try:
        sync_workspace.delay(workspace.pk)
    except OperationalError:
        # The wish is in the database: the sync that beat starts every minute will find it.
        logger.warning("queueing the refresh of workspace %s: the broker is away", workspace)
    return True


def set_risk(*, actor: User, model: RegisteredModel, risk: str) -> RegisteredModel:
    """Put the model into a risk tier; runs are judged by it from now on. Raises PermissionDenied or ValidationError."""
    if not can(actor, Action.MANAGE, model.team):
        raise PermissionDenied("Only a team admin of the model's team says how risky it is.")
    if risk not in Risk.values:
        raise ValidationError({"risk": f"Choose one of: {', '.join(Risk.values)}."})
    with transaction.atomic():
        before = RegisteredModel.objects.select_for_update().get(pk=model.pk).risk
        if before != risk:
            RegisteredModel.objects.filter(pk=model.pk).update(risk=risk)
            changes = {"risk": [before, risk]}
            LogEntry.objects.log_create(
                model, force_log=True, action=LogEntry.Action.UPDATE, changes=changes, actor=actor
            )
    model.risk = risk
    return model
