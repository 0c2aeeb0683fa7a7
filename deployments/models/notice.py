"""What a person has to know and to acknowledge: it stays on their home page until then."""

from __future__ import annotations

from django.db import models

from accounts.models import User


class Notice(models.Model):
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notices")
    run = models.ForeignKey("deployments.Run", on_delete=models.CASCADE, related_name="notices")
    message = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["user", "acknowledged_at"])]

    def __str__(self) -> str:
        return self.message
