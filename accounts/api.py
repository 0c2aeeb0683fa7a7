"""API of people, teams and tokens."""

from __future__ import annotations

from accounts.signin.api import MeViewSet
from accounts.teams.api import TeamViewSet
from accounts.tokens.api import TokenViewSet
from accounts.tokens.schema import BearerTokenScheme

routes: list[tuple[str, type, str]] = [
    ("me", MeViewSet, "me"),
    ("teams", TeamViewSet, "team"),
    ("tokens", TokenViewSet, "token"),
]

# BearerTokenScheme is exported because importing it registers it with drf-spectacular.
__all__ = ["BearerTokenScheme", "routes"]
