"""Databricks workspaces, and the environments that models are deployed to."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.utils import timezone


class Workspace(models.Model):
    """A Databricks workspace.

    The credential is a reference: the name of environment variables, never a value. With ``credential``
    = "DATABRICKS" the portal reads DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET, or DATABRICKS_TOKEN.
    """

    name = models.SlugField(max_length=63, unique=True)
    host = models.URLField(max_length=255)
    credential = models.CharField(max_length=63, default="DATABRICKS")
    refresh_requested_at = models.DateTimeField(null=True, blank=True, editable=False)
    sync_started_at = models.DateTimeField(null=True, blank=True, editable=False)
    sync_done = models.PositiveIntegerField(default=0, editable=False)
    sync_total = models.PositiveIntegerField(default=0, editable=False)
    synced_at = models.DateTimeField(null=True, blank=True, editable=False)
    sync_error = models.TextField(blank=True, editable=False)

    # A sync that has not ended by then died with its worker.
    SYNC_ABANDONED_AFTER = timedelta(minutes=10)
    # A request for a refresh that no worker has taken by then was lost.
    REQUEST_LOST_AFTER = timedelta(minutes=2)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_syncing(self) -> bool:
        """Whether a sync runs, or one that somebody asked for is about to."""
        now = timezone.now()
        started, asked = self.sync_started_at, self.refresh_requested_at
        if started is not None and started > now - self.SYNC_ABANDONED_AFTER:
            return True
        return asked is not None and asked > now - self.REQUEST_LOST_AFTER


class Environment(models.Model):
    """A place to deploy to: a catalog of a workspace and the rules that hold there."""

    slug = models.SlugField(max_length=63, unique=True)
    name = models.CharField(max_length=120)
    position = models.PositiveSmallIntegerField(default=0)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="environments")
    catalog_name = models.CharField(max_length=255)
    needs_approval = models.BooleanField(default=False)
    approval_expires_after_hours = models.PositiveSmallIntegerField(default=24)

    class Meta:
        ordering = ["position", "slug"]

    def __str__(self) -> str:
        return self.name
