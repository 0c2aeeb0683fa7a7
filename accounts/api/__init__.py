"""API of people, teams and tokens."""

from __future__ import annotations

from accounts.api.me import MeViewSet
from accounts.api.schema import BearerTokenScheme
from accounts.api.teams import TeamViewSet
from accounts.api.tokens import TokenViewSet

routes: list[tuple[str, type, str]] = [
    ("me", MeViewSet, "me"),
    ("teams", TeamViewSet, "team"),
    ("tokens", TokenViewSet, "token"),
]

# BearerTokenScheme is named so that importing it, which registers it, is no accident.
__all__ = ["BearerTokenScheme", "routes"]
