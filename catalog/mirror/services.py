"""Requesting a refresh of a workspace's mirror."""

from __future__ import annotations

import logging

from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.utils import timezone
from kombu.exceptions import OperationalError

from accounts.models import User
from accounts.teams.permissions import teams_where
from accounts.teams.roles import Action
from catalog.mirror.tasks import sync_workspace
from catalog.workspaces.models import Workspace

logger = logging.getLogger(__name__)


def request_refresh(*, user: User, workspace: Workspace) -> bool:
    """Request a full sync of ``workspace``. False if an earlier request is still pending.

    Raises PermissionDenied unless ``user`` is a platform admin or a member of a team.
    """
    if not user.is_platform_admin and not teams_where(user, Action.VIEW).exists():
        raise PermissionDenied("Only members of a team can refresh the catalog.")
    now = timezone.now()
    not_asked = Q(refresh_requested_at=None) | Q(refresh_requested_at__lte=now - Workspace.REQUEST_LOST_AFTER)
    if not Workspace.objects.filter(not_asked, pk=workspace.pk).update(refresh_requested_at=now):
        return False
    try:
        sync_workspace.delay(workspace.pk)
    except OperationalError:
        # The request is in the database, and beat starts a sync every minute.
        logger.warning("queueing the refresh of workspace %s: the broker is unavailable", workspace)
    return True
