"""API of people, teams and tokens."""

from __future__ import annotations

from knox.auth import TokenAuthentication as KnoxTokenAuthentication


class TokenAuthentication(KnoxTokenAuthentication):
    """Bearer tokens of ``accounts.AccessToken``."""


routes: list[tuple[str, type, str]] = []
