"""People and service accounts."""

from __future__ import annotations

from auditlog.registry import auditlog
from django.contrib.auth.models import AbstractUser


class User(AbstractUser):  # type: ignore[django-manager-missing]  # knox ships no types
    """A person or a service account. A superuser is a platform admin."""

    @property
    def is_platform_admin(self) -> bool:
        return self.is_active and self.is_superuser

    @property
    def display_name(self) -> str:
        return self.get_full_name() or self.username


# The audit trail records changes by people and service accounts, without passwords.
auditlog.register(User, exclude_fields=["password", "last_login"])
