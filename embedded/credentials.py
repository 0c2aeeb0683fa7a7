"""Credentials of the portal and of a data scientist for the sandbox, generated once and stored in VAR_DIR/secrets."""

from __future__ import annotations

import secrets
import uuid
from pathlib import Path

from django.conf import settings

from embedded.cast import CREDENTIAL
from portal.env import kept_secret

DATA_SCIENTIST = "data.scientist@example.com"


def sandbox_token() -> str:
    """The token with which the examples train models and call endpoints."""
    return _kept("sandbox_token", lambda: f"dapi{secrets.token_hex(16)}")


def sandbox_environment() -> dict[str, str]:
    """Environment variables with secrets, for the sandbox and for the workers that connect to it."""
    return {
        f"{CREDENTIAL}_CLIENT_ID": _kept("sandbox_client_id", lambda: str(uuid.uuid4())),
        f"{CREDENTIAL}_CLIENT_SECRET": _kept("sandbox_client_secret", lambda: secrets.token_urlsafe(32)),
        "SANDBOX_TOKENS": f"{sandbox_token()}={DATA_SCIENTIST}:admin",
    }


def _kept(name: str, make: object) -> str:
    return kept_secret(Path(settings.VAR_DIR) / "secrets" / name, make)
