"""Settings from the environment. An error names the variable with the bad value."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

WORKSPACE_ID = 7405610011223344
ACCOUNT_ID = "1d1b6c1e-9c5e-4a7b-8d55-52b5a4a1f7c0"
METASTORE_ID = "7c0a6f55-1a3f-4a0e-9f0a-5d3c1b8e2a90"
LOOPBACK = "127.0.0.1"


class ConfigError(ValueError):
    """An environment variable has an invalid value."""

    def __init__(self, variable: str, reason: str) -> None:
        super().__init__(f"{variable}: {reason}")
        self.variable = variable


@dataclass(frozen=True)
class TokenSpec:
    """A personal access token from the environment."""

    token: str = field(repr=False)
    user_name: str
    is_admin: bool


@dataclass(frozen=True)
class SandboxSettings:
    """Settings of the sandbox. The host is fixed: the sandbox binds the loopback address only."""

    var_dir: Path
    port: int = 8081
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    tokens: tuple[TokenSpec, ...] = ()
    host: str = field(default=LOOPBACK, init=False)

    @property
    def state_dir(self) -> Path:
        """The directory of all persistent state: ``VAR_DIR/sandbox``."""
        return self.var_dir / "sandbox"

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> SandboxSettings:
        """Raises ConfigError if a value is invalid."""
        client_id, client_secret = _read_client(environ)
        tokens = environ.get("SANDBOX_TOKENS", "").split(",")
        return cls(
            var_dir=Path(environ.get("VAR_DIR") or "var").absolute(),
            port=_read_port(environ),
            client_id=client_id,
            client_secret=client_secret,
            tokens=tuple(_read_token(item.strip()) for item in tokens if item.strip()),
        )


def _read_port(environ: Mapping[str, str]) -> int:
    value = environ.get("SANDBOX_PORT") or "8081"
    if not value.isdecimal() or not 1 <= int(value) <= 65535:
        raise ConfigError("SANDBOX_PORT", f"{value!r} is not a port number from 1 to 65535")
    return int(value)


def _read_client(environ: Mapping[str, str]) -> tuple[str, str]:
    client_id, client_secret = environ.get("SANDBOX_CLIENT_ID", ""), environ.get("SANDBOX_CLIENT_SECRET", "")
    if not client_id and not client_secret:
        return "", ""
    if not client_id:
        raise ConfigError("SANDBOX_CLIENT_ID", "is missing although SANDBOX_CLIENT_SECRET is set")
    if not client_secret:
        raise ConfigError("SANDBOX_CLIENT_SECRET", "is missing although SANDBOX_CLIENT_ID is set")
    try:
        return str(uuid.UUID(client_id)), client_secret
    except ValueError:
        raise ConfigError("SANDBOX_CLIENT_ID", f"{client_id!r} is not a UUID (an application id)") from None


def _read_token(item: str) -> TokenSpec:
    token, _, owner = item.partition("=")
    user_name, _, role = owner.partition(":")
    if not token or not user_name or role not in ("", "admin"):
        raise ConfigError("SANDBOX_TOKENS", "each item must read token=user_name or token=user_name:admin")
    return TokenSpec(token=token, user_name=user_name, is_admin=role == "admin")
