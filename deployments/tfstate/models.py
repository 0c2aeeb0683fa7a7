"""Terraform state, kept by the portal: every version, encrypted, with a lock and credentials that can go stale."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from deployments.deployment.models import Deployment
from deployments.runs.models import Run


class StateVersion(models.Model):
    """One state as Terraform wrote it. ``ciphertext`` is Fernet; ``serial`` and ``lineage`` are Terraform's own."""

    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="state_versions")
    run = models.ForeignKey(Run, on_delete=models.SET_NULL, null=True, related_name="state_versions")
    fencing = models.PositiveIntegerField()
    serial = models.PositiveBigIntegerField()
    lineage = models.CharField(max_length=64)
    sha256 = models.CharField(max_length=64)
    size_bytes = models.PositiveBigIntegerField()
    ciphertext = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["deployment", "-id"])]

    def __str__(self) -> str:
        return f"state of {self.deployment_id}, serial {self.serial}"


class StateLock(models.Model):
    """Terraform's lock on one state. The row is the lock; ``info`` is what the holder sent: who, operation, when."""

    deployment = models.OneToOneField(Deployment, on_delete=models.CASCADE, related_name="state_lock")
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="+")
    fencing = models.PositiveIntegerField()
    lock_id = models.CharField(max_length=64)
    info = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"lock {self.lock_id}"

    def run_at_work(self) -> Run | None:
        """A run of the deployment that a worker who is alive holds, and that may need the lock."""
        held = Run.objects.filter(deployment=self.deployment_id, lease_token__isnull=False)
        return held.filter(lease_expires_at__gte=Now()).first()


class BackendCredential(models.Model):
    """The short-lived password of one run's Terraform. Only its SHA-256 is kept."""

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
