"""Asking for a fresh copy of a workspace's registry."""

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
