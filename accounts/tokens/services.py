"""Tokens of the API: made by their user, shown once, revoked at once."""

from __future__ import annotations

from datetime import timedelta

from django.core.exceptions import ValidationError

from accounts.people.models import User
from accounts.tokens.models import AccessToken, TokenScope

MAX_DAYS = 365
MAX_TOKENS = 50


def create_token(*, user: User, name: str, scope: TokenScope | str, expires_in_days: int) -> tuple[AccessToken, str]:
    """The token and its plain text, which exists only in this answer. Raises ValidationError by field."""
    name = name.strip()
    errors: dict[str, str] = {}
    if not name or len(name) > 120 or not name.isprintable():
        errors["name"] = "Give it a name of 1 to 120 characters."
    if scope not in TokenScope.values:
        errors["scope"] = f"Choose one of: {', '.join(TokenScope.values)}."
    if not 1 <= expires_in_days <= MAX_DAYS:
        errors["expires_in_days"] = f"Choose 1 to {MAX_DAYS} days."
    if not errors and AccessToken.objects.filter(user=user).count() >= MAX_TOKENS:
        errors["name"] = f"You have {MAX_TOKENS} tokens. Revoke one that you no longer use."
    if errors:
        raise ValidationError(errors)
    token, plain_text = AccessToken.objects.create(
        user=user, name=name, scope=scope, expiry=timedelta(days=expires_in_days)
    )
    return token, str(plain_text)


def revoke_token(*, user: User, token: AccessToken) -> None:
    """The token ends now. Only its own user, or a platform admin, may do that."""
    if token.user_id != user.pk and not user.is_platform_admin:
        raise ValidationError("This is not your token.")
    token.delete()
