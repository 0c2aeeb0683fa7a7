"""The models of the app, imported from its subjects."""

from accounts.people.models import User
from accounts.teams.models import Membership, OfTeamQuerySet, Team, TeamQuerySet
from accounts.tokens.models import AccessToken, TokenScope
from web.idempotency import IdempotencyKey

__all__ = [
    "AccessToken",
    "IdempotencyKey",
    "Membership",
    "OfTeamQuerySet",
    "Team",
    "TeamQuerySet",
    "TokenScope",
    "User",
]
