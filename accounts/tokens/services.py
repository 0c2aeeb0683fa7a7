"""Creating and revoking API tokens."""

from __future__ import annotations

from datetime import timedelta

from django.core.exceptions import ValidationError

from accounts.people.models import User
from accounts.tokens.models import AccessToken, TokenScope

MAX_DAYS = 365
MAX_TOKENS = 50


def create_token(*, user: User, name: str, scope: TokenScope | str, expires_in_days: int) -> tuple[AccessToken, str]:
    """Create a token. Returns it with its plain text, which is not stored. Raises ValidationError by field."""
    name = name.strip()
    errors: dict[str, str] = {}
    if not name or len(name) > 120 or not name.isprintable():
        errors["name"] = "Enter a name of 1 to 120 printable characters."
    if scope not in TokenScope.values:
        errors["scope"] = f"Choose one of: {', '.join(TokenScope.values)}."
    if not 1 <= expires_in_days <= MAX_DAYS:
        errors["expires_in_days"] = f"Enter 1 to {MAX_DAYS} days."
    if not errors and AccessToken.objects.filter(user=user).count() >= MAX_TOKENS:
        errors["name"] = f"You have {MAX_TOKENS} tokens, which is the maximum. Revoke one that you no longer use."
    if errors:
        raise ValidationError(errors)
    token, plain_text = AccessToken.objects.create(
        user=user, name=name, scope=scope, expiry=timedelta(days=expires_in_days)
    )
    return token, str(plain_text)


def revoke_token(*, user: User, token: AccessToken) -> None:
    """Revoke the token immediately. Raises ValidationError unless ``user`` owns it or is a platform admin."""
    if token.user_id != user.pk and not user.is_platform_admin:
        raise ValidationError("You can only revoke your own tokens.")
    token.delete()
