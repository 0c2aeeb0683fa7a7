"""A trial: a request that a person sends from the portal to try an endpoint, and the answer."""

from __future__ import annotations

from django.db import models

from accounts.models import User
from deployments.deployment.models import Deployment


class TestRequest(models.Model):
    """A trial of an endpoint. The name TestRequest is that of the table and of the API."""

    __test__ = False  # keeps pytest from collecting the class

    class Status(models.TextChoices):
        SENDING = "sending", "Sending"
        ANSWERED = "answered", "Answered"
        FAILED = "failed", "Failed"

    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="test_requests")
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    body = models.JSONField()
    status = models.CharField(max_length=10, choices=Status, default=Status.SENDING)
    status_code = models.PositiveSmallIntegerField(null=True, blank=True)
    response = models.TextField(blank=True)
    served_entity = models.CharField(max_length=255, blank=True)
    #: Round trip in milliseconds, measured by the portal.
    latency_ms = models.FloatField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"trial {self.pk}"
