"""Databricks workspaces and the environments that models are deployed to."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.utils import timezone


class Workspace(models.Model):
    """A Databricks workspace and the state of its sync."""

    name = models.SlugField(max_length=63, unique=True)
    host = models.URLField(max_length=255)
    #: Prefix of the environment variables with the credentials, never a secret itself. "DATABRICKS" makes the portal
    #: read DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET, or DATABRICKS_TOKEN.
    credential = models.CharField(max_length=63, default="DATABRICKS")
    refresh_requested_at = models.DateTimeField(null=True, blank=True, editable=False)
    sync_started_at = models.DateTimeField(null=True, blank=True, editable=False)
    sync_done = models.PositiveIntegerField(default=0, editable=False)
    sync_total = models.PositiveIntegerField(default=0, editable=False)
    synced_at = models.DateTimeField(null=True, blank=True, editable=False)
    sync_error = models.TextField(blank=True, editable=False)

    # A sync that has not finished after this time is considered dead.
    SYNC_ABANDONED_AFTER = timedelta(minutes=10)
    # A requested refresh that no worker has started after this time is considered lost.
    REQUEST_LOST_AFTER = timedelta(minutes=2)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_syncing(self) -> bool:
        """Whether a sync is running or a requested one is about to start."""
        now = timezone.now()
        started, asked = self.sync_started_at, self.refresh_requested_at
        if started is not None and started > now - self.SYNC_ABANDONED_AFTER:
            return True
        return asked is not None and asked > now - self.REQUEST_LOST_AFTER


class Environment(models.Model):
    """A deployment target: a catalog of a workspace with its approval rules."""

    slug = models.SlugField(max_length=63, unique=True)
    name = models.CharField(max_length=120)
    #: Order in lists, ascending.
    position = models.PositiveSmallIntegerField(default=0)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="environments")
    catalog_name = models.CharField(max_length=255)
    needs_approval = models.BooleanField(default=False)
    approval_expires_after_hours = models.PositiveSmallIntegerField(default=24)

    class Meta:
        ordering = ["position", "slug"]

    def __str__(self) -> str:
        return self.name
