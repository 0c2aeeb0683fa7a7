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
    """A bearer token of the API. Only its hash is stored; knox checks the hash and the expiry."""

    #: A UUID, not the digest as in knox: the primary key appears in the audit trail and in URLs.
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    digest = models.CharField(max_length=128, unique=True, editable=False)
    name = models.CharField(max_length=120)
    #: Restricts the permissions of the token's user.
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
