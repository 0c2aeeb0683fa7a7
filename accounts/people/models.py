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


# Who changed what, for people and machines alike. Neither passwords nor hashes of tokens are recorded.
auditlog.register(User, exclude_fields=["password", "last_login"])
