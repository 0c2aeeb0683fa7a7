"""Whether an endpoint was changed by hand, as the last look at it found."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from deployments.deployment.models import Deployment, EndpointState


class ConfigCheck(models.Model):
    """The newest comparison of an endpoint with ``Deployment.intended``. A deployment has at most one.

    ``differences`` are {"field", "intended", "live", "first_seen_at"}, times in ISO format. ``live`` is what the
    endpoint was like, as variables of terraform/modules/model_endpoint, encrypted: somebody may have put a secret
    into it. ``fingerprint`` is a SHA-256 of it. ``first_seen_at``: since when it is not as it should be; an unknown in
    between does not end that. ``changed_at``: when the workspace says that the endpoint was changed last.
    """

    class Status(models.TextChoices):
        IN_SYNC = "in_sync", "As asked for"
        DRIFTED = "drifted", "Changed by hand"
        UNKNOWN = "unknown", "Unknown"

    deployment = models.OneToOneField(Deployment, on_delete=models.CASCADE, related_name="config_check")
    checked_at = models.DateTimeField()
    status = models.CharField(max_length=10, choices=Status)
    differences = models.JSONField(default=list, blank=True)
    error = models.TextField(blank=True)
    first_seen_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField(null=True, blank=True)
    live = models.BinaryField(default=b"")
    fingerprint = models.CharField(max_length=64, blank=True)

    def __str__(self) -> str:
        return f"configuration of {self.deployment_id}: {self.status}"

    @classmethod
    def stale_before(cls, now: datetime | None = None) -> datetime:
        """A check that is older than this missed three rounds: it says nothing about now."""
        return (now or timezone.now()) - timedelta(seconds=3 * settings.CONFIG_DRIFT_EVERY_S)

    def state(self, now: datetime | None = None) -> EndpointState:
        """Never "As asked for" on old news."""
        if self.checked_at < self.stale_before(now):
            return EndpointState("unknown", "Unknown · not checked lately")
        return EndpointState(_TONES[self.status], self.get_status_display())

    @classmethod
    def forget(cls, deployment_id: int, reason: str) -> None:
        """What was found does not hold any more, and nobody has looked since."""
        cls.objects.filter(deployment=deployment_id).update(
            status=cls.Status.UNKNOWN, error=reason, differences=[], first_seen_at=None, live=b"", fingerprint=""
        )


_TONES: dict[str, str] = {
    ConfigCheck.Status.IN_SYNC: "ok",
    ConfigCheck.Status.DRIFTED: "warn",
    ConfigCheck.Status.UNKNOWN: "unknown",
}


def with_configuration(word: str) -> Q:
    """Live deployments by the words of ``ConfigCheck.state``. What nobody checked lately is unknown."""
    status = {"changed": ConfigCheck.Status.DRIFTED, "in_sync": ConfigCheck.Status.IN_SYNC}
    fresh = Q(config_check__checked_at__gte=ConfigCheck.stale_before())
    known = fresh & Q(config_check__status__in=status.values())
    found = fresh & Q(config_check__status=status[word]) if word in status else ~known
    return Q(destroyed_at=None) & found


def check_of(deployment: Deployment) -> ConfigCheck | None:
    """No query where ``config_check`` was selected with the deployment."""
    return getattr(deployment, "config_check", None)
