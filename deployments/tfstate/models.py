"""Terraform's state, stored by the portal: encrypted versions, a lock, and credentials that expire."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from deployments.deployment.models import Deployment
from deployments.runs.models import Run


class StateVersion(models.Model):
    """One version of the tfstate, as Terraform wrote it. ``serial`` and ``lineage`` are Terraform's."""

    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="state_versions")
    run = models.ForeignKey(Run, on_delete=models.SET_NULL, null=True, related_name="state_versions")
    fencing = models.PositiveIntegerField()
    serial = models.PositiveBigIntegerField()
    lineage = models.CharField(max_length=64)
    sha256 = models.CharField(max_length=64)
    size_bytes = models.PositiveBigIntegerField()
    #: Encrypted with Fernet.
    ciphertext = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["deployment", "-id"])]

    def __str__(self) -> str:
        return f"state of {self.deployment_id}, serial {self.serial}"


class StateLock(models.Model):
    """Terraform's lock on one tfstate. The tfstate is locked while the row exists."""

    deployment = models.OneToOneField(Deployment, on_delete=models.CASCADE, related_name="state_lock")
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="+")
    fencing = models.PositiveIntegerField()
    lock_id = models.CharField(max_length=64)
    #: Terraform's description of the holder: who, operation, when.
    info = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"lock {self.lock_id}"

    def run_at_work(self) -> Run | None:
        """The run of the deployment that a live worker holds and that may need the lock, or None."""
        held = Run.objects.filter(deployment=self.deployment_id, lease_token__isnull=False)
        return held.filter(lease_expires_at__gte=Now()).first()


class BackendCredential(models.Model):
    """The short-lived password for the Terraform of one run. Only its SHA-256 is stored."""

    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="+")
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="+")
    fencing = models.PositiveIntegerField()
    username = models.CharField(max_length=64, unique=True)
    digest = models.CharField(max_length=64)
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["deployment", "fencing"], name="one_credential_per_fencing_number")
        ]

    def __str__(self) -> str:
        return self.username
