"""The claim that allows one sync per workspace at a time, and the progress of that sync."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import F, Q
from django.utils import timezone

from catalog.workspaces.models import Workspace


class Claim:
    """The right to sync a workspace, held from ``take`` to ``succeed`` or ``fail``. A lost claim writes nothing."""

    def __init__(self, workspace: Workspace, started_at: datetime) -> None:
        self.workspace = workspace
        self.started_at = started_at
        self.is_full = workspace.refresh_requested_at is not None
        # A refresh requested while this sync runs stays requested.
        self._answered = Q(refresh_requested_at=workspace.refresh_requested_at)

    @classmethod
    def take(cls, workspace_id: int) -> Claim | None:
        """Claim the workspace. None if another sync of it is running or if it does not exist."""
        now = timezone.now()
        free = Q(sync_started_at=None) | Q(sync_started_at__lte=now - Workspace.SYNC_ABANDONED_AFTER)
        won = Workspace.objects.filter(free, pk=workspace_id).update(sync_started_at=now, sync_done=0, sync_total=0)
        return cls(Workspace.objects.get(pk=workspace_id), now) if won else None

    @property
    def _held(self) -> Q:
        return Q(pk=self.workspace.pk, sync_started_at=self.started_at)

    def expect(self, steps: int) -> None:
        """Record the number of remaining steps."""
        Workspace.objects.filter(self._held).update(sync_total=F("sync_done") + steps)

    def step(self) -> bool:
        """Record one finished step. False if another worker has taken the claim: the caller must stop."""
        return bool(Workspace.objects.filter(self._held).update(sync_done=F("sync_done") + 1))

    def succeed(self) -> None:
        self._finish(synced_at=timezone.now(), sync_error="")

    def fail(self, message: str) -> None:
        """Record the error. ``synced_at`` and the mirrored rows stay: old data with its date is better than none."""
        self._finish(sync_error=message)

    def _finish(self, **values: Any) -> None:
        if self.is_full:
            Workspace.objects.filter(self._held & self._answered).update(refresh_requested_at=None)
        Workspace.objects.filter(self._held).update(sync_started_at=None, **values)
