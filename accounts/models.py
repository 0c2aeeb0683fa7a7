"""Models of the app, from the subjects that hold them."""

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
