"""Bearer tokens of the API."""

from __future__ import annotations

import uuid

from auditlog.registry import auditlog
from django.db import models
from django.utils import timezone
from knox.models import AbstractAuthToken


class TokenScope(models.TextChoices):
    READ = "read", "Read"
    WRITE = "write", "Read and write"


class AccessToken(AbstractAuthToken):  # type: ignore[misc]  # knox ships no types
    """A bearer token of the API. Only its hash is kept; knox checks it and its expiry.

    ``scope`` narrows what its user may do: a read token only ever reads.
    """

    # Not the digest, as in knox: the audit trail and URLs name a token by its primary key.
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    digest = models.CharField(max_length=128, unique=True, editable=False)
    name = models.CharField(max_length=120)
    scope = models.CharField(max_length=10, choices=TokenScope, default=TokenScope.READ)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_expired(self) -> bool:
        return self.expiry is not None and self.expiry < timezone.now()


auditlog.register(AccessToken, include_fields=["name", "scope", "expiry", "user"])
