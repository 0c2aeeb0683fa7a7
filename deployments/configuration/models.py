"""The last configuration check of an endpoint: whether it was changed by hand."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from deployments.deployment.models import Deployment, EndpointState


class ConfigCheck(models.Model):
    """The newest comparison of an endpoint with ``Deployment.intended``. A deployment has at most one."""

    class Status(models.TextChoices):
        IN_SYNC = "in_sync", "In sync"
        DRIFTED = "drifted", "Changed by hand"
        UNKNOWN = "unknown", "Unknown"

    deployment = models.OneToOneField(Deployment, on_delete=models.CASCADE, related_name="config_check")
    checked_at = models.DateTimeField()
    status = models.CharField(max_length=10, choices=Status)
    #: [{"field", "intended", "live", "first_seen_at"}], times in ISO 8601.
    differences = models.JSONField(default=list, blank=True)
    error = models.TextField(blank=True)
    #: When the first of the current differences was found. Checks with an unknown result do not reset it.
    first_seen_at = models.DateTimeField(null=True, blank=True)
    #: When the endpoint was last changed, as reported by the workspace.
    changed_at = models.DateTimeField(null=True, blank=True)
    #: The live endpoint as variables of terraform/modules/model_endpoint. Encrypted, because it may contain secrets.
    live = models.BinaryField(default=b"")
    #: SHA-256 of ``live`` before encryption.
    fingerprint = models.CharField(max_length=64, blank=True)

    def __str__(self) -> str:
        return f"configuration of {self.deployment_id}: {self.status}"

    @classmethod
    def stale_before(cls, now: datetime | None = None) -> datetime:
        """Checks older than this have missed three rounds and count as unknown."""
        return (now or timezone.now()) - timedelta(seconds=3 * settings.CONFIG_DRIFT_EVERY_S)

    def state(self, now: datetime | None = None) -> EndpointState:
        """The status as people read it; unknown if the check is stale."""
        if self.checked_at < self.stale_before(now):
            return EndpointState("unknown", "Unknown · not checked lately")
        return EndpointState(_TONES[self.status], self.get_status_display())

    @classmethod
    def forget(cls, deployment_id: int, reason: str) -> None:
        """Discard the result of the last check. The status is unknown until the next check."""
        cls.objects.filter(deployment=deployment_id).update(
            status=cls.Status.UNKNOWN, error=reason, differences=[], first_seen_at=None, live=b"", fingerprint=""
        )


_TONES: dict[str, str] = {
    ConfigCheck.Status.IN_SYNC: "ok",
    ConfigCheck.Status.DRIFTED: "warn",
    ConfigCheck.Status.UNKNOWN: "unknown",
}


def with_configuration(word: str) -> Q:
    """Live deployments by configuration status, as in ``ConfigCheck.state``. Stale checks count as unknown."""
    status = {"changed": ConfigCheck.Status.DRIFTED, "in_sync": ConfigCheck.Status.IN_SYNC}
    fresh = Q(config_check__checked_at__gte=ConfigCheck.stale_before())
    known = fresh & Q(config_check__status__in=status.values())
    found = fresh & Q(config_check__status=status[word]) if word in status else ~known
    return Q(destroyed_at=None) & found


def check_of(deployment: Deployment) -> ConfigCheck | None:
    """The deployment's check, or None. No query if ``config_check`` is selected."""
    return getattr(deployment, "config_check", None)
