"""Authentication by bearer token: checks the scope and names the user in the audit trail."""

from __future__ import annotations

import re
from datetime import timedelta

from auditlog.context import auditlog_value
from django.db.models import Q
from django.utils import timezone
from knox.auth import TokenAuthentication as KnoxTokenAuthentication
from rest_framework import exceptions
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from accounts.people.models import User
from accounts.tokens.models import AccessToken, TokenScope

TOKEN = re.compile(rb"[A-Za-z0-9_-]{1,200}")
USED_AT_PRECISION = timedelta(minutes=1)


class TokenAuthentication(KnoxTokenAuthentication):  # type: ignore[misc]  # knox ships no types
    """Reads ``Authorization: Bearer slw_...``. Unsafe methods with a token of scope read get a 403."""

    def authenticate(self, request: Request) -> tuple[User, AccessToken] | None:
        found: tuple[User, AccessToken] | None = super().authenticate(request)
        if found is None:
            return None
        user, token = found
        if token.scope == TokenScope.READ and request.method not in SAFE_METHODS:
            raise exceptions.PermissionDenied("This token is read-only. Use a token with scope write.")
        _note_use(token)
        _audit_as(user)
        return user, token

    def authenticate_credentials(self, token: bytes) -> tuple[User, AccessToken]:
        """Raises AuthenticationFailed for unknown and malformed tokens."""
        if not TOKEN.fullmatch(token):
            raise exceptions.AuthenticationFailed("Invalid token.")
        found: tuple[User, AccessToken] = super().authenticate_credentials(token)
        return found

    def _cleanup_token(self, auth_token: AccessToken) -> bool:
        """Whether the token has expired. Knox deletes expired tokens; here they stay visible to their owner."""
        return auth_token.is_expired


def _note_use(token: AccessToken) -> None:
    """Set ``last_used_at``, at most once a minute and without an entry in the audit trail."""
    now = timezone.now()
    if token.last_used_at is not None and token.last_used_at > now - USED_AT_PRECISION:
        return
    stale = Q(last_used_at=None) | Q(last_used_at__lte=now - USED_AT_PRECISION)
    AccessToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)


def _audit_as(user: User) -> None:
    """Set ``user`` as the actor in the audit trail: auditlog's middleware ran before the token was read."""
    context = auditlog_value.get(None)
    if context is not None:
        context["actor"] = user
