"""Log-in forms that limit failed attempts."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError

from accounts.signin import guard as login


class ThrottledLogin(AuthenticationForm):
    """Counts failures per username and address, and rejects every log-in after too many."""

    blocked = False

    def clean(self) -> dict[str, Any]:
        username = self.cleaned_data.get("username") or ""
        address = self.request.META.get("REMOTE_ADDR", "") if self.request else ""
        if login.is_blocked(username, address):
            self.blocked = True
            minutes = login.WINDOW_S // 60
            raise ValidationError(f"Too many failed log-ins. Try again in {minutes} minutes.")
        try:
            cleaned = super().clean()
        except ValidationError:
            login.note_failure(username, address)
            raise
        login.note_success(username, address)
        return cleaned


class ThrottledAdminLogin(ThrottledLogin, AdminAuthenticationForm):
    """``ThrottledLogin`` for Django's admin pages."""
